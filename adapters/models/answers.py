"""The offline assistant's answers from facts. Pure."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from adapters.models import briefing
from adapters.models.intents import Ask
from adapters.models.topics import Topic
from runtime.model.facts import DeskFacts, LeftOut, LimitFact, RunFact
from runtime.model.meter import Period
from runtime.model.schedule import OccurrenceState, ScheduleState

SECTIONS = {
    Topic.RUNS: briefing.RAN,
    Topic.FAILED: briefing.FAILED,
    Topic.MISSED: briefing.MISSED,
    Topic.APPROVALS: briefing.WAITING,
    Topic.UNSENT: briefing.UNSENT,
    Topic.NEXT: briefing.NEXT,
    Topic.SCHEDULES: briefing.NEXT,
    Topic.SPENT: briefing.SPENT,
}
"""The section of a briefing that speaks of a topic."""

_LONGEST_NUMBER = 9
_SPENDING = frozenset({Topic.SPENT, Topic.SPENT_TODAY, Topic.SPENT_MONTH, Topic.SPENT_THEN})
_TOLD_OF_DELETED = frozenset({Topic.SCHEDULES, Topic.NEXT, Topic.RUNS})
"""What a deleted schedule that is asked about is told by: that it was deleted, and what it did."""
_NAMES = {Period.DAY: "today", Period.MONTH: "this month"}


def answer(ask: Ask, facts: DeskFacts) -> str | None:
    """The answer from the facts; None where the question is about something they do not have."""
    if not ask.about:
        return _ANSWERS[ask.topic](facts)
    found = _about(ask, facts)
    if found is None:
        return _no_such(ask.about, facts)
    if ask.topic is Topic.BUDGET:
        return _limits_of(found)
    if ask.topic in _SPENDING:
        return _cost_of(found)
    if ask.topic is Topic.UNDER_WAY and not found.under_way:
        return f"Nothing of {_called(found)} runs at the moment. `/status` tells more."
    if ask.topic is Topic.RUNS and not found.runs:
        return f"Nothing of {_called(found)} ran since {briefing.since(found)}."
    if ask.topic in _TOLD_OF_DELETED and not found.schedules:
        was = "was" if len(_numbers(found)) == 1 else "were"
        return f"{_called(found).capitalize()} {was} deleted. {_runs(found)}"
    return _ANSWERS[ask.topic](found)


def _no_such(about: tuple[str, ...], facts: DeskFacts) -> str | None:
    """That there is no such schedule, where the words are one's number; None where they are not."""
    number = about[0].removeprefix("#")
    if len(about) > 1 or not number.isdecimal() or len(number) > _LONGEST_NUMBER:
        return None
    if facts.left_out.schedules:
        seen = f"Schedule {number} is none of the next {len(facts.schedules)}, which are all I see."
        return f"{seen} `/schedule show {number}` shows it."
    return f"There is no schedule {number}. `/schedule list` shows those there are."


def _about(ask: Ask, facts: DeskFacts) -> DeskFacts | None:
    """The facts of the schedules that the question's own words name, or None for none of them."""

    def named(instruction: str, number: int) -> bool:
        return all(_names(word, instruction.lower(), number) for word in ask.about)

    def those(runs: Iterable[RunFact]) -> tuple[RunFact, ...]:
        return tuple(run for run in runs if named(run.instruction, run.schedule))

    schedules = tuple(s for s in facts.schedules if named(s.instruction, s.number))
    runs, under_way = those(facts.runs), those(facts.under_way)
    if not (schedules or runs or under_way):
        return None
    found = replace(facts, schedules=schedules, runs=runs, under_way=under_way, left_out=LeftOut())
    numbers = _numbers(found)
    return replace(found, limits=tuple(one for one in facts.limits if one.schedule in numbers))


def _names(word: str, instruction: str, number: int) -> bool:
    """Whether the word means that schedule: `#2` by its number, any other by its instruction."""
    if word.startswith("#") and word[1:].isdecimal():
        return word == f"#{number}"
    if word.isdecimal():
        return word in re.findall(r"\d+", instruction)
    return word in instruction


def _numbers(facts: DeskFacts) -> list[int]:
    """The schedules that the facts are of; deleted ones only where there are no others."""
    runs = (*facts.runs, *facts.under_way)
    return sorted({s.number for s in facts.schedules} or {run.schedule for run in runs})


def _called(facts: DeskFacts) -> str:
    """The schedules that the facts are of, in words."""
    numbers = _numbers(facts)
    return f"schedule{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _listed(head: str, lines: list[str], nothing: str, more: int = 0) -> str:
    return "\n".join([head, *briefing.bullets(lines, more)]) if lines else nothing


def _schedules(facts: DeskFacts) -> str:
    return _listed(
        "These are the schedules:",
        [
            briefing.schedule_line(schedule, facts)
            for schedule in facts.schedules
            if schedule.state is not ScheduleState.FINISHED
        ],
        "There are no schedules. `/schedule create <when> <instruction>` makes one.",
        facts.left_out.schedules,
    )


def _next(facts: DeskFacts) -> str:
    return _listed("Next:", briefing.coming(facts, most=3), "Nothing is scheduled to come.")


def _runs(facts: DeskFacts) -> str:
    done = briefing.runs(facts, OccurrenceState.DONE)
    failed = briefing.runs(facts, OccurrenceState.FAILED)
    missed = briefing.runs(facts, OccurrenceState.MISSED)
    if not (done or failed or missed):
        return f"Nothing ran since {briefing.since(facts)}."
    left = facts.left_out
    counts = (
        f"{len(done) + left.done} done, {len(failed) + left.failed} failed, "
        f"{len(missed) + left.missed} missed"
    )
    lines = [
        *done,
        *(f"failed: {line}" for line in failed),
        *(f"missed: {line}" for line in missed),
    ]
    more = left.done + left.failed + left.missed
    return _listed(f"Since {briefing.since(facts)}: {counts}.", lines, "", more)


def _under_way(facts: DeskFacts) -> str:
    return _listed(
        "Under way:",
        [briefing.run_line(run, facts) for run in facts.under_way],
        "No schedule runs at the moment. `/status` tells more.",
        facts.left_out.under_way,
    )


def _failed(facts: DeskFacts) -> str:
    return _listed(
        f"Failed since {briefing.since(facts)}:",
        briefing.runs(facts, OccurrenceState.FAILED),
        f"Nothing failed since {briefing.since(facts)}.",
        facts.left_out.failed,
    )


def _missed(facts: DeskFacts) -> str:
    return _listed(
        f"Missed since {briefing.since(facts)}:",
        briefing.runs(facts, OccurrenceState.MISSED),
        f"Nothing was missed since {briefing.since(facts)}.",
        facts.left_out.missed,
    )


def _approvals(facts: DeskFacts) -> str:
    waiting = briefing.approvals(facts)
    more = "\n`/approve list` shows them." if waiting else ""
    return _listed("Waiting:", waiting, "No approval waits for anybody.") + more


def _budget(facts: DeskFacts) -> str:
    lines = [_limit(each) for each in facts.limits]
    return (
        _listed(
            f"The budget ({facts.currency}):",
            lines,
            "I do not know the limits.",
            facts.left_out.limits,
        )
        + "\n`/budget` tells more."
    )


def _limit(limit: LimitFact) -> str:
    """What is left of it, as far as it is counted."""
    if limit.limit_micros is None:
        spent = briefing.money(limit.spent_micros or 0)
        return f"{limit.whose}: no limit for {limit.when}, {spent} spent {_name(limit)}"
    amount = f"{briefing.money(limit.limit_micros)} {limit.when}"
    if limit.spent_micros is None:
        return f"{limit.whose}: {amount}"
    left = max(0, limit.limit_micros - limit.spent_micros - limit.held_micros)
    held = f", {briefing.money(limit.held_micros)} held" if limit.held_micros else ""
    return (
        f"{limit.whose}: {briefing.money(left)} left of {amount}, "
        f"{briefing.money(limit.spent_micros)} spent {_name(limit)}{held}"
    )


def _name(limit: LimitFact) -> str:
    return _NAMES.get(limit.period, "")


def _limits_of(facts: DeskFacts) -> str:
    """What single schedules may spend."""
    lines = [_limit(each) for each in facts.limits]
    nothing = f"No limit is set for {_called(facts)} alone."
    return (
        _listed(f"What may be spent ({facts.currency}):", lines, nothing)
        + "\n`/budget` tells more."
    )


def _cost_of(facts: DeskFacts) -> str:
    """Which command knows what schedules cost: the facts do not."""
    commands = ", ".join(f"`/cost schedule {number}`" for number in _numbers(facts))
    return f"A command tells what that cost: {commands}"


def _spent(facts: DeskFacts) -> str:
    spent = briefing.money(facts.spent_micros)
    return f"Spent since {briefing.since(facts)}: {spent} {facts.currency}."


def _spent_in(period: Period, facts: DeskFacts) -> str:
    """What the whole team spent in the present day or month of its zone."""
    found = (each.spent_micros for each in facts.limits if each.period is period)
    spent = next(found, None)
    if spent is None:
        return _spent(facts)
    return f"Spent {_NAMES[period]}: {briefing.money(spent)} {facts.currency}."


def _spent_today(facts: DeskFacts) -> str:
    return _spent_in(Period.DAY, facts)


def _spent_this_month(facts: DeskFacts) -> str:
    return _spent_in(Period.MONTH, facts)


def _spent_then(facts: DeskFacts) -> str:
    lines = [_spent_today(facts), _spent_this_month(facts), _spent(facts)]
    said = "\n".join(briefing.bullets(lines))
    return f"I know no other period than these:\n{said}\n`/budget` shows the last days."


def _unsent(facts: DeskFacts) -> str:
    return _listed("Not delivered:", briefing.unsent(facts), "Every message was delivered.")


_ANSWERS: dict[Topic, Callable[[DeskFacts], str]] = {
    Topic.BRIEFING: briefing.briefing,
    Topic.SCHEDULES: _schedules,
    Topic.NEXT: _next,
    Topic.RUNS: _runs,
    Topic.UNDER_WAY: _under_way,
    Topic.FAILED: _failed,
    Topic.MISSED: _missed,
    Topic.APPROVALS: _approvals,
    Topic.BUDGET: _budget,
    Topic.SPENT: _spent,
    Topic.SPENT_TODAY: _spent_today,
    Topic.SPENT_MONTH: _spent_this_month,
    Topic.SPENT_THEN: _spent_then,
    Topic.UNSENT: _unsent,
    Topic.CLOCK: briefing.clock,
}
