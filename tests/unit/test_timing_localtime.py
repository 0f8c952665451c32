"""How instants and distances are written for people."""

from datetime import UTC, datetime, timedelta

import pytest

from runtime.model.localtime import show_distance, show_time

NOW = datetime(2026, 12, 31, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Europe/Berlin", "Thu 31 Dec 2026 23:30 CET"),
        ("UTC", "Thu 31 Dec 2026 22:30 UTC"),
        ("Asia/Kolkata", "Fri 1 Jan 2027 04:00 IST"),
        ("America/Sao_Paulo", "Thu 31 Dec 2026 19:30 UTC-03"),
        ("Australia/Lord_Howe", "Fri 1 Jan 2027 09:30 UTC+11"),
        ("Asia/Kathmandu", "Fri 1 Jan 2027 04:15 UTC+05:45"),
        ("Australia/Eucla", "Fri 1 Jan 2027 07:15 UTC+08:45"),
    ],
)
def test_an_instant_is_shown_in_its_zone_with_the_zones_name(zone: str, shown: str) -> None:
    assert show_time(NOW, zone) == shown


def test_the_year_is_left_out_while_it_is_the_present_one_there() -> None:
    later = NOW + timedelta(hours=1)
    assert show_time(later, "UTC", now=NOW) == "Thu 31 Dec 23:30 UTC"
    assert show_time(later, "Europe/Berlin", now=NOW) == "Fri 1 Jan 2027 00:30 CET"
    assert show_time(later, "Asia/Kolkata", now=NOW) == "Fri 1 Jan 05:00 IST"


@pytest.mark.parametrize(
    ("left", "shown"),
    [
        (timedelta(seconds=-5), "now"),
        (timedelta(), "now"),
        (timedelta(seconds=29), "in less than a minute"),
        (timedelta(seconds=59), "in 1 min"),
        (timedelta(minutes=1), "in 1 min"),
        (timedelta(minutes=59, seconds=29), "in 59 min"),
        (timedelta(minutes=59, seconds=59), "in 1 h"),
        (timedelta(hours=1, minutes=59, seconds=58), "in 2 h"),
        (timedelta(hours=23, minutes=59, seconds=59), "in 1 day"),
        (timedelta(hours=3), "in 3 h"),
        (timedelta(hours=2, minutes=5), "in 2 h 5 min"),
        (timedelta(hours=15, minutes=40), "in 15 h"),
        (timedelta(days=1), "in 1 day"),
        (timedelta(days=2, hours=20), "in 3 days"),
    ],
)
def test_a_distance_is_as_exact_as_anybody_needs(left: timedelta, shown: str) -> None:
    assert show_distance(left) == shown
