"""Why an agent said what it said: from the audit log, the ledger and the schedules, in words.

Only for people who can read the message: it is looked for in the very channel where they ask, so
nothing of another channel, or of somebody else's direct conversation, can come out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field

from runtime.access import same_person
from runtime.approvers import name_of
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.ids import MessageId, ScheduleId, TurnId
from runtime.model.address import Principal, ThreadRef
from runtime.model.audit import SYSTEM, AuditKind, AuditRecord, by_person
from runtime.model.localtime import show_time
from runtime.model.meter import Balance
from runtime.model.outbox import OutboxItem
from runtime.model.team import Team
from runtime.model.tools import Json
from runtime.model.turn import TurnState, run_of, turn_of_run
from runtime.model.value import value
from runtime.money.amounts import show_amount
from runtime.money.spenders import run_meter
from runtime.ports import AuditQuery, Store
from runtime.schedules.abandoned import DELETED

_LOOK_AT = 50
"""Messages of the place that are looked at for the last answer."""
_GRANTS = 1_000
_TOOLS = 20
"""Calls that are told one by one."""


class Explainer:
    """Explains messages of agents."""

    def __init__(self, store: Store, *, team: Callable[[], Team], clock: Clock) -> None:
        """Explain by what `store` recorded, to the people of `team`."""
        self._store = store
        self._team = team
        self._clock = clock

    async def why(
        self, place: ThreadRef, who: Principal, messages: Sequence[MessageId] = ()
    ) -> str:
        """How the message came about, in CommonMark; without one, the last answer of the place.

        Args:
            place: where the person asks. Only what was said in that channel is explained.
            who: the person.
            messages: what the message may be called by the platform.

        Raises:
            Refused: there is no such message here, or no agent wrote it; says which.
        """
        items = [item for item in await self._said(place, messages) if self._sees(who, item)]
        item = next((item for item in items if item.turn is not None), None)
        if item is not None and item.turn is not None:
            return await self._explained(item.turn)
        if items and messages:
            raise Refused(
                "No agent's turn wrote that message: it answers a command, or is a notice of mine.",
                hint="Ask about an agent's answer.",
            )
        raise Refused(
            "I find no such message of mine in this channel."
            if messages
            else "I find no answer of an agent here.",
            hint="Ask in the channel where it stands, with its link or id. What was sent is known "
            "for some weeks; `nightdesk audit show` goes back further.",
        )

    async def _said(self, place: ThreadRef, messages: Sequence[MessageId]) -> Sequence[OutboxItem]:
        if messages:
            return await self._store.outbox.sent_to(place.channel, messages=messages)
        root = place.root or None
        return await self._store.outbox.sent_to(place.channel, root=root, limit=_LOOK_AT)

    def _sees(self, who: Principal, item: OutboxItem) -> bool:
        return item.only_for is None or same_person(self._team(), who, item.only_for)

    async def _explained(self, wrote: TurnId) -> str:
        turn = turn_of_run(run_of(wrote), 0)  # a run is told from its first agent on
        records = await self._records(turn)
        if not records:
            raise Refused("That was written before there was an audit log, so nobody knows now.")
        meter = run_meter(turn, self._team().budget.currency)
        [spent] = await self._store.ledger.balances([meter])
        told = _Telling(
            team=self._team(),
            shown=self._time,
            records=records,
            schedule=await self._schedule(turn, records),
            givers=await self._givers(records),
        )
        cost = _cost(spent, self._team().budget.currency)
        lines = [told.trigger(), told.agent(), *told.calls(), cost, told.end()]
        numbers = f"{records[0].seq} to {records[-1].seq}"
        return "\n".join([*(f"- {line}" for line in lines), f"Audit log: {numbers}, turn `{turn}`"])

    async def _records(self, turn: TurnId) -> list[AuditRecord]:
        """What is recorded of the turn, and, of a run, of every agent that it was handed to."""
        run, records = run_of(turn), list(await self._store.audit.of_turn(turn))
        place = 1
        while records and (more := await self._store.audit.of_turn(turn_of_run(run, place))):
            records += more
            place += 1
        return records

    def _time(self, record: AuditRecord) -> str:
        if record.moment is None:
            return "at an unknown time"
        return show_time(record.moment, self._team().zone, now=self._clock.now())

    async def _schedule(self, turn: TurnId, records: Iterable[AuditRecord]) -> str:
        """The schedule that began it, in words; empty where none did."""
        fired, manual = _first(records, AuditKind.SCHEDULE_FIRED), False
        if fired is not None:
            facts = fired.facts()
            key, manual = ScheduleId(str(facts.get("schedule"))), bool(facts.get("manual"))
        else:  # a message began it, or its planned time is in a record with those of others
            planned = await self._store.schedules.occurrence(run_of(turn))
            if planned is None:
                return ""
            key = planned.schedule
        found = await self._store.schedules.by_id(key)
        if found is None:
            return "a schedule that is gone"
        asked = ", which somebody had run" if manual else ""
        maker = name_of(self._team(), found.made_by)
        return f"schedule {found.number} ({found.when.said}), made by {maker}{asked}"

    async def _givers(self, records: Iterable[AuditRecord]) -> dict[Json, str]:
        """Who gave the grants by which tools ran, by their numbers."""
        used = {record.facts().get("grant") for record in records} - {None}
        if not used:
            return {}
        query = AuditQuery(kind=AuditKind.GRANT_GIVEN, limit=_GRANTS)
        given = await self._store.audit.find(query)
        return {
            record.facts().get("grant"): f"{_name(self._team(), record.actor)}, "
            f"{self._time(record)}"
            for record in given
            if record.facts().get("grant") in used
        }


@value(kw_only=True)
class _Telling:
    """One turn, told line by line."""

    team: Team
    shown: Callable[[AuditRecord], str]
    records: Sequence[AuditRecord]
    schedule: str
    givers: dict[Json, str] = field(default_factory=dict)

    def trigger(self) -> str:
        """Who or what began it."""
        started = _first(self.records, AuditKind.TURN_STARTED)
        if started is None:
            return f"Trigger: {self.schedule or 'not on record'}"
        when = self.shown(started)
        if self.schedule:
            return f"Trigger: {self.schedule}; begun {when}"
        facts = started.facts()
        what = _TRIGGERS.get(str(facts.get("trigger")), "not on record, for")
        giver = f" by {facts['from']}, for" if "from" in facts else " of"
        return f"Trigger: {what}{giver} {_name(self.team, started.actor)}, {when}"

    def agent(self) -> str:
        """Who answered, and with which model."""
        began = [one for one in self.records if one.kind == AuditKind.TURN_STARTED]
        ended = _first(self.records[::-1], AuditKind.TURN_ENDED)
        agents = " → ".join(str(one.facts().get("agent", "not on record")) for one in began)
        model = ended.facts().get("model") if ended else None
        return f"Agent: {agents or 'not on record'}; model: {model or 'not on record'}"

    def calls(self) -> list[str]:
        """Each tool: by which rule, who approved it, what came of it."""
        groups: dict[str, list[AuditRecord]] = {}
        for record in self.records:
            call = record.facts().get("call")
            if isinstance(call, str):
                groups.setdefault(call, []).append(record)
        if not groups:
            return ["Tools: none"]
        told = [self._call(group) for group in list(groups.values())[:_TOOLS]]
        more = len(groups) - len(told)
        return [*told, f"and {more} more tool calls"] if more else told

    def _call(self, records: Sequence[AuditRecord]) -> str:
        tool = next((name for r in records if (name := r.facts().get("tool"))), "unknown")
        pieces = [piece for record in records for piece in self._steps(record)]
        last = records[-1]
        if last.kind == AuditKind.TOOL_BEGUN:
            pieces.append("no end is on record")
        return f"Tool `{tool}`: {'; '.join(dict.fromkeys(pieces))}"

    def _steps(self, record: AuditRecord) -> list[str]:
        facts, who, when = record.facts(), _name(self.team, record.actor), self.shown(record)
        match record.kind:
            case AuditKind.TOOL_BEGUN:
                return self._allowed(facts)
            case AuditKind.TOOL_ENDED:
                return [
                    *self._allowed(facts),
                    f"{'failed' if facts.get('failed') else 'done'}, {when}",
                ]
            case AuditKind.TOOL_REFUSED:
                return [f"not run, because {facts.get('rule') or 'it was refused'}"]
            case AuditKind.APPROVAL_ASKED:
                return [f"asked for, because {facts.get('rule') or 'policy says so'}"]
            case AuditKind.APPROVAL_MOVED:
                return [f"refused by the place where it was asked, so asked elsewhere, {when}"]
            case AuditKind.APPROVAL_VOTED:
                return [f"approved by {who}, {when}"]
            case AuditKind.APPROVAL_CHANGED if facts.get("state") in _SAID:
                by = f" by {who}" if record.actor != SYSTEM else ""
                return [f"{facts.get('state')}{by}, {when}"]
            case _:
                return []

    def _allowed(self, facts: Mapping[str, Json]) -> list[str]:
        if "rule" not in facts:
            return []
        by = f"allowed: {facts['rule'] or 'policy'}"
        grant = facts.get("grant")
        if grant is None:
            return [by]
        return [f"{by}, by grant {grant} ({self.givers.get(grant, 'not on record')})"]

    def end(self) -> str:
        """How it ended."""
        for record in reversed(self.records):
            if record.kind == AuditKind.TURN_STOPPED:
                return f"Ended: stopped by {_name(self.team, record.actor)}, {self.shown(record)}"
            if record.kind == AuditKind.TURN_ENDED:
                return f"Ended: {self._ending(record)}, {self.shown(record)}"
        return "Ended: not yet"

    def _ending(self, record: AuditRecord) -> str:
        """How a turn ended that nobody ended by `/stop`: see where turns are finished."""
        match record.facts().get("state"):
            case TurnState.FAILED:
                return "gave up"
            case TurnState.STOPPED if self.schedule:
                return f"broken off, because {DELETED}"
            case TurnState.STOPPED:
                return "not answered, because its agent was stopped"
            case _:
                return "answered"


_TRIGGERS = {"message": "a message", "run": "a run", "handoff": "handed over"}

_SAID = ("denied", "expired", "cancelled", "unknown")
"""States of an approval that its other records do not tell."""


def _cost(spent: Balance, currency: str) -> str:
    if not spent.calls:
        return "Cost: no call of a model that is paid for is on record"
    tokens = f"{spent.prompt_tokens} tokens in, {spent.completion_tokens} out"
    calls = "1 call" if spent.calls == 1 else f"{spent.calls} calls"
    return f"Cost: {show_amount(spent.spent, currency)} in {calls}, {tokens}"


def _first(records: Iterable[AuditRecord], kind: AuditKind) -> AuditRecord | None:
    return next((record for record in records if record.kind == kind), None)


def _name(team: Team, actor: str) -> str:
    """The member whose account it is; else the actor as it is recorded."""
    for member in team.members:
        if any(actor == by_person(who) for who in member.principals):
            return member.name
    return actor.partition("/")[2].rpartition("/")[2] or actor
