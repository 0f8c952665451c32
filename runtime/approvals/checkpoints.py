"""What an agent is told at a checkpoint, and what people may change of one. Pure."""

import json
from collections.abc import Iterable

from runtime.approvals.cards import ROOM_TO_ASK, fenced_prose
from runtime.approvers import name_of
from runtime.errors import Refused
from runtime.model.approval import Approval, ApprovalState, Frozen
from runtime.model.checkpoint import (
    CHECKPOINT,
    GO_ON,
    LONGEST_DONE,
    LONGEST_THEN,
    LONGEST_TITLE,
    STAY,
    YES,
)
from runtime.model.team import Team
from runtime.signature import Arguments

_LONGEST = {"title": LONGEST_TITLE, "done": LONGEST_DONE, "then": LONGEST_THEN}
_USAGE = "Say what it is about (title), what you did (done) and what comes next (then)."
_SHORTER = "Say the gist of it, and the rest in the thread."
_SAID_YES = frozenset({ApprovalState.EXECUTING, ApprovalState.DONE})


def tidy(arguments: Arguments) -> dict[str, str]:
    """The arguments as people are shown them.

    Raises:
        Refused: one says nothing, or is too long.
    """
    said: dict[str, str] = {name: arguments[name].strip() for name in _LONGEST}
    said["title"] = " ".join(said["title"].split())
    for name, most in _LONGEST.items():
        if not said[name]:
            raise Refused(f"The {name} of the checkpoint is empty.", hint=_USAGE)
        if len(said[name]) > most:
            raise Refused(
                f"The {name} of the checkpoint has {len(said[name]):,} characters, and {most} is "
                "the most.",
                hint=_SHORTER,
            )
    shown = fenced_prose(json.dumps(said, ensure_ascii=False, indent=2))
    if len(shown) > ROOM_TO_ASK:
        raise Refused(
            f"The checkpoint has {len(shown):,} characters as people are shown it, and "
            f"{ROOM_TO_ASK:,} is the most. Quotes and line breaks take two, characters that "
            "nobody sees eight.",
            hint=_SHORTER,
        )
    return said


def require_only_next(before: Frozen, after: Frozen) -> None:
    """Refuse an edit of what an agent said that it had done: only what comes next is people's.

    Raises:
        Refused: it changes something else of a checkpoint; other tools are not looked at.
    """
    if before.tool != CHECKPOINT:
        return
    was, now = json.loads(before.arguments), json.loads(after.arguments)
    changed = sorted(name for name in _LONGEST if was[name] != now[name] and name != "then")
    if changed:
        raise Refused(
            f"At a checkpoint only what comes next can be changed, not its {changed[0]}: that is "
            "what the agent said.",
            hint="Write then = what it is to do instead.",
        )


def refused(tool: str, why: str) -> str:
    """What a model is told of a call that did not run: at a checkpoint also to stay there."""
    return f"{why.rstrip('.')}. {STAY}" if tool == CHECKPOINT else why


def answer(asked: Iterable[Approval], arguments: Arguments, team: Team) -> str:
    """Who said yes to what, of all that a turn asked.

    Raises:
        Refused: nobody did. A checkpoint holds whatever let its tool run.
    """
    same = [one for one in asked if one.state in _SAID_YES and _is_that(one, arguments)]
    if not same or not same[-1].votes:
        raise Refused(STAY)
    said = same[-1]
    names = " and ".join(name_of(team, vote.by) for vote in said.votes)
    changed = ", as people changed it" if said.replaces is not None else ""
    return (
        f"{YES}{names} at the checkpoint “{arguments['title']}”. What comes next{changed}:\n"
        f"{arguments['then']}\n"
        f"{GO_ON}"
    )


def _is_that(approval: Approval, arguments: Arguments) -> bool:
    frozen = approval.frozen
    return frozen.tool == CHECKPOINT and json.loads(frozen.arguments) == dict(arguments)
