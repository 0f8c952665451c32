"""`runtime.model.value`: what is made for each event is a value like every other."""

import pickle
from copy import copy
from dataclasses import field, replace

import pytest

from runtime.model.value import value


@value(kw_only=True)
class _Word:
    """A word, and how often it was said."""

    text: str
    count: int = 1


@value()
class _Kept:
    """A word, with what is not to be shown and what does not count."""

    word: _Word
    secret: str = field(repr=False)
    read: list[str] = field(default_factory=list, compare=False)


@value()
class _Nothing:
    """All that holds nothing is the same."""


@value()
class _Named:
    """A name, in capitals or not."""

    name: str

    def __hash__(self) -> int:
        return hash(self.name.lower())


@value()
class _Longer(_Named):
    """One with another kind than the name that it is like."""


def test_equal_values_are_one_key() -> None:
    assert _Word(text="a") == _Word(text="a", count=1)
    assert len({_Word(text="a"), _Word(text="a"), _Word(text="a", count=2)}) == 2


def test_a_changed_value_is_another_one() -> None:
    before = _Word(text="a")
    assert replace(before, count=2) == _Word(text="a", count=2)
    assert before.count == 1


def test_it_shows_what_it_holds_without_its_secrets() -> None:
    kept = _Kept(_Word(text="a"), "hush", ["b"])
    assert repr(kept) == "_Kept(word=_Word(text='a', count=1), read=['b'])"
    assert repr(_Nothing()) == "_Nothing()"


def test_what_does_not_count_makes_no_other_value() -> None:
    one, other = _Kept(_Word(text="a"), "b", ["c"]), _Kept(_Word(text="a"), "b")
    assert one == other
    assert hash(one) == hash(other)
    assert one != _Kept(_Word(text="a"), "c")


def test_another_kind_is_another_value() -> None:
    assert _Nothing() == _Nothing()
    assert hash(_Nothing()) == hash(_Nothing())
    assert _Named("a") != _Longer("a")
    assert _Nothing() != None  # noqa: E711 # compared, not looked for


def test_what_a_class_says_itself_stands() -> None:
    assert hash(_Named("A")) == hash(_Named("a"))
    assert _Named("A") != _Named("a")


def test_it_is_matched_by_place_and_copied() -> None:
    match copy(_Kept(_Word(text="a"), "b")):
        case _Kept(_Word(), secret):
            assert secret == "b"
    assert pickle.loads(pickle.dumps(_Named("a"))) == _Named("a")  # noqa: S301 # our own


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
