"""Which time zone the machine is in."""

from pathlib import Path

import pytest

from bot.configuration.zone import is_zone, machine_zone


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    return tmp_path


@pytest.mark.parametrize(
    ("tz", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":America/New_York", "America/New_York"),
        (":/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "UTC"),
        ("Etc/UTC", "UTC"),
        ("", "UTC"),
    ],
)
def test_from_the_variable(etc: Path, tz: str, zone: str) -> None:
    assert machine_zone({"TZ": tz}, etc=etc) == zone


def test_from_where_localtime_leads_and_then_from_the_written_name(etc: Path) -> None:
    (etc / "timezone").write_text("Europe/Paris\n")
    assert machine_zone({}, etc=etc) == "Europe/Paris"
    (etc / "localtime").symlink_to("/usr/share/zoneinfo/Europe/Rome")
    assert machine_zone({}, etc=etc) == "Europe/Rome"
    (etc / "localtime").unlink()
    (etc / "localtime").write_bytes(b"TZif2")
    assert machine_zone({}, etc=etc) == "Europe/Paris"


def test_a_machine_that_says_nothing_is_in_utc(etc: Path) -> None:
    (etc / "timezone").write_bytes(b"\xff\xfe")
    assert machine_zone({}, etc=etc) == "UTC"


@pytest.mark.parametrize(
    "name", ["", "Europe", "europe/berlin", "../etc/passwd", "posixrules", "a\0b"]
)
def test_what_is_no_zone(name: str) -> None:
    assert not is_zone(name)
