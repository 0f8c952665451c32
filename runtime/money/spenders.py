"""In which meters a call counts, which periods those have, and what they are called. Pure."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from runtime.approvers import name_of
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.ledger import Spender
from runtime.model.meter import DOLLARS, Meter, Period, Scope
from runtime.model.team import Team
from runtime.places import place_name

_DECEMBER = 12
_PLACE = re.compile("[@#]")
"""What begins the address, or the key, in the name of a provider."""


def meters_of(spender: Spender, team: Team, *, at: datetime) -> tuple[Meter, ...]:
    """Every meter in which a call counts that is reserved then."""
    currency = team.budget.currency
    days = {period: stamp_of(period, at, team.zone) for period in (Period.DAY, Period.MONTH)}
    meters = [
        Meter(scope=scope, subject=subject, period=period, stamp=stamp, currency=currency)
        for scope, subject in _lasting(spender, team)
        for period, stamp in days.items()
    ]
    meters.append(run_meter(spender.run, currency))
    if spender.schedule is not None:
        meters.append(_once(Scope.SCHEDULE, spender.schedule, spender.run, currency))
    if spender.workflow:
        meters.append(workflow_meter(spender.workflow, currency))
    return tuple(meters)


def run_meter(run: str, currency: str = DOLLARS) -> Meter:
    """The meter of one turn, or of the run of one planned time."""
    return _once(Scope.RUN, run, run, currency)


def workflow_meter(workflow: str, currency: str = DOLLARS) -> Meter:
    """The meter of everything that one question, or one planned time, brought about."""
    return _once(Scope.WORKFLOW, workflow, workflow, currency)


def vendor_of(provider: str) -> str:
    """Without address and key: `openai` for `openai@127.0.0.1:8000` and `openai#second`."""
    return _PLACE.split(provider, maxsplit=1)[0]


def purse_of(provider: str) -> str:
    """Who is paid at one place with one key: `openai@` for `openai`, which has no address here.

    The vendor's own name counts what is paid to it at all places together.
    """
    return provider if _PLACE.search(provider) else f"{provider}@"


def is_paid(name: str, providers: Iterable[str]) -> bool:
    """Whether that is one of the providers, at one place, or the vendor of some at all of them."""
    names = list(providers)
    return name in map(vendor_of, names) or purse_of(name) in map(purse_of, names)


def known_purses(providers: Iterable[str]) -> list[str]:
    """What a limit of a provider can be of: each place and key, and each vendor at all of them.

    Also where a vendor has but one place: what is said of each provider is said of places alone.
    """
    names = list(providers)
    return sorted({*map(vendor_of, names), *map(purse_of, names)})


def _once(scope: Scope, subject: str, run: str, currency: str) -> Meter:
    return Meter(scope=scope, subject=subject, period=Period.FIRING, stamp=run, currency=currency)


def _lasting(spender: Spender, team: Team) -> Iterator[tuple[Scope, str]]:
    """The subjects that are counted by day and month."""
    yield Scope.ORGANISATION, ""
    yield Scope.PROVIDER, purse_of(spender.provider)
    yield Scope.PROVIDER, vendor_of(spender.provider)
    yield Scope.AGENT, spender.agent
    yield Scope.PERSON, subject_of_person(team, spender.person)
    if spender.schedule is not None:
        yield Scope.SCHEDULE, spender.schedule
    if spender.thread is not None:
        yield Scope.CHANNEL, subject_of_channel(spender.thread.channel)
        yield Scope.THREAD, subject_of_thread(spender.thread)


def subject_of_person(team: Team, who: Principal) -> str:
    """The person, the same on every platform where the team knows them."""
    member = team.member_of(who)
    return subject_of_principal(member.principals[0] if member else who)


def subject_of_principal(who: Principal) -> str:
    """Somebody, as a platform names them."""
    return json.dumps([who.platform, who.workspace, who.user])


def subject_of_channel(channel: ChannelRef) -> str:
    """The channel."""
    return json.dumps([channel.platform, channel.workspace, channel.channel])


def subject_of_thread(thread: ThreadRef) -> str:
    """The thread."""
    channel = thread.channel
    return json.dumps([channel.platform, channel.workspace, channel.channel, thread.root])


def stamp_of(period: Period, at: datetime, zone: str) -> str:
    """Which day or month of the zone that is; empty for a run, which is its own."""
    local = at.astimezone(ZoneInfo(zone))
    match period:
        case Period.DAY:
            return f"{local:%Y-%m-%d}"
        case Period.MONTH:
            return f"{local:%Y-%m}"
        case Period.FIRING:
            return ""


def end_of(period: Period, at: datetime, zone: str) -> datetime | None:
    """When the day or month of the zone is over; None for a run, which has no end."""
    local = at.astimezone(ZoneInfo(zone))
    if period is Period.FIRING:
        return None
    first = local.date() + timedelta(days=1)
    if period is Period.MONTH:
        december = local.month == _DECEMBER
        first = first.replace(year=local.year + december, month=local.month % _DECEMBER + 1, day=1)
    return datetime.combine(first, time(), tzinfo=ZoneInfo(zone))


def name_of_subject(team: Team, scope: Scope, subject: str) -> str:
    """Who a meter is of, in words; a schedule by its id, which is for the caller to replace."""
    match scope:
        case Scope.ORGANISATION:
            return team.name
        case Scope.PERSON:
            platform, workspace, user = json.loads(subject)
            return name_of(team, Principal(Platform(platform), workspace, user))
        case Scope.CHANNEL | Scope.THREAD:
            platform, workspace, channel, *_ = json.loads(subject)
            return place_name(team, ThreadRef(ChannelRef(Platform(platform), workspace, channel)))
        case _:
            return subject


def whose(team: Team, scope: Scope, subject: str, *, schedule: int = 0) -> str:
    """The same with its kind: `the agent desk`."""
    name = name_of_subject(team, scope, subject) if subject else ""
    match scope:
        case Scope.ORGANISATION:
            return "the whole team"
        case Scope.RUN:
            return "one run"
        case Scope.WORKFLOW:
            return "one workflow"
        case Scope.SCHEDULE:
            return f"schedule {schedule}" if schedule else "a schedule"
        case Scope.THREAD:
            return f"a thread in {name}" if name else "each thread"
        case Scope.CHANNEL | Scope.PERSON:
            return name or f"each {scope}"
        case Scope.PROVIDER if name.endswith("@"):
            return f"the provider {name[:-1]} at its own address"
        case _:
            return f"the {scope} {name}" if name else f"each {scope}"


def when_of(scope: Scope, period: Period) -> str:
    """The period in words, as a limit names it."""
    match period:
        case Period.DAY:
            return "a day"
        case Period.MONTH:
            return "a month"
        case Period.FIRING:
            return "in all" if scope is Scope.WORKFLOW else "a run"
