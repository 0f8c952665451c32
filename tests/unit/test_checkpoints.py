"""The rules of a checkpoint: what may be said there, what people may change of it, and who said yes."""

import json
from dataclasses import replace
from typing import Any

import pytest

from runtime.approvals.cards import ROOM_TO_ASK, fenced_prose
from runtime.approvals.checkpoints import answer, refused, require_only_next, tidy
from runtime.errors import Refused
from runtime.ids import ApprovalId, ToolCallId
from runtime.model.approval import Approval, ApprovalState, Frozen, Vote
from runtime.model.checkpoint import (
    CHECKPOINT,
    GO_ON,
    LONGEST_DONE,
    LONGEST_THEN,
    LONGEST_TITLE,
    STAY,
    YES,
)
from tests.support.approving import BOB, CID, people
from tests.support.asking import question
from tests.support.build import T0

SAID = {"title": "Deploy", "done": "Built it.", "then": "Push it."}
AS_SHOWN: dict[str, Any] = {"ensure_ascii": False, "indent": 2}
LONGEST = {"title": LONGEST_TITLE, "done": LONGEST_DONE, "then": LONGEST_THEN}


def frozen(**changes: str) -> Frozen:
    return Frozen(tool=CHECKPOINT, schema="s1", arguments=json.dumps({**SAID, **changes}))


def asked(state: ApprovalState = ApprovalState.DONE, **changes: Any) -> Approval:
    """A checkpoint that Bob said yes to."""
    votes = (Vote(by=BOB, at=T0),)
    return question(**{"frozen": frozen(), "state": state, "votes": votes, **changes})


# ---- what may be said


def test_what_is_said_is_tidied() -> None:
    said = {"title": " Deploy \n now ", "done": "\nBuilt\nit. ", "then": " Push it.\n"}
    assert tidy(said) == {"title": "Deploy now", "done": "Built\nit.", "then": "Push it."}


@pytest.mark.parametrize("name", SAID)
def test_nothing_is_left_out(name: str) -> None:
    with pytest.raises(Refused) as no:
        tidy({**SAID, name: " \n"})
    assert no.value.message == f"The {name} of the checkpoint is empty."
    assert no.value.hint == (
        "Say what it is about (title), what you did (done) and what comes next (then)."
    )


@pytest.mark.parametrize("name", SAID)
def test_nothing_is_longer_than_people_read(name: str) -> None:
    assert tidy({**SAID, name: "x" * LONGEST[name]})[name] == "x" * LONGEST[name]
    with pytest.raises(Refused) as no:
        tidy({**SAID, name: "x" * (LONGEST[name] + 1)})
    assert no.value.message == (
        f"The {name} of the checkpoint has {LONGEST[name] + 1:,} characters, and {LONGEST[name]} "
        "is the most."
    )
    assert no.value.hint == "Say the gist of it, and the rest in the thread."


def test_nothing_is_longer_than_the_card_that_shows_it() -> None:
    said = {"title": "Über", "then": "\u200b" * LONGEST_THEN, "done": "\u200b" * LONGEST_DONE}
    shown = fenced_prose(json.dumps({name: said[name] for name in SAID}, **AS_SHOWN))
    with pytest.raises(Refused) as no:
        tidy(said)
    assert no.value.message == (
        f"The checkpoint has {len(shown):,} characters as people are shown it, and "
        f"{ROOM_TO_ASK:,} is the most. Quotes and line breaks take two, characters that nobody "
        "sees eight."
    )
    assert no.value.hint == "Say the gist of it, and the rest in the thread."


# ---- what people may change


def test_what_comes_next_is_people_s() -> None:
    require_only_next(frozen(), frozen(then="Wait."))
    require_only_next(frozen(), frozen())


@pytest.mark.parametrize("name", ["title", "done"])
def test_what_the_agent_said_that_it_did_is_not(name: str) -> None:
    with pytest.raises(Refused) as no:
        require_only_next(frozen(), frozen(**{name: "Something else."}, then="Wait."))
    assert no.value.message == (
        f"At a checkpoint only what comes next can be changed, not its {name}: that is what the "
        "agent said."
    )
    assert no.value.hint == "Write then = what it is to do instead."


def test_of_other_tools_everything_may_be_changed() -> None:
    before, after = (replace(each, tool="git.push") for each in (frozen(), frozen(done="x")))
    require_only_next(before, after)


# ---- what the agent is told


def test_where_a_checkpoint_did_not_run_the_agent_is_to_stay() -> None:
    assert refused(CHECKPOINT, "Bob said no.") == f"Bob said no. {STAY}"
    assert refused(CHECKPOINT, "It has an X") == f"It has an X. {STAY}"
    assert refused("git.push", "Bob said no.") == "Bob said no."


@pytest.mark.parametrize("state", [ApprovalState.EXECUTING, ApprovalState.DONE])
def test_a_yes_is_told_with_who_said_it_and_what_comes_next(state: ApprovalState) -> None:
    both = asked(state, votes=(Vote(by=BOB, at=T0), Vote(by=CID, at=T0)))
    assert answer([both], SAID, people()) == (
        f"{YES}Bob and Cid at the checkpoint “Deploy”. What comes next:\nPush it.\n{GO_ON}"
    )
    edited = asked(state, replaces=ApprovalId("approval-b"))
    assert answer([edited], SAID, people()) == (
        f"{YES}Bob at the checkpoint “Deploy”. What comes next, as people changed it:\n"
        f"Push it.\n{GO_ON}"
    )


def test_of_several_the_last_yes_is_told() -> None:
    later = asked(votes=(Vote(by=CID, at=T0),), call=ToolCallId("later"))
    assert answer([asked(), later], SAID, people()).startswith(f"{YES}Cid at")


@pytest.mark.parametrize(
    "state", [each for each in ApprovalState if each not in {ApprovalState.EXECUTING, "done"}]
)
def test_a_checkpoint_that_nobody_said_yes_to_is_none(state: ApprovalState) -> None:
    with pytest.raises(Refused) as no:
        answer([asked(state)], SAID, people())
    assert no.value.message == STAY


@pytest.mark.parametrize(
    "other",
    [
        asked(frozen=frozen(then="Wait.")),
        asked(frozen=replace(frozen(), tool="git.push")),
        asked(votes=()),
    ],
)
def test_a_yes_to_something_else_or_of_nobody_is_none(other: Approval) -> None:
    with pytest.raises(Refused) as no:
        answer([other], SAID, people())
    assert no.value.message == STAY
    with pytest.raises(Refused):
        answer([], SAID, people())
