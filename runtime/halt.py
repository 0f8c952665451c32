"""What is stopped, as this process knows it: asked before anything begins, runs or is sent.

The truth is in the database. This is what was read of it last: at the start, with every stop and
resume of this process, and among many processes twice a second.
"""

from collections.abc import Callable
from datetime import datetime

from runtime.approvers import name_of
from runtime.errors import Conflict
from runtime.ids import AgentName, OutboxId, following
from runtime.model.localtime import show_time
from runtime.model.messages import Content, Reply
from runtime.model.outbox import OutboxItem
from runtime.model.stop import Stop, StopKind, holds, stop_for
from runtime.model.team import Team
from runtime.model.turn import Turn
from runtime.outbox import Splitter, compose
from runtime.ports import Stops


class Halt:
    """The stops in force."""

    def __init__(self, stops: Stops) -> None:
        """Know nothing until `refresh` is called."""
        self._stops = stops
        self._active: tuple[Stop, ...] = ()
        self._lifted = 0
        self._listeners: list[Callable[[], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener whenever something was stopped or resumed."""
        self._listeners.append(listener)

    async def refresh(self) -> bool:
        """Read what is in force; whether that has changed."""
        before = self._active, self._lifted
        # In this order: a stop that is lifted in between was lifted, and is not in force.
        self._lifted, self._active = await self._stops.lifted(), tuple(await self._stops.active())
        if before == (self._active, self._lifted):
            return False
        for listener in self._listeners:
            listener()
        return True

    @property
    def active(self) -> tuple[Stop, ...]:
        """The stops in force, oldest first."""
        return self._active

    @property
    def epoch(self) -> str:
        """Another one after each resume: what was said before has to be said again."""
        return str(self._lifted)

    def of(self, agent: AgentName | None) -> Stop | None:
        """The stop that holds the agent, or, for None, everything."""
        return stop_for(agent, self._active) if self._active else None

    def holding(self, item: OutboxItem) -> Stop | None:
        """The stop that holds the message."""
        return holds(self._active, item) if self._active else None

    def require(self, agent: AgentName) -> None:
        """Return where the agent may go on.

        Raises:
            Conflict: it is stopped, and what it did so far has ended with that.
        """
        if self.of(agent) is not None:
            raise Conflict(f"the agent {agent} is stopped")


def what_is_stopped(stop: Stop) -> str:
    """What a stop is about, in words that begin a sentence."""
    return "Everything" if stop.kind is StopKind.EVERYTHING else f"The agent `{stop.agent}`"


def how_to_resume(stop: Stop) -> str:
    """The command that lifts it."""
    named = "everything" if stop.kind is StopKind.EVERYTHING else f"agent {stop.agent}"
    return f"/resume {named}"


def in_words(stop: Stop, team: Team, *, now: datetime) -> str:
    """That it is stopped, by whom and since when, and how it goes on."""
    at = show_time(stop.at, team.zone, now=now)
    return (
        f"{what_is_stopped(stop)} was stopped by {name_of(team, stop.by)}, {at}. "
        f"An operator can end that: `{how_to_resume(stop)}`."
    )


def refusal(
    turn: Turn, stop: Stop, team: Team, *, split: Splitter, now: datetime
) -> list[OutboxItem]:
    """What somebody is told whose message meets a stop; the same whichever process says it."""
    if turn.thread is None:
        return []
    words = in_words(stop, team, now=now)
    word = Reply(
        id=OutboxId(following("answer", turn.id)),
        thread=turn.thread,
        content=Content(
            f"I do not answer this. {words} Please say it again after that.", ours=True
        ),
        draft=turn.draft,
    )
    return compose(word, split=split, now=now)
