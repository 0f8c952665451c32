"""The ledger: what is held for calls under way, and what calls cost.

Money is whole millionths of a currency, each of which has meters of its own. A call holds its worst
case in every meter that it counts in, all at once or not at all, and is settled at what it cost.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from runtime.errors import Conflict, Refused
from runtime.ids import AgentName, HoldId, ModelName, ScheduleId, TurnId
from runtime.model.address import Principal, ThreadRef
from runtime.model.completion import Usage
from runtime.model.meter import DOLLARS, Balance, Meter, Scope, Short
from runtime.model.value import value

UNTOLD = Usage(None, None)
"""What is known where a provider says nothing."""


@value()
class Cheaper:
    """A model that could make the same call within the limits.

    Attributes:
        model: which, by the name that configuration gives it.
        worst: the most that the call would cost with it, in micro-units.
    """

    model: ModelName
    worst: int


class OverBudget(Refused):
    """A call would pass a limit, so it was not made.

    Attributes:
        short: the limit that it would pass.
        until: when its period ends; None for a run, which has no end.
        instead: what could make the call now for less, or None.
    """

    def __init__(
        self,
        message: str,
        hint: str,
        *,
        short: Short,
        until: datetime | None,
        instead: Cheaper | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.short = short
        self.until = until
        self.instead = instead


@value(kw_only=True)
class Spender:
    """On whose behalf a call is made.

    Attributes:
        provider: who is paid.
        agent: whose call it is.
        run: the turn, or the run of a planned time.
        person: who asked; for a schedule, who made it.
        thread: where the answer goes, or None.
        schedule: the schedule, or None.
        workflow: what caused it, as `runtime.money.workflows` names it; empty where not known.
    """

    provider: str
    agent: AgentName
    run: TurnId
    person: Principal
    thread: ThreadRef | None = None
    schedule: ScheduleId | None = None
    workflow: str = ""


class CallState(StrEnum):
    """Where a call is."""

    HELD = "held"
    """Its worst case is held."""
    SETTLED = "settled"
    """It cost what `spent` says."""
    RELEASED = "released"
    """It was not made, or the provider did nothing: it cost nothing."""
    EXPIRED = "expired"
    """Nobody said what became of it in time, so its worst case counts as spent."""


@value(kw_only=True)
class Call:
    """A call of a model, as the ledger keeps it.

    Attributes:
        id: its id.
        spender: on whose behalf.
        model: which model, by the name that configuration gives it.
        at: when it was reserved.
        expires_at: when it counts as spent, unless somebody said more of it by then.
        worst: its worst case, in micro-units.
        meters: where it counts, for good: in the periods in which it was reserved.
        state: where it is.
        spent: what it cost, in micro-units.
        usage: what the provider said it used.
        note: what was odd about it, in words, or empty.
    """

    id: HoldId
    spender: Spender
    model: ModelName
    at: datetime
    expires_at: datetime
    worst: int
    meters: tuple[Meter, ...]
    state: CallState = CallState.HELD
    spent: int = 0
    usage: Usage = UNTOLD
    note: str = ""

    @property
    def currency(self) -> str:
        """That of its meters, which is that of the team when it was reserved."""
        return self.meters[0].currency if self.meters else DOLLARS

    @property
    def held(self) -> int:
        """What is held for it now, in micro-units."""
        return self.worst if self.state is CallState.HELD else 0


class EntryKind(StrEnum):
    """What an entry records."""

    RESERVE = "reserve"
    SETTLE = "settle"
    RELEASE = "release"


@value(kw_only=True)
class LedgerEntry:
    """One change of the balances of a call's meters. Their sum is what each meter says.

    Attributes:
        call: the call.
        kind: what happened.
        at: when.
        held: by how much what is held changed, in micro-units.
        spent: by how much what is spent changed, in micro-units.
        note: what was odd about it, or empty.
    """

    call: HoldId
    kind: EntryKind
    at: datetime
    held: int
    spent: int
    note: str = ""


@value(kw_only=True)
class Settlement:
    """What became of a call.

    Attributes:
        state: where it is now.
        spent: what it cost, in micro-units.
        usage: what the provider said it used.
        note: what was odd about it, or empty.
        at: when that was known.
    """

    state: CallState
    spent: int
    usage: Usage = UNTOLD
    note: str = ""
    at: datetime


@value()
class Change:
    """By how much a call's meters change."""

    held: int = 0
    spent: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


def share_of(call: Call) -> Change:
    """What the call adds to each of its meters, as it is."""
    ended = call.state in (CallState.SETTLED, CallState.EXPIRED)
    return Change(
        held=call.held,
        spent=call.spent,
        calls=int(ended),
        prompt_tokens=max(call.usage.prompt_tokens or 0, 0) if ended else 0,
        completion_tokens=max(call.usage.completion_tokens or 0, 0) if ended else 0,
    )


def reserved(call: Call) -> LedgerEntry:
    """The first entry of a call."""
    return LedgerEntry(
        call=call.id,
        kind=EntryKind.RESERVE,
        at=call.at,
        held=call.held,
        spent=call.spent,
        note=call.note,
    )


def settled(call: Call, by: Settlement) -> tuple[Call, LedgerEntry, Change]:
    """The call after the settlement, the entry that records it, and what it does to its meters.

    What expired may still be settled: then the truth replaces the worst case.

    Raises:
        Conflict: it was settled or released before.
    """
    known = (CallState.SETTLED, CallState.RELEASED)
    again = call.state is CallState.EXPIRED and by.state is CallState.EXPIRED
    if call.state in known or again:
        raise Conflict(f"the call is {call.state}")
    changed = replace(call, state=by.state, spent=by.spent, usage=by.usage, note=by.note)
    entry = LedgerEntry(
        call=call.id,
        kind=EntryKind.RELEASE if by.state is CallState.RELEASED else EntryKind.SETTLE,
        at=by.at,
        held=changed.held - call.held,
        spent=changed.spent - call.spent,
        note=by.note,
    )
    before, now = share_of(call), share_of(changed)
    return (
        changed,
        entry,
        Change(
            held=now.held - before.held,
            spent=now.spent - before.spent,
            calls=now.calls - before.calls,
            prompt_tokens=now.prompt_tokens - before.prompt_tokens,
            completion_tokens=now.completion_tokens - before.completion_tokens,
        ),
    )


_SPENDERS = frozenset({Scope.AGENT, Scope.SCHEDULE, Scope.PERSON})


def within(calls: Iterable[Call], meter: Meter) -> list[Balance]:
    """Who spent what the meter counted, as meters of its period; who spent the most comes first.

    Each call is in it once for its agent, once for its schedule and once for its person.
    """
    spent = Counter[tuple[Scope, str]]()
    for call in calls:
        if meter in call.meters:
            whose = {(m.scope, m.subject) for m in call.meters if m.scope in _SPENDERS}
            spent.update(dict.fromkeys(whose, call.spent))
    found = [
        Balance(replace(meter, scope=scope, subject=subject), spent=micros)
        for (scope, subject), micros in spent.items()
        if micros
    ]
    return sorted(found, key=lambda one: (-one.spent, one.meter.scope, one.meter.subject))


def overdue(call: Call, now: datetime) -> Settlement:
    """The end of a call of which nobody said what became of it: all that it may have cost."""
    return Settlement(
        state=CallState.EXPIRED,
        spent=call.worst,
        note="nobody said what it cost, so it counts as the most that it may have cost",
        at=now,
    )
