"""What is stopped, read beside whatever process is running: for `status` and `doctor`."""

from datetime import datetime

from bot import stopfile
from bot.settings import Settings
from runtime.clock import Clock
from runtime.halt import how_to_resume
from runtime.model.address import Principal
from runtime.model.localtime import show_time
from runtime.model.stop import Stop, StopKind
from runtime.model.team import Team
from runtime.model.value import value
from runtime.ports import Members, Store


@value(kw_only=True)
class StopLine:
    """A stop that is in force, or was asked for and waits for a process to take it up.

    Attributes:
        what: "everything", or "the agent" and its name.
        by: who said so.
        since: when.
        ends: how it is ended.
    """

    what: str
    by: str
    since: datetime
    ends: str


def asked_for(settings: Settings, clock: Clock) -> tuple[StopLine, ...]:
    """The stop that `nightdesk stop` asked for and no process took up yet."""
    path = settings.data_dir / stopfile.NAME
    try:
        asked = stopfile.read(path)
    except OSError:  # Of a folder that cannot be read, more is said elsewhere.
        return ()
    if asked is None:
        return ()
    since = min(asked.at, clock.now())
    ends = f"it holds from the next start on; to take it back before that, remove {path}"
    return (StopLine(what="everything", by=asked.by.user, since=since, ends=ends),)


async def in_force(store: Store, team: Team) -> tuple[StopLine, ...]:
    """The stops that are stored, oldest first."""
    return tuple([await _line(stop, team, store.members) for stop in await store.stops.active()])


def in_words(line: StopLine, zone: str) -> str:
    """That it is stopped, by whom and since when, and how that ends."""
    return f"{line.what}, by {line.by}, since {show_time(line.since, zone)}; {line.ends}"


async def _line(stop: Stop, team: Team, members: Members) -> StopLine:
    everything = stop.kind is StopKind.EVERYTHING
    return StopLine(
        what="everything" if everything else f"the agent {stop.agent}",
        by=await _name(stop.by, team, members),
        since=stop.at,
        ends=f"`{how_to_resume(stop)}`, in a chat, ends that",
    )


async def _name(who: Principal, team: Team, members: Members) -> str:
    """What the file calls them, or the chat's list; else their bare id."""
    named = team.member_of(who) or await members.get(who)
    return named.name if named else who.user
