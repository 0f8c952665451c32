"""The audit log for who runs the desk: shown and verified, beside a running process."""

import json
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from adapters.sql.glance import glance
from bot.redaction import redactor
from bot.settings import Settings
from bot.status import describe_database
from runtime.chain import PAGE, Checked, read_head, walk
from runtime.clock import Clock, SystemClock
from runtime.errors import Refused
from runtime.ids import TimeOrderedIds
from runtime.model.audit import (
    SHELL,
    SYSTEM,
    Actor,
    AuditKind,
    AuditRecord,
    Head,
    by_agent,
    by_person,
    person_of,
)
from runtime.model.localtime import show_zone
from runtime.model.team import Team
from runtime.model.value import value
from runtime.people.roster import Roster
from runtime.ports import AuditQuery, Members, Store
from runtime.text import clipped

_SPAN = re.compile(r"(?P<count>\d{1,6})(?P<unit>[mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_NOUNS = tuple(dict.fromkeys(kind.partition(".")[0] for kind in AuditKind))
_LONGEST = 160


@value(kw_only=True)
class Shown:
    """Records, and where the chain ends.

    Attributes:
        records: oldest first.
        head: of the whole chain.
        names: what people are called, by actor.
        zone: in which times are shown.
        secrets: what is never shown.
    """

    records: Sequence[AuditRecord]
    head: Head
    names: dict[str, str]
    zone: str
    secrets: frozenset[str]


class AuditDesk:
    """The audit log of a desk, whether it runs or not."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        """Nothing is opened yet.

        Args:
            settings: which database, and the team.
            clock: time; the machine's own where it is None.
        """
        self._settings = settings
        self._clock = clock or SystemClock()

    async def show(self, *, since: str, kind: str, actor: str, limit: int) -> Shown:
        """The latest records that are wanted; each word is empty where it is left out.

        Raises:
            Refused: one of the words cannot be understood.
            NightdeskError: the database cannot be read.
        """
        began, of_kind = self._since(since) if since else None, _kind(kind)
        async with self._open() as store:
            team = await self._team(store)
            actors = _actors(team, actor) if actor else ()
            wanted = AuditQuery(since=began, kind=of_kind, actors=actors, limit=limit)
            found, head = await store.audit.find(wanted), await store.audit.head()
            names = await _names(team, {str(record.actor) for record in found}, store.members)
        return Shown(
            records=found[::-1],
            head=head,
            names=names,
            zone=self._settings.team.zone,
            secrets=self._settings.secrets(),
        )

    async def verify(self, heads: Sequence[str]) -> Checked:
        """Walk the whole chain, through each of the heads that were noted elsewhere.

        Raises:
            Refused: one of them is no head.
            NightdeskError: the database cannot be read.
        """
        noted = [read_head(head) for head in heads]
        async with self._open() as store:
            return await walk(lambda after: store.audit.page(after=after, limit=PAGE), heads=noted)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Store]:
        async with glance(
            self._settings.database_url,
            data_dir=self._settings.data_dir,
            clock=self._clock,
            ids=TimeOrderedIds(self._clock),
        ) as found:
            if found is None or not found.readable:
                raise Refused(f"The database is {describe_database(found)}.")
            yield found.store

    async def _team(self, store: Store) -> Team:
        """The team as it is now: as it is configured, and as the chat changed it."""
        roster = Roster(lambda: self._settings.team, store.people, store.members, clock=self._clock)
        await roster.refresh()
        return roster.team()

    def _since(self, written: str) -> datetime:
        span = _SPAN.fullmatch(written)
        if span is not None:
            return self._clock.now() - int(span["count"]) * _UNITS[span["unit"]]
        try:
            read = datetime.fromisoformat(written)
        except ValueError:
            raise Refused(
                f"“{written[:40]}” is no time.",
                hint="Write 30m, 24h or 7d, or a date such as 2026-11-21 or 2026-11-21T08:30.",
            ) from None
        return read if read.tzinfo else read.replace(tzinfo=ZoneInfo(self._settings.team.zone))


def in_words(shown: Shown) -> str:
    """Records for people: one line each, and where the chain ends."""
    hide, zone = redactor(shown.secrets), ZoneInfo(shown.zone)
    lines = [hide(line) for record in shown.records for line in _lines(record, shown.names, zone)]
    if not lines:
        lines = ["No record fits."]
    return "\n".join([*lines, f"The audit log ends with {shown.head}"])


def to_json(shown: Shown) -> str:
    """Records for machines: exactly what is stored, with times in ISO 8601 as well."""
    hide = redactor(shown.secrets)
    records = [
        {**record._asdict(), "at": str(record.moment or record.at), "micros": record.at}
        for record in shown.records
    ]
    whole = {"head": str(shown.head), "records": records}
    return hide(json.dumps(whole, ensure_ascii=False, indent=2, default=repr))


def found_in_words(checked: Checked) -> str:
    """What a walk found, for people."""
    if checked.broken is None:
        return f"The audit log is whole: {checked.count} records. It ends with {checked.head}"
    found = f"The audit log is broken at record {checked.broken.seq}: {checked.broken.why}."
    if checked.count == checked.broken.seq - 1:
        return f"{found}\nWhole up to there: {checked.count} records, to {checked.head}"
    if not checked.count:
        return f"{found}\nNo head that you gave vouches for what lies before it."
    return f"{found}\nAs you noted it: {checked.count} records, to {checked.head}"


def found_in_json(checked: Checked) -> str:
    """The same for machines."""
    broken = checked.broken
    return json.dumps(
        {
            "whole": broken is None,
            "records": checked.count,
            "head": str(checked.head),
            "broken_at": broken.seq if broken else None,
            "why": broken.why if broken else None,
        }
    )


def _kind(written: str) -> str:
    meant = written.strip().casefold()
    if meant and meant not in _NOUNS and meant not in tuple(AuditKind):
        raise Refused(
            f"There is no kind “{written[:40]}”.",
            hint=f"There are {', '.join(_NOUNS)}; and of each its own, such as tool.refused.",
        )
    return meant


def _actors(team: Team, written: str) -> tuple[Actor, ...]:
    """The actors that a word means.

    Raises:
        Refused: nobody is called that.
    """
    if written in (SYSTEM, SHELL) or written.partition(":")[0] in ("person", "agent"):
        return (Actor(written),)
    meant = written.casefold()
    found = [
        by_person(who)
        for member in team.members
        for who in member.principals
        if meant in (member.name.casefold(), who.user.casefold())
    ]
    found += [by_agent(agent.name) for agent in team.agents if agent.name == meant]
    if not found:
        raise Refused(
            f"Nobody in the team is called “{written[:40]}”.",
            hint="Write a member's name or id, an agent's name, system, shell, or an actor as "
            "it is stored: person:slack/T0ACME/U0ADA, also where they have left.",
        )
    return tuple(found)


async def _names(team: Team, actors: Iterable[str], members: Members) -> dict[str, str]:
    """What the people among the actors are called, those as well who were let go since."""
    names: dict[str, str] = {
        by_person(who): member.name for member in team.members for who in member.principals
    }
    for actor in actors:
        who = person_of(actor)
        if who is not None and actor not in names:
            left = await members.get(who)
            if left is not None:
                names[actor] = left.name
    return names


def _lines(record: AuditRecord, names: dict[str, str], zone: ZoneInfo) -> list[str]:
    """A record; what came together for several has a line for each of them under it."""
    runs = record.facts().get("runs")
    each = runs.items() if isinstance(runs, dict) else ()
    under = [_plain(f"    schedule={schedule} turn={run}") for run, schedule in each]
    return [_line(record, names, zone), *under]


def _line(record: AuditRecord, names: dict[str, str], zone: ZoneInfo) -> str:
    moment = record.moment
    local = moment.astimezone(zone) if moment else None
    when = f"{local:%Y-%m-%d %H:%M:%S} {show_zone(local)}" if local else str(record.at)
    who = names.get(record.actor, str(record.actor))
    facts = [f"{name}={_said(value)}" for name, value in record.facts().items() if value != ""]
    turn = [f"turn={record.turn}"] if record.turn else []
    return _plain(f"{record.seq}  {when}  {record.kind}  {who}  {' '.join([*facts, *turn])}", 2000)


def _said(value: object) -> str:
    match value:
        case None:
            return "none"
        case dict():
            return str(len(value))
        case _:
            return _plain(value)


def _plain(value: object, most: int = _LONGEST) -> str:
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))
    return clipped(text, most)
