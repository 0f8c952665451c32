"""Approvals as values: what follows what, and what a hash is of."""

import hashlib
from dataclasses import replace

import pytest

from runtime.errors import Conflict
from runtime.ids import MessageId
from runtime.model.approval import (
    ApprovalEvent,
    ApprovalState,
    Card,
    Frozen,
    Pattern,
    after,
    may_follow,
    pattern_of,
)
from tests.support.build import DM, OPS

FROZEN = Frozen(
    tool="git.push",
    schema="s1",
    arguments='{"branch":"main","note":"ä"}',
    folder="/w",
    variables=("A", "B"),
    sandbox="strict",
    files=(("a", "f00"), ("b", "f01")),
)
ENDS = {
    "pending": {
        "approve": "approved",
        "deny": "denied",
        "expire": "expired",
        "cancel": "cancelled",
    },
    "approved": {"begin": "executing", "expire": "expired", "cancel": "cancelled"},
    "executing": {"succeed": "done", "fail": "failed", "lose": "unknown"},
    "unknown": {"succeed": "done", "fail": "failed"},
}
"""What may happen in each state, and where it leads; in all others nothing."""


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("state", list(ApprovalState))
@pytest.mark.parametrize("event", list(ApprovalEvent))
def test_what_follows_what(state: ApprovalState, event: ApprovalEvent) -> None:
    then = ENDS.get(state, {}).get(event)
    assert (state in may_follow(event)) is (then is not None)
    if then is not None:
        assert after(state, event) is ApprovalState(then)
        return
    with pytest.raises(Conflict) as refused:
        after(state, event)
    assert str(refused.value) == f"the approval is {state}, so it cannot {event}"


def test_the_hash_is_of_these_bytes() -> None:
    """It is stored, and what waits and what is granted must outlive an update."""
    assert FROZEN.digest() == sha256(
        '["nightdesk approval 1","git.push","s1",'
        r'"{\"branch\":\"main\",\"note\":\"\u00e4\"}",'
        '"/w",["A","B"],"strict",[["a","f00"],["b","f01"]]]'
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"tool": "git.pull"},
        {"schema": "s2"},
        {"arguments": '{"branch":"dev"}'},
        {"folder": ""},
        {"variables": ("B", "A")},
        {"variables": ("A", "B", "")},
        {"sandbox": ""},
        {"files": (("a", "f00"),)},
        {"files": (("a", "f01"), ("b", "f00"))},
    ],
)
def test_whatever_changes_is_another_hash(changes: dict[str, object]) -> None:
    assert replace(FROZEN, **changes).digest() != FROZEN.digest()  # type: ignore[arg-type]


def test_where_nothing_varies_a_pattern_is_its_call() -> None:
    assert pattern_of(FROZEN, []) == Pattern(frozen=FROZEN)
    assert pattern_of(FROZEN, []).digest() == FROZEN.digest()


def test_a_pattern_leaves_out_what_varies_and_its_hash_is_of_these_bytes() -> None:
    call = replace(FROZEN, arguments='{"branch":"main","depth":3,"force":true,"note":"ä"}')
    pattern = pattern_of(call, ["force", "branch"])
    assert pattern.frozen == replace(FROZEN, arguments='{"depth":3,"note":"ä"}')
    assert pattern.varies == ("branch", "force")
    kept = pattern.frozen.digest()
    assert pattern.digest() == sha256(f'["nightdesk pattern 1","{kept}",["branch","force"]]')


def test_a_pattern_is_the_same_in_whatever_order_a_call_names_its_arguments() -> None:
    call = replace(FROZEN, arguments='{"note":"ä","force":true,"depth":3}')
    assert pattern_of(call, ["force"]).frozen.arguments == '{"depth":3,"note":"ä"}'


def test_a_card_is_seen_in_its_thread_and_in_the_one_that_hangs_from_it() -> None:
    card = Card(thread=OPS, message=MessageId("m1"))
    under = OPS.under(MessageId("m1"))
    assert card.is_in(OPS)
    assert card.is_in(under)
    assert not card.is_in(OPS.under(MessageId("m2")))
    assert not card.is_in(DM)
    inside = Card(thread=under, message=MessageId("m2"))
    assert inside.is_in(under)
    assert not inside.is_in(OPS)
    assert not inside.is_in(under.under(MessageId("m2"))), "no thread hangs from a thread's message"
