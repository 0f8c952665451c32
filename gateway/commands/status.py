"""`/status`: whether everything works, and what comes next."""

from collections.abc import Callable, Sequence

from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Request
from gateway.commands.stopping import what_is_under_way
from gateway.health import Check, Health
from runtime.access import authorize
from runtime.approvers import name_of
from runtime.clock import Clock
from runtime.halt import in_words, what_is_stopped
from runtime.handoffs import Handoffs
from runtime.mailboxes.waiting import waits
from runtime.model.access import Action
from runtime.model.localtime import show_distance, show_time
from runtime.model.schedule import Schedule, ScheduleState
from runtime.model.stop import Stop
from runtime.model.team import Team
from runtime.model.turn import TurnState
from runtime.ports import Store
from runtime.stopping import Stopping

_MINUTE, _HOUR = 60, 3_600
_SHOWN = 10
"""Turns that are listed."""


class StatusCommand:
    """Shows the checks of readiness and the next planned time."""

    def __init__(
        self,
        health: Health,
        store: Store,
        handoffs: Handoffs,
        stopping: Stopping,
        *,
        team: Callable[[], Team],
        clock: Clock,
    ) -> None:
        """Ask these, for the people of `team`."""
        self._health = health
        self._store = store
        self._handoffs = handoffs
        self._stopping = stopping
        self._team = team
        self._clock = clock

    async def __call__(self, _command: ParsedCommand, request: Request) -> Answer:
        """`/status`."""
        team = self._team()
        authorize(team, request.sender, Action.STATUS)
        checks = await self._health.readiness()
        schedules = await self._store.schedules.all()
        stops, now = self._stopping.active, self._clock.now()
        lines = [_head(checks, stops), *(in_words(stop, team, now=now) for stop in stops)]
        lines += map(_line, checks)
        lines += [self._next(schedules, team), *await self._under_way(team)]
        if len(team.agents) > 1:
            lines.append(await self._here(request))
        return Answer("\n".join(lines))

    async def _under_way(self, team: Team) -> list[str]:
        """What runs, by the ids that `/stop` takes."""
        works = await self._stopping.under_way()
        parked = any(work.state is TurnState.WAITING for work in works[:_SHOWN])
        # The oldest question of a turn stands for all of them.
        why = {one.turn: one.what for one in reversed(await waits(self._store) if parked else [])}
        lines = [
            what_is_under_way(
                work,
                name_of(team, work.turn.requester),
                team,
                self._clock,
                waits_for=why.get(work.turn.id, ""),
            )
            for work in works[:_SHOWN]
        ]
        more = [f"- and {len(works) - _SHOWN} more"] if len(works) > _SHOWN else []
        return [*lines, *more, "`/stop <id>` ends one of these."] if lines else []

    async def _here(self, request: Request) -> str:
        """Which agent has the thread."""
        has, handoff = await self._handoffs.who(request.thread)
        came = f", from {handoff.giver}" if handoff is not None else ""
        return f"{has} has this thread{came}; `/handoff show` tells more."

    def _next(self, schedules: Sequence[Schedule], team: Team) -> str:
        active = [schedule for schedule in schedules if schedule.state is ScheduleState.ACTIVE]
        first = next((schedule for schedule in active if schedule.next_at), None)
        if first is None or first.next_at is None:
            return "No schedule is active."
        now = self._clock.now()
        return (
            f"{len(active)} active schedule{'s' * (len(active) != 1)}; next is schedule "
            f"{first.number}, {show_distance(first.next_at - now)}, "
            f"{show_time(first.next_at, team.zone, now=now)}."
        )


def _head(checks: Sequence[Check], stops: Sequence[Stop]) -> str:
    """The whole of it in one line."""
    failing = [check.name for check in checks if not check.ok]
    if not failing and not stops:
        return "**Everything works.**"
    wrong = [f"Not working: {', '.join(failing)}."] if failing else []
    if stops:
        what = [what_is_stopped(stop) for stop in stops]
        wrong.append(f"Stopped: {', '.join(one[0].lower() + one[1:] for one in what)}.")
    return f"**{' '.join(wrong)}**"


def _line(check: Check) -> str:
    age = "" if check.age_seconds is None else f", {_age(check.age_seconds)}"
    return f"- {check.name}: {'ok' if check.ok else 'not ok'} ({check.detail}{age})"


def _age(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s ago"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min ago"
    return f"{seconds // _HOUR:.0f} h ago"
