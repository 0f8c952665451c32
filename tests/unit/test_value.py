"""`runtime.model.value`: what is made for each event is a value like every other."""

from dataclasses import replace

import pytest

from runtime.model.value import value


@value(kw_only=True)
class _Word:
    """A word, and how often it was said."""

    text: str
    count: int = 1


def test_equal_values_are_one_key() -> None:
    assert _Word(text="a") == _Word(text="a", count=1)
    assert len({_Word(text="a"), _Word(text="a"), _Word(text="a", count=2)}) == 2


def test_a_changed_value_is_another_one() -> None:
    before = _Word(text="a")
    assert replace(before, count=2) == _Word(text="a", count=2)
    assert before.count == 1


def test_it_takes_no_other_field_and_none_without_its_name() -> None:
    with pytest.raises(AttributeError):
        _Word(text="a").kind = "noun"  # type: ignore[attr-defined] # there is none
    with pytest.raises(TypeError):
        _Word("a")  # type: ignore[call-arg] # by name alone


def test_the_type_checker_holds_it_to_be_frozen() -> None:
    word = _Word(text="a")
    # Once mypy lets this through, it calls the comment unused, and that fails the check.
    word.count = 2  # type: ignore[misc]
    assert word == _Word(text="a", count=2)
