"""What the commands of `schedule` say."""

from collections.abc import Sequence
from datetime import datetime

from runtime.asking import Target
from runtime.model.address import Principal, ThreadRef
from runtime.model.localtime import show_distance, show_time
from runtime.model.schedule import Occurrence, OccurrenceState, Schedule, ScheduleState
from runtime.model.team import Team
from runtime.places import place_name
from runtime.text import clipped, verbatim

_SHORT = 80
_BRIEF_RESULT = 200
_WHOLE_RESULT = 3_000


def made(
    schedule: Schedule,
    description: str,
    upcoming: Sequence[datetime],
    fate: str,
    *,
    now: datetime,
) -> str:
    """The answer to a creation: the times as they were understood, and where the result goes."""
    return (
        f"**Schedule {schedule.number}**: {_in_zone(description, schedule)}.\n"
        f"{_code(schedule.instruction)}\n"
        f"{_next_times(schedule, upcoming, now)}\n"
        f"{fate}"
    )


def fate(team: Team, target: Target, *, asked_in: ThreadRef, chosen: bool, number: int) -> str:
    """Where results will go, and why; and a warning where they will only be kept."""
    where = place(team, target.thread, asked_in=asked_in)
    if not target.listed:
        return (
            f"Careful: {where} is not on the proactive list, so I will not post there unasked. "
            f"Results are kept, and `/schedule show {number}` shows them. "
            "An owner can set `proactive = true` for a channel in nightdesk.toml."
        )
    why = "" if chosen or not target.elsewhere else ", the only channel I may post to unasked"
    return f"The result goes to {where}{why}."


def place(team: Team, thread: ThreadRef, *, asked_in: ThreadRef | None = None) -> str:
    """The channel as people call it; one without a name is `this conversation` from inside."""
    if team.rule_of(thread.channel):
        return place_name(team, thread)
    if asked_in is not None and asked_in.channel == thread.channel:
        return "this conversation"
    return f"`{thread.channel.channel}`"


def listing(schedules: Sequence[Schedule], team: Team, *, now: datetime) -> str:
    """All schedules, a line each."""
    if not schedules:
        return (
            "There are no schedules yet. For example:\n"
            "`/schedule create every weekday at 8:30 Write the morning briefing`"
        )
    return "\n".join(
        f"- **{schedule.number}** {_code(schedule.when.said)} → {place(team, schedule.target)}, "
        f"{next_time(schedule, now=now)}: {_code(schedule.instruction, _SHORT)}"
        for schedule in schedules
    )


def next_time(schedule: Schedule, *, now: datetime) -> str:
    """When it comes next, far and exactly: `in 3 h, Mon 23 Nov 08:30 CET`; or that it does not."""
    if schedule.state is not ScheduleState.ACTIVE or schedule.next_at is None:
        why = (
            ": who made it may have none any more, or it failed again and again"
            if schedule.held
            else ""
        )
        return f"{schedule.state}{why}"
    exactly = show_time(schedule.next_at, schedule.when.zone, now=now)
    return f"{show_distance(schedule.next_at - now)}, {exactly}"


def detail(
    schedule: Schedule,
    description: str,
    upcoming: Sequence[datetime],
    history: Sequence[Occurrence],
    team: Team,
    *,
    now: datetime,
) -> str:
    """One schedule, its next times and its last results."""
    lines = [
        f"**Schedule {schedule.number}** ({schedule.state}): {_in_zone(description, schedule)}",
        _code(schedule.instruction),
        _origin(schedule, team, now),
    ]
    if schedule.state is ScheduleState.ACTIVE:
        lines.append(_next_times(schedule, upcoming, now))
    if not history:
        return "\n".join([*lines, "It has not run yet."])
    # The latest result is shown whole, because it may be nowhere else.
    latest = next((one for one in history if one.result), None)
    runs = [_run(one, schedule.when.zone, now, whole=one is latest) for one in history]
    return "\n".join([*lines, "**Last results**", *runs])


def _in_zone(description: str, schedule: Schedule) -> str:
    """The description with its zone, unless it ends with it, as a time in UTC does."""
    zone = schedule.when.zone
    return description if description.endswith(f" {zone}") else f"{description}, {zone}"


def _origin(schedule: Schedule, team: Team, now: datetime) -> str:
    made_at = show_time(schedule.created_at, schedule.when.zone, now=now)
    return (
        f"Written as {_code(schedule.when.said)} by {_who(team, schedule.made_by)}, {made_at}; "
        f"for {place(team, schedule.target)}, by the agent {schedule.agent}."
    )


def _next_times(schedule: Schedule, upcoming: Sequence[datetime], now: datetime) -> str:
    if not upcoming:
        return "It is due now."
    times = "; ".join(show_time(at, schedule.when.zone, now=now) for at in upcoming)
    return f"Next: {times}."


def _run(occurrence: Occurrence, zone: str, now: datetime, *, whole: bool) -> str:
    """A planned time: how it ended, what became of the result, and the result."""
    at = show_time(occurrence.planned_at, zone, now=now)
    by_hand = " (by hand)" if occurrence.manual else ""
    words = [_STATES[occurrence.state]]
    words += [text for text in (occurrence.delivery, occurrence.error) if text]
    head = f"- {at}{by_hand}: {'; '.join(words)}"
    if not occurrence.result:
        return head
    result = clipped(occurrence.result.strip(), _WHOLE_RESULT if whole else _BRIEF_RESULT)
    quoted = "\n".join(f"  > {line}" for line in result.splitlines())
    return f"{head}\n{quoted}"


_STATES = {
    OccurrenceState.DUE: "under way",
    OccurrenceState.DONE: "done",
    OccurrenceState.FAILED: "failed",
    OccurrenceState.MISSED: "missed",
}


def _who(team: Team, principal: Principal) -> str:
    names = (member.name for member in team.members if principal in member.principals)
    return next(names, "somebody who left")


def _code(text: str, most: int = 300) -> str:
    """People's words as code, so that nothing in them is a link, a mention or a layout."""
    return f"`{verbatim(clipped(' '.join(text.split()), most)).replace('`', chr(39))}`"
