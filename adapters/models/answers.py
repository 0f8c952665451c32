"""The offline assistant's answers from facts. Pure."""

from collections.abc import Callable
from dataclasses import replace

from adapters.models import briefing
from adapters.models.intents import Ask, Topic
from runtime.model.facts import DeskFacts
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


def answer(ask: Ask, facts: DeskFacts) -> str | None:
    """The answer from the facts; None where the question is about something they do not have."""
    if ask.about:
        facts_about = _about(ask, facts)
        if facts_about is None:
            return None
        facts = facts_about
    return _ANSWERS[ask.topic](facts)


def _about(ask: Ask, facts: DeskFacts) -> DeskFacts | None:
    """The facts of the schedules that the question's own words name, or None for none of them."""

    def named(instruction: str, number: int) -> bool:
        text = f"#{number} {number} {instruction}".lower()
        return all(word in text for word in ask.about)

    schedules = tuple(s for s in facts.schedules if named(s.instruction, s.number))
    runs = tuple(run for run in facts.runs if named(run.instruction, run.schedule))
    if not (schedules or runs):
        return None
    return replace(facts, schedules=schedules, runs=runs)


def _listed(head: str, lines: list[str], nothing: str) -> str:
    return "\n".join([head, *briefing.bullets(lines)]) if lines else nothing


def _schedules(facts: DeskFacts) -> str:
    return _listed(
        "These are the schedules:",
        [
            briefing.schedule_line(schedule, facts)
            for schedule in facts.schedules
            if schedule.state is not ScheduleState.FINISHED
        ],
        "There are no schedules. `/schedule create <when> <instruction>` makes one.",
    )


def _next(facts: DeskFacts) -> str:
    return _listed("Next:", briefing.coming(facts, most=3), "Nothing is scheduled to come.")


def _runs(facts: DeskFacts) -> str:
    done = briefing.runs(facts, OccurrenceState.DONE)
    failed = briefing.runs(facts, OccurrenceState.FAILED)
    missed = briefing.runs(facts, OccurrenceState.MISSED)
    if not (done or failed or missed):
        return f"Nothing ran since {briefing.since(facts)}."
    counts = f"{len(done)} done, {len(failed)} failed, {len(missed)} missed"
    lines = [
        *done,
        *(f"failed: {line}" for line in failed),
        *(f"missed: {line}" for line in missed),
    ]
    return _listed(f"Since {briefing.since(facts)}: {counts}.", lines, "")


def _failed(facts: DeskFacts) -> str:
    return _listed(
        f"Failed since {briefing.since(facts)}:",
        briefing.runs(facts, OccurrenceState.FAILED),
        f"Nothing failed since {briefing.since(facts)}.",
    )


def _missed(facts: DeskFacts) -> str:
    return _listed(
        f"Missed since {briefing.since(facts)}:",
        briefing.runs(facts, OccurrenceState.MISSED),
        f"Nothing was missed since {briefing.since(facts)}.",
    )


def _approvals(facts: DeskFacts) -> str:
    return _listed("Waiting:", briefing.approvals(facts), "No approval waits for anybody.")


def _spent(facts: DeskFacts) -> str:
    spent = briefing.money(facts.spent_micros)
    return f"Spent since {briefing.since(facts)}: {spent} {facts.currency}."


def _unsent(facts: DeskFacts) -> str:
    return _listed("Not delivered:", briefing.unsent(facts), "Every message was delivered.")


_ANSWERS: dict[Topic, Callable[[DeskFacts], str]] = {
    Topic.BRIEFING: briefing.briefing,
    Topic.SCHEDULES: _schedules,
    Topic.NEXT: _next,
    Topic.RUNS: _runs,
    Topic.FAILED: _failed,
    Topic.MISSED: _missed,
    Topic.APPROVALS: _approvals,
    Topic.SPENT: _spent,
    Topic.UNSENT: _unsent,
    Topic.CLOCK: briefing.clock,
}
