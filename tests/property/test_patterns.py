"""Patterns: a yes for a time never covers a call that differs in anything that was to stay."""

import json
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from runtime.approvals.patterns import in_words
from runtime.model.approval import Frozen, pattern_of
from runtime.signature import canonical

NAMES = ("channel", "text", "value", "version", "")
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from((0.0, 1.0, "", "1", "true", "a", "a\\", '"', "#ops", "text"))
    | st.lists(st.sampled_from(("a", "b", 1, True)), max_size=2)
)
ARGUMENTS = st.dictionaries(st.sampled_from(NAMES), VALUES)
VARYING = st.frozensets(st.sampled_from(NAMES), max_size=len(NAMES) - 1)


def frozen(arguments: dict[str, object]) -> Frozen:
    return Frozen(tool="message.send", schema="s", arguments=canonical(arguments))


def fixed(arguments: dict[str, object], varies: frozenset[str]) -> str:
    """What has to be the same, written anew: by type, so that 1, 1.0 and true are three things."""
    kept = {name: value for name, value in arguments.items() if name not in varies}
    return repr(sorted(kept.items()))


@given(ARGUMENTS, ARGUMENTS, VARYING)
def test_two_calls_are_of_one_pattern_exactly_where_what_is_fixed_is_the_same(
    one: dict[str, object], other: dict[str, object], varies: frozenset[str]
) -> None:
    mine, others = pattern_of(frozen(one), varies), pattern_of(frozen(other), varies)
    same = fixed(one, varies) == fixed(other, varies)
    assert (mine == others) is same
    assert (mine.digest() == others.digest()) is same


@given(ARGUMENTS, st.sampled_from(NAMES), VALUES, VARYING)
def test_a_change_of_one_fixed_argument_is_another_pattern(
    given_arguments: dict[str, object], name: str, value: object, varies: frozenset[str]
) -> None:
    assume(name not in varies)
    changed = {**given_arguments, name: value}
    assume(repr(changed) != repr(given_arguments))
    was, now = pattern_of(frozen(given_arguments), varies), pattern_of(frozen(changed), varies)
    assert was.digest() != now.digest()


@given(ARGUMENTS, VARYING, VARYING)
def test_what_leaves_something_else_open_is_another_pattern(
    given_arguments: dict[str, object], some: frozenset[str], others: frozenset[str]
) -> None:
    one, another = (pattern_of(frozen(given_arguments), varies) for varies in (some, others))
    assert (one.digest() == another.digest()) is (some == others)


@given(ARGUMENTS, VARYING)
def test_a_pattern_is_bound_to_all_else_that_decides_what_happens(
    given_arguments: dict[str, object], varies: frozenset[str]
) -> None:
    call = frozen(given_arguments)
    others = (
        replace(call, tool="message.edit"),
        replace(call, schema="t"),
        replace(call, folder="/work"),
        replace(call, variables=("HOME",)),
        replace(call, sandbox="none"),
        replace(call, files=(("a", "f00"),)),
    )
    digests = {pattern_of(one, varies).digest() for one in (call, *others)}
    assert len(digests) == 1 + len(others)


@given(st.dictionaries(st.sampled_from(NAMES[:-1]), VALUES | st.text()), VARYING)
def test_the_words_are_plain_and_name_all_that_varies(
    given_arguments: dict[str, object], varies: frozenset[str]
) -> None:
    words = in_words(pattern_of(frozen(given_arguments), varies - {""}))
    assert words.isascii()
    assert words.count("`") % 2 == 0
    assert len(words) < 300
    assert all(f"the `{name}`" in words for name in varies - {""})
    for name, value in given_arguments.items():
        if f"`{name}` = `" in words:
            assert f"`{name}` = `{json.dumps(value)}`" in words
