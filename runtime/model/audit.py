"""The audit log: what was decided and done, as a chain of which no link can be changed unseen.

Each record holds the hash of the record before it, and its own hash is over everything in it. So
whoever changes, takes out or moves a record must write every later one anew, and then the chain
ends in another hash than the one that was noted elsewhere (`Head`). docs/audit.md says what that
is worth against whom.

A record says who did what to what and by which rule. It never holds what people or models wrote.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, NewType
from urllib.parse import unquote

from runtime.ids import AgentName, Platform, TurnId
from runtime.model.address import Principal, key_of
from runtime.model.tools import Json

VERSION = "nightdesk audit 1"
"""Names the encoding that is hashed; another encoding has another name."""
NOTHING_BEFORE = "0" * 64
"""What the first record holds for the hash of the one before it."""
LONGEST = 300
"""Characters of a text in a record: rules and names are short, and nothing else belongs there."""

_PERSON = "person:"
_PARTS = 3
_NOTHING: Mapping[str, Json] = {}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_in_json = json.JSONEncoder(separators=(",", ":")).encode


class AuditKind(StrEnum):
    """What happened. The word before the dot is what it happened to."""

    TURN_STARTED = "turn.started"
    TURN_ENDED = "turn.ended"
    TURN_STOPPED = "turn.stopped"
    TURN_HANDED_OVER = "turn.handed_over"
    """A thread came to another agent."""
    STOP_ORDERED = "stop.ordered"
    """An agent, or everything, was stopped."""
    STOP_LIFTED = "stop.lifted"
    TOOL_BEGUN = "tool.begun"
    """A call may run and is about to; what may be run again is recorded when it ended."""
    TOOL_ENDED = "tool.ended"
    TOOL_REFUSED = "tool.refused"
    """A call did not run: policy, or the call itself, does not allow it."""
    APPROVAL_ASKED = "approval.asked"
    APPROVAL_VOTED = "approval.voted"
    """One person's yes, whether or not it was the last that was needed."""
    APPROVAL_MOVED = "approval.moved"
    """The place where it is asked does not take its card, so it is asked elsewhere."""
    APPROVAL_CHANGED = "approval.changed"
    """It was denied, it expired, it began to run, it ended: `state` says which."""
    GRANT_GIVEN = "grant.given"
    GRANT_REVOKED = "grant.revoked"
    SCHEDULE_MADE = "schedule.made"
    SCHEDULE_CHANGED = "schedule.changed"
    SCHEDULE_FIRED = "schedule.fired"
    SCHEDULE_MISSED = "schedule.missed"
    SCHEDULE_ENDED = "schedule.ended"
    """What a planned time began has ended."""
    COMMAND_DONE = "command.done"
    COMMAND_REFUSED = "command.refused"
    MESSAGE_UNASKED = "message.unasked"
    """An agent's message that nobody had asked for just then was sent."""
    MESSAGE_WITHHELD = "message.withheld"
    MESSAGE_DEAD = "message.dead"
    MESSAGE_RETRIED = "message.retried"
    MESSAGE_DROPPED = "message.dropped"
    ACCOUNT_LINKED = "account.linked"
    ACCOUNT_UNLINKED = "account.unlinked"
    MEMBER_CHANGED = "member.changed"
    """Somebody was let in, let go, or given another role in the chat."""
    BUDGET_CHANGED = "budget.changed"
    BUDGET_ANSWERED = "budget.answered"
    """A person did something about a limit that was used up."""
    CHANNEL_TRUSTED = "channel.trusted"
    CHANNEL_DISTRUSTED = "channel.distrusted"
    CONFIGURATION_LOADED = "configuration.loaded"
    POLICY_LOADED = "policy.loaded"
    POLICY_NOT_LOADED = "policy.not_loaded"
    """The file changed and cannot be used: what held before holds."""


_WORDS = {kind: kind.value for kind in AuditKind}
"""A member's `value` is looked up by Python code, and this is done for each record."""

Actor = NewType("Actor", str)
"""Who did it: `person:slack/T1/U1`, `agent:desk`, `system`, `shell`."""

SYSTEM = Actor("system")
"""Nightdesk by itself: time came, a crash was found."""
SHELL = Actor("shell")
"""Whoever may run `nightdesk` on the machine."""


@lru_cache(maxsize=1_024)
def by_person(who: Principal) -> Actor:
    """That person, by platform id."""
    return Actor(_PERSON + key_of(who))


def by_agent(name: AgentName) -> Actor:
    """That agent."""
    return Actor(f"agent:{name}")


def person_of(actor: str) -> Principal | None:
    """The person that `by_person` named so; None for what is no person."""
    parts = [unquote(part) for part in actor.removeprefix(_PERSON).split("/")]
    if not actor.startswith(_PERSON) or len(parts) != _PARTS or not "".join(parts).isprintable():
        return None
    platform, workspace, user = parts
    return Principal(Platform(platform), workspace, user)


class AuditEvent(NamedTuple):
    """Something to be recorded, before it has a place in the chain.

    Attributes:
        kind: what.
        actor: who.
        turn: the turn (or run, which has the same id) in which it happened, or None.
        body: what it happened to, by id, and how: small, without what anybody wrote, and without
            secrets.
    """

    kind: AuditKind
    actor: Actor
    turn: TurnId | None = None
    body: Mapping[str, Json] = _NOTHING


class AuditRecord(NamedTuple):
    """A link of the chain, exactly as it is stored: after tampering it may hold anything.

    Attributes:
        seq: its place, from 1, without gaps.
        at: when, in microseconds since 1970 in UTC.
        kind: what: an `AuditKind`, or one of another version.
        actor: who.
        turn: in which turn, or empty.
        body: a JSON object.
        before: the hash of the record before it.
        hash: its own.
    """

    seq: int
    at: int
    kind: str
    actor: str
    turn: str
    body: str
    before: str
    hash: str

    @property
    def moment(self) -> datetime | None:
        """When, or None where that is no time."""
        try:
            return _EPOCH + timedelta(microseconds=self.at)
        except (TypeError, OverflowError):
            return None

    def facts(self) -> Mapping[str, Json]:
        """What the body says; nothing where it is no JSON object any more."""
        try:
            read = json.loads(self.body)
        except (TypeError, ValueError, RecursionError):
            return {}
        return read if isinstance(read, dict) else {}


class Head(NamedTuple):
    """Where a chain ends: noted elsewhere, it shows later that nothing before it was changed.

    Attributes:
        seq: the number of its last record; 0 where it has none.
        hash: the hash of that record.
    """

    seq: int = 0
    hash: str = NOTHING_BEFORE

    def __str__(self) -> str:
        """As people write it down: the number, a colon, the hash."""
        return f"{self.seq}:{self.hash}"


def digest_of(record: AuditRecord) -> str:
    """SHA-256 over the encoding's name and everything in the record but its own hash, in hex.

    Each part is preceded by its length, so that parts cannot run into each other.
    """
    return _digest(*map(str, record[:-1]))


def _digest(seq: str, at: str, kind: str, actor: str, turn: str, body: str, before: str) -> str:
    whole = (
        f"{VERSION};{len(seq)}:{seq};{len(at)}:{at};{len(kind)}:{kind};{len(actor)}:{actor};"
        f"{len(turn)}:{turn};{len(body)}:{body};{len(before)}:{before}"
    )
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def sealed(
    event: AuditEvent, after: Head, *, at: int, in_json: Callable[[object], str] = _in_json
) -> AuditRecord:
    """The event as the record that follows the chain's end: see `all_sealed`."""
    return all_sealed([event], after, at=at, in_json=in_json)[0]


def all_sealed(
    events: Iterable[AuditEvent],
    after: Head,
    *,
    at: int,
    in_json: Callable[[object], str] = _in_json,
) -> list[AuditRecord]:
    """The events as the records that follow the chain's end, at that time in microseconds.

    What `in_json` makes of a body is what is hashed and stored.
    """
    (seq, before), when = after, str(at)
    records = []
    for kind, actor, of, said in events:
        seq, word, turn = seq + 1, _WORDS[kind], of or ""
        body = in_json(dict(said))
        if len(body) > LONGEST:  # in a shorter one no text can be too long
            body = in_json({name: _short(value) for name, value in said.items()})
        own = _digest(str(seq), when, word, actor, turn, body, before)
        records.append(AuditRecord(seq, at, word, actor, turn, body, before, own))
        before = own
    return records


def micros_of(when: datetime) -> int:
    """Microseconds since 1970, as records hold times."""
    return (when - _EPOCH) // _MICROSECOND


def _short(value: Json) -> Json:
    return value[:LONGEST] if isinstance(value, str) else value
