"""What the desk's facts say, in sentences by template. Pure.

Every line comes from a fact; a section without facts is left out. Times are local to the zone of
the facts.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from runtime.model.facts import DeskFacts, RunFact, ScheduleFact
from runtime.model.schedule import OccurrenceState, ScheduleState
from runtime.text import clipped, verbatim

_MOST_LINES = 10
_LONGEST_INSTRUCTION = 80
_LONGEST_ERROR = 200
_UNDER_WAY = frozenset({"", "pending", "sending", "sent", "on its way"})

RAN = "Ran"
FAILED = "Failed"
MISSED = "Missed"
WAITING = "Waits for approval"
UNSENT = "Not delivered"
NEXT = "Next"
SPENT = "Spent"


def briefing(facts: DeskFacts) -> str:
    """The whole briefing: what ran, failed, was missed, waits, comes next and was spent."""
    head = f"Briefing for {facts.team}, {_day_and_time(facts.now, facts)} ({facts.zone})."
    quiet = not [run for run in facts.runs if run.state is not OccurrenceState.DUE]
    parts = [head, f"Nothing ran since {since(facts)}." if quiet else ""]
    parts += [
        _section(RAN, runs(facts, OccurrenceState.DONE), facts.left_out.done),
        _section(FAILED, runs(facts, OccurrenceState.FAILED), facts.left_out.failed),
        _section(MISSED, runs(facts, OccurrenceState.MISSED), facts.left_out.missed),
        _section(WAITING, approvals(facts)),
        _section(UNSENT, unsent(facts)),
        _section(NEXT, coming(facts, most=5)),
        _section(SPENT, spent(facts)),
    ]
    return "\n\n".join(part for part in parts if part)


def _section(title: str, lines: Sequence[str], more: int = 0) -> str:
    return "\n".join([f"**{title}**", *bullets(lines, more)]) if lines else ""


def bullets(lines: Sequence[str], more: int = 0) -> list[str]:
    """The lines as a list, cut at ten; the last one then says how many were left out.

    `more` are those that the facts left out before.
    """
    shown = [f"- {line}" for line in lines[:_MOST_LINES]]
    left = max(len(lines) - _MOST_LINES, 0) + more
    return [*shown, f"- and {left} more"] if left > 0 else shown


def runs(facts: DeskFacts, state: OccurrenceState) -> list[str]:
    """One line for each planned time of the period that ended so, oldest first."""
    return [run_line(run, facts) for run in facts.runs if run.state is state]


def run_line(run: RunFact, facts: DeskFacts) -> str:
    """When it was planned, what it was, and what went wrong with it or with its delivery."""
    line = f"{_moment(run.planned_at, facts)} #{run.schedule} {short(run.instruction)}"
    if run.error:
        line += f": {cut(run.error, _LONGEST_ERROR)}"
    if run.delivery not in _UNDER_WAY:
        line += f" ({cut(run.delivery, _LONGEST_ERROR)})"
    return line


def coming(facts: DeskFacts, *, most: int | None = None) -> list[str]:
    """The active schedules by their next time."""
    active = [
        schedule
        for schedule in facts.schedules
        if schedule.state is ScheduleState.ACTIVE and schedule.next_at is not None
    ]
    active.sort(key=lambda schedule: (schedule.next_at or facts.now, schedule.number))
    return [schedule_line(schedule, facts) for schedule in active[:most]]


def schedule_line(schedule: ScheduleFact, facts: DeskFacts) -> str:
    """What it does, when next, how often, and where its results go."""
    name = f"#{schedule.number} {short(schedule.instruction)}"
    # "once, Mon 5 Jan 09:00" would only say the next time again.
    often = "" if schedule.when.startswith("once") and schedule.next_at else schedule.when
    details = [often, f"to {schedule.channel}" if schedule.channel else ""]
    if schedule.state is not ScheduleState.ACTIVE:
        details.append(str(schedule.state))
    said = ", ".join(detail for detail in details if detail)
    when = f"{_moment(schedule.next_at, facts)} " if schedule.next_at is not None else ""
    return f"{when}{name}" + (f" ({said})" if said else "")


def approvals(facts: DeskFacts) -> list[str]:
    """How many approvals wait, where any does."""
    count = facts.waiting_approvals
    return [f"{count} approval{_s(count)} for a person"] if count else []


def unsent(facts: DeskFacts) -> list[str]:
    """How many messages were set aside, where any was."""
    count = facts.dead_letters
    return [f"{count} message{_s(count)} set aside, because the platform refused"] if count else []


def spent(facts: DeskFacts) -> list[str]:
    """What was spent in the period, where anything was."""
    micros = facts.spent_micros
    return [f"{money(micros)} {facts.currency} since {since(facts)}"] if micros else []


def money(micros: int) -> str:
    """Millionths of the currency, exact, with at least two decimals."""
    whole, rest = divmod(abs(micros), 1_000_000)
    decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{whole}.{decimals}"


def since(facts: DeskFacts) -> str:
    """The beginning of the period."""
    return _moment(facts.since, facts)


def clock(facts: DeskFacts) -> str:
    """The time."""
    return f"It is {_day_and_time(facts.now, facts)} ({facts.zone})."


def short(text: str) -> str:
    """An instruction in one short line."""
    return verbatim(cut(text, _LONGEST_INSTRUCTION))


def cut(text: str, longest: int) -> str:
    """The text in one line of at most so many characters."""
    return clipped(" ".join(text.split()), longest)


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _moment(when: datetime, facts: DeskFacts) -> str:
    """The local time, with the day where it is not today's."""
    local, today = _local(when, facts), _local(facts.now, facts).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    if local.date() == today - timedelta(days=1):
        return f"yesterday {local:%H:%M}"
    if local.date() == today + timedelta(days=1):
        return f"tomorrow {local:%H:%M}"
    year = f" {local.year}" if local.year != today.year else ""
    return f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M}"


def _day_and_time(when: datetime, facts: DeskFacts) -> str:
    local = _local(when, facts)
    return f"{local:%A} {local.day} {local:%B}, {local:%H:%M}"


def _local(when: datetime, facts: DeskFacts) -> datetime:
    try:
        return when.astimezone(ZoneInfo(facts.zone))
    except (ZoneInfoNotFoundError, ValueError):
        # The settings check the zone; facts that name another one are still worth showing.
        return when


def section_of(text: str, title: str) -> list[str]:
    """The lines of that section in a briefing that was written before."""
    found: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("**"):
            inside = line.strip("*: ") == title
        elif inside and line.startswith("- "):
            found.append(line[2:])
    return found


def points_of(text: str) -> list[str]:
    """Every point of a briefing, or of another list, in order."""
    return [line[2:] for line in text.splitlines() if line.startswith("- ")]


def quoted(lines: Iterable[str]) -> str:
    """The lines as a quotation."""
    return "\n".join(f"> {line}" for line in lines)
