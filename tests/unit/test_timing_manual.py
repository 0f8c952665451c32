"""Every example of the manual does what the manual says of it."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.timing.timetable import CronsimTimetable
from runtime.asking import split_sentence
from runtime.errors import NotATime, Refused

MANUAL = Path(__file__).parents[2] / "docs" / "schedules.md"
NOW = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)


def examples(title: str) -> list[str]:
    """The first column of the tables under that heading."""
    section = MANUAL.read_text(encoding="utf-8").split(f"\n## {title}")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return [example for row in rows for example in re.findall(r"`([^`]+)`", row)]


@pytest.mark.parametrize("said", examples("Times that repeat") + examples("Single times"))
def test_what_the_manual_offers_is_read(said: str) -> None:
    timetable = CronsimTimetable()
    when = timetable.read(said, now=NOW, zone="Europe/Berlin")
    assert timetable.next_after(when, NOW) is not None


@pytest.mark.parametrize("said", [*examples("What is refused"), "* * * * * *"])
def test_what_the_manual_says_is_refused_is_refused_for_a_reason(said: str) -> None:
    with pytest.raises(Refused) as refused:
        split_sentence(said, CronsimTimetable(), now=NOW, zone="Europe/Berlin")
    assert not isinstance(refused.value, NotATime)


def test_the_manual_has_examples_of_each_kind() -> None:
    assert len(examples("Times that repeat")) > 30
    assert len(examples("Single times")) > 20
    assert len(examples("What is refused")) > 20
