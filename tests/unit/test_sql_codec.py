"""Values on their way into the tables and back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sql.codec import decoder, encode, maybe_micros, maybe_moment, micros, moment, plain
from runtime.model.messages import Button, Content

_HALF = "\ud83d"
_REPLACED = "\N{REPLACEMENT CHARACTER}"


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_comes_back_to_the_microsecond(when: datetime) -> None:
    assert moment(micros(when)) == when


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_times_are_ordered_like_their_numbers(one: datetime, other: datetime) -> None:
    assert (one < other) == (micros(one) < micros(other))


def test_a_time_of_another_zone_is_the_same_instant() -> None:
    there = datetime(2026, 3, 29, 3, 30, tzinfo=timezone(timedelta(hours=2)))

    assert moment(micros(there)) == there
    assert moment(micros(there)).tzinfo is UTC


def test_no_time_is_no_number() -> None:
    assert maybe_micros(None) is None
    assert maybe_moment(None) is None


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_comes_back_as_it_was(text: str) -> None:
    content = Content(text, (Button("Yes", "approve", text),))

    assert decoder(Content)(encode(content)) == content


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (f"a {_HALF} b", f"a {_REPLACED} b"),
        (f"{_HALF}\ude00", "\N{GRINNING FACE}"),
        (f"{_HALF}", _REPLACED),
    ],
    ids=["in_the_middle", "both_halves", "alone"],
)
def test_half_a_character_does_not_keep_a_message_from_being_stored(text: str, stored: str) -> None:
    encoded = encode(Content(text, (Button(text, "approve", "a1"),)))

    assert decoder(Content)(encoded) == Content(stored, (Button(stored, "approve", "a1"),))
    assert plain(text) == stored


def test_a_column_takes_no_nul() -> None:
    assert plain("a\0b") == f"a{_REPLACED}b"
