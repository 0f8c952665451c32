"""The card of an approval: the frozen bytes as people must see them, and where they stand. Pure.

What is shown is made from what is frozen, by `runtime.approvals.shown.reveal`, in a code fence
that nothing in it can close: runs of backticks are written out. What does not fit a message of
every platform whole has no button for a yes.
"""

import json
import re
from datetime import datetime
from functools import lru_cache

from runtime.approvals.patterns import in_words
from runtime.approvals.shown import legible, prose, reveal
from runtime.approvers import name_of
from runtime.model.approval import GRANTED_FOR, Approval, ApprovalState, Frozen, pattern_of
from runtime.model.localtime import show_time
from runtime.model.messages import Button, Content
from runtime.model.team import Team
from runtime.model.tools import Json, Risk
from runtime.policy.rules import ALWAYS_ASKED
from runtime.text import clipped, verbatim

APPROVE = "approval.approve"
DENY = "approval.deny"
ALWAYS = "approval.always"
EDIT = "approval.edit"
HAPPENED = "approval.happened"
FAILED = "approval.not_happened"
ACTIONS = frozenset({APPROVE, DENY, ALWAYS, EDIT, HAPPENED, FAILED})
"""What the buttons of cards ask for."""

ROOM = 1_200
"""Characters of what would run that a card shows; more is not shown whole. With the rest of the
card it fits the smallest message there is (Discord's 2,000 characters)."""
ROOM_TO_ASK = ROOM - 100
"""The same of what only asks people: what an edit changed has some room beside it."""
_LOOKED_AT = ROOM + 1
_EXCERPT = 600
_CHANGES = 300
_CHANGE = 140
_REASON = 200
_NOTE = 200
_HASH = 8
_ID = 8
_TICKS = re.compile(r"`{3,}")


def handle(approval: Approval) -> str:
    """What its buttons carry: the id, and the beginning of the hash of what the card shows."""
    return f"{approval.id}:{approval.digest[:_HASH]}"


def short_id(approval: Approval) -> str:
    """The beginning of its id, as people write it."""
    return approval.id[:_ID]


def short_hash(approval: Approval) -> str:
    """The beginning of its hash, as people write it."""
    return approval.digest[:_HASH]


def shown(frozen: Frozen) -> str:
    """Exactly what will run, to be read: JSON, with everything written out that an eye would miss.

    Nothing is lost: the bytes can be had back from it. Of the longest arguments that takes seconds.
    """
    return _fenced(frozen, _written(frozen))


def _written(frozen: Frozen) -> str:
    """What will run, as JSON."""
    arguments: Json = json.loads(frozen.arguments)
    around: dict[str, Json] = {
        "folder": frozen.folder,
        "variables": list(frozen.variables),
        "sandbox": frozen.sandbox,
        "files": [list(file) for file in frozen.files],
    }
    used = {name: value for name, value in around.items() if value}
    whole: Json = {"arguments": arguments, **used} if used else arguments
    return json.dumps(whole, ensure_ascii=False, indent=2)


@lru_cache(maxsize=4)
def _beginning(frozen: Frozen) -> tuple[str, int]:
    """As much of it, to be read, as a card could show and a little more; and how much is left.

    To be read nothing grows shorter, so this is more than there is room for where all of it is.
    """
    text = _written(frozen)
    return _fenced(frozen, text[:_LOOKED_AT]), max(len(text) - _LOOKED_AT, 0)


def fenced_text(text: str) -> str:
    """The text, revealed, with no run of backticks that a reader could take for the fence's end."""
    return _without_ticks(reveal(text))


def fenced_prose(text: str) -> str:
    """The same of what people read and nothing runs."""
    return _without_ticks(prose(text))


def _fenced(frozen: Frozen, text: str) -> str:
    return fenced_prose(text) if frozen.tool in ALWAYS_ASKED else fenced_text(text)


def _without_ticks(text: str) -> str:
    return _TICKS.sub(lambda run: f"⟨U+{ord('`'):04X}⟩" * len(run[0]), text)


def is_whole(approval: Approval) -> bool:
    """Whether a card shows all of it, so that a button may approve it."""
    more = len(_covers(approval)) if approval.varies else 0
    text, _ = _beginning(approval.frozen)
    return len(text) + len(_difference(approval)) + more <= ROOM


def card(approval: Approval, team: Team, *, now: datetime) -> Content:
    """The card as it is now, with the buttons that it has now."""
    lines = [f"**{_headline(approval)}: `{approval.frozen.tool}`** ({approval.risk})"]
    requester = name_of(team, approval.requester)
    lines.append(f"{approval.agent} asks for {requester}. Why: {_one_line(approval.reason)}")
    if difference := _difference(approval) if is_whole(approval) else _cut(approval):
        lines.append(f"What was changed:\n```\n{difference}\n```")
    lines += [_fence(approval), _always(approval), _standing(approval, team, now)]
    lines.append(f"Approval `{short_id(approval)}`, hash `{short_hash(approval)}`")
    return Content("\n".join(line for line in lines if line), _buttons(approval), ours=True)


def full(approval: Approval) -> str:
    """All of it, for a file where it does not fit a message."""
    return f"{approval.frozen.tool}\n{shown(approval.frozen)}\nsha256 {approval.digest}\n"


def _fence(approval: Approval) -> str:
    text, left = _beginning(approval.frozen)
    if is_whole(approval):
        return f"```\n{text}\n```"
    # What is cut off is said below; of a short text nothing is: what was changed takes the room.
    beginning = clipped(text, _EXCERPT + 1)[:-1] if len(text) > _EXCERPT else text
    rest = len(text) - len(beginning) + left
    lacks = f"{rest} more characters do not fit" if rest else "Not all of it fits"
    this = short_id(approval)
    return (
        f"```\n{beginning}\n```\n**{lacks} here**, so no button "
        f"approves it. `/approve show {this}` sends all of it; "
        f"`/approve accept {this} {short_hash(approval)}` approves it."
    )


def _difference(approval: Approval) -> str:
    """What an edit changed, bounded: a long one is not whole then.

    Of what only asks, what it is now is read below it: what it was takes the room that is left.
    """
    _, _, rest = approval.reason.partition("\n")
    lines = _fenced(approval.frozen, rest[:ROOM])[:ROOM]
    if approval.frozen.tool not in ALWAYS_ASKED:
        return lines
    return clipped(lines, ROOM - len(_beginning(approval.frozen)[0]))


def _cut(approval: Approval) -> str:
    """The difference of an edit whose card is not whole: the beginning of each of its lines."""
    _, _, rest = approval.reason.partition("\n")
    lines = fenced_text(
        "\n".join(clipped(line, _CHANGE) for line in rest.splitlines())[:_LOOKED_AT]
    )
    return clipped(lines, _CHANGES)


def _one_line(reason: str) -> str:
    return clipped(reveal(" ".join(reason.partition("\n")[0].split())[:_LOOKED_AT]), _REASON)


def _headline(approval: Approval) -> str:
    match approval.state:
        case ApprovalState.PENDING:
            only_asks = approval.frozen.tool in ALWAYS_ASKED
            return "Checkpoint" if only_asks else "Approval needed"
        case ApprovalState.UNKNOWN:
            return "It may have run"
        case ApprovalState.EXECUTING:
            return "Running"
        case _:
            return str(approval.state).capitalize()


def _standing(approval: Approval, team: Team, now: datetime) -> str:
    by = name_of(team, approval.decided_by)
    said_yes = ", ".join(name_of(team, vote.by) for vote in approval.votes)
    match approval.state:
        case ApprovalState.PENDING:
            return _waiting(approval, said_yes, team, now)
        case ApprovalState.APPROVED | ApprovalState.EXECUTING:
            return f"Approved by {said_yes}."
        case ApprovalState.DENIED:
            why = f": {verbatim(_bounded(approval.note))}" if approval.note else "."
            return f"Denied by {by}{why}"
        case ApprovalState.EXPIRED:
            late = f"Approved by {said_yes}, but it did not run in time, so it was not done."
            decided = len(approval.votes) >= approval.needed
            return late if decided else "Nobody decided in time, so it was not done."
        case ApprovalState.CANCELLED:
            return _bounded(approval.note) or "It was not done."
        case ApprovalState.DONE:
            return f"Approved by {said_yes}." if said_yes else f"{by} looked: it was done."
        case ApprovalState.FAILED:
            return f"It failed: {verbatim(_bounded(approval.note))}"
        case ApprovalState.UNKNOWN:
            return (
                "Nightdesk ended while this ran, and does not know whether it took effect. "
                "It is never run again by itself. Please look, and then say what became of it."
            )


def _waiting(approval: Approval, said_yes: str, team: Team, now: datetime) -> str:
    left = approval.needed - len(approval.votes)
    until = show_time(approval.expires_at, team.zone, now=now)
    people = "one yes" if left == 1 else f"a yes from {left} people"
    more = f"Yes from {said_yes}; it needs {people} more" if said_yes else f"It needs {people}"
    others = ", not from who asked" if approval.needed > 1 else ""
    return f"{more}{others}, until {until}. After that it is a no."


def _always(approval: Approval) -> str:
    """What the button for a time would allow, where there is one."""
    if approval.state is not ApprovalState.PENDING or not _offers_always(approval):
        return ""
    return f"Always: {_covers(approval)}, for {GRANTED_FOR.days} days."


def _covers(approval: Approval) -> str:
    return in_words(pattern_of(approval.frozen, approval.varies))


def _buttons(approval: Approval) -> tuple[Button, ...]:
    this = handle(approval)
    if approval.state is ApprovalState.UNKNOWN:
        return (Button("Mark done", HAPPENED, this), Button("Mark failed", FAILED, this))
    if approval.state is not ApprovalState.PENDING:
        return ()
    buttons = [Button("Deny", DENY, this), Button("Edit…", EDIT, this)]
    if is_whole(approval):
        buttons.insert(0, Button("Approve", APPROVE, this))
        if _offers_always(approval):
            buttons.append(Button(f"Always ({GRANTED_FOR.days} days)", ALWAYS, this))
    return tuple(buttons)


def may_always(approval: Approval) -> bool:
    """Whether it may be allowed for a time.

    Nothing dangerous, nothing that takes two people, nothing that is asked because of a rate, and
    nothing that only asks.
    """
    may = approval.risk is not Risk.DANGEROUS and approval.frozen.tool not in ALWAYS_ASKED
    return may and approval.needed == 1 and not approval.too_often


def _offers_always(approval: Approval) -> bool:
    return is_whole(approval) and may_always(approval)


def _bounded(note: str) -> str:
    return clipped(legible(" ".join(note.split())[:_LOOKED_AT]), _NOTE)
