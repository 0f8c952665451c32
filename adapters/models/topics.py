"""What a question about the desk can be about, and the words that say so. Pure."""

import re
from enum import StrEnum


class Topic(StrEnum):
    """What of the desk's state is asked about."""

    BRIEFING = "briefing"
    SCHEDULES = "schedules"
    NEXT = "next"
    RUNS = "runs"
    UNDER_WAY = "under way"
    FAILED = "failed"
    MISSED = "missed"
    APPROVALS = "approvals"
    BUDGET = "budget"
    SPENT = "spent"
    SPENT_TODAY = "spent today"
    SPENT_MONTH = "spent this month"
    SPENT_THEN = "spent in another period"
    UNSENT = "unsent"
    CLOCK = "clock"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The first topic that has one of its words in the question is the one that is asked about.
TRIGGERS: tuple[tuple[Topic, frozenset[str]], ...] = (
    (Topic.APPROVALS, _words("approval approvals approve approved pending decision decisions")),
    (
        Topic.SPENT,
        _words(
            "budget budgets spend spent spending cost costs money tokens usage limit limits"
            " allowance expenses expensive bill"
        ),
    ),
    (
        Topic.FAILED,
        _words("fail fails failed failing failure failures error errors broke broken why"),
    ),
    (Topic.MISSED, _words("miss missed misses skipped")),
    (Topic.UNSENT, _words("undelivered unsent dead letter letters outbox")),
    (Topic.NEXT, _words("next upcoming coming comes after soon later")),
    (Topic.BRIEFING, _words("briefing status report overview brief")),
    (
        Topic.SCHEDULES,
        _words(
            "schedule schedules scheduled reminder reminders planned cron jobs job agenda calendar"
        ),
    ),
    (Topic.UNDER_WAY, _words("running underway")),
    (
        Topic.RUNS,
        _words(
            "ran run runs happened overnight history results finished completed succeed succeeded"
            " success successful"
        ),
    ),
    (Topic.CLOCK, _words("time clock date timezone timezones zone")),
)
SAID_OF_THE_DESK = frozenset[str]().union(*(words for _, words in TRIGGERS))
"""Words that say what of the desk is meant: half of all that is said of it has one."""
_MONEY = next(words for topic, words in TRIGGERS if topic is Topic.SPENT)
_LIMITS = _words("budget budgets limit limits allowance left remain remaining remains still")
"""Words that ask, of money, what may be spent, and not what was."""
_OTHER_PERIODS = _words(
    "yesterday tomorrow week weeks weekly year years monday tuesday wednesday thursday friday ever"
)
_LAST = _words("last previous past")
_SPANS = _words("minutes hour hours days month")
_COMING = re.compile(r"\b(?:next|coming) (?:hour|day|week|month|year)s?\b")
_STATUS_OF = re.compile(
    r"\b(?:status|overview|report) (?:of|on|about)\b"
    r"|\b(?:budget|spending|costs?|money|usage|limits?) (?:status|overview|report)\b"
)
FILLERS = _words(
    """
    a about active actually afternoon again agent agents all am an and any anybody anyone anything
    anything's are as asleep at been before bot busy can check come could couldn't current currently
    daily day days delivered desk detail details did didn't do does done during each else else's
    evening ever everything exactly far for found from full get give go going gone had happen has
    have here high hour hours how i if in into is it it's its just last latest left list many may me
    minutes month months more morning much my need needs new next night nightdesk nightly note now
    of off ok on one ones only open ops or our out over past paused people per person please pm post
    posted previous quick read reason reasons recent recently remain remaining remains right say
    send sent short should show since sleeping slept so some something state still stuff summary
    system team tell than that that's the them then there there's these they thing things this those
    time times to today told tomorrow tonight up us wait waiting waits was wasn't we we're week
    weekly weeks went were what what's whats when when's whens where which while who will with work
    worked working would wrong year years yesterday yet you your
    """
)
_DID = re.compile(r"\b(?:did .*\bdo|ha(?:s|ve) .*\bdone)\b")
"""Asks for what something has done: of a schedule, for its runs and not for its times."""
_OF_NO_CLOCK = re.compile(
    r"\b(?:more|enough|no|less) time\b|\bwho spent the (?:night|day|evening|week)"
)
"""Time that somebody has or spends, which no clock, schedule or budget tells."""
_REPORTED = frozenset({Topic.RUNS, Topic.FAILED, Topic.MISSED})
_WEAK = _words("run runs overnight job jobs schedule schedules scheduled briefing brief report")
"""Words that say what kind of thing is meant, and not by themselves what is asked of it."""


def topics_in(said: list[str]) -> list[Topic]:
    """The topics that the words name; none where they mean a time that nobody here keeps."""
    money = _MONEY.intersection(said)
    if money and money <= {"limit", "limits"} and "time" in said:
        return []
    text = " ".join(said)
    if _OF_NO_CLOCK.search(text):
        return []
    found = [topic for topic, triggers in TRIGGERS if triggers.intersection(said)]
    if found in ([Topic.SCHEDULES], [Topic.SCHEDULES, Topic.RUNS]) and _DID.search(text):
        return [Topic.RUNS]
    return found


def topic_of(topics: list[Topic], said: list[str]) -> Topic:
    """The one that a question in those words asks about, of the topics that they name."""
    topic = _one_of(topics, said)
    return _of_money(said) if topic is Topic.SPENT else topic


def _one_of(topics: list[Topic], said: list[str]) -> Topic:
    """The one topic that covers a question after several: "what ran, and what comes next?"."""
    firm = {topic for topic, triggers in TRIGGERS if (triggers - _WEAK).intersection(said)}
    firm -= {Topic.CLOCK}
    text = " ".join(said)
    if firm == {Topic.SPENT, Topic.NEXT} and _COMING.search(text):
        return Topic.SPENT
    if firm == {Topic.SPENT, Topic.BRIEFING} and _STATUS_OF.search(text):
        return Topic.SPENT
    if len(firm) < 2:  # noqa: PLR2004 - several are two
        return next((topic for topic in topics if topic in firm), topics[0])
    return Topic.RUNS if firm <= _REPORTED else Topic.BRIEFING


def _of_money(said: list[str]) -> Topic:
    """What of the money is asked: what may be spent, or what was, and over which time."""
    words = frozenset(said)
    if words & _LIMITS or {"can", "spend"} <= words or {"may", "spend"} <= words:
        return Topic.BUDGET
    if words & _OTHER_PERIODS or (words & _SPANS and words & _LAST) or "months" in words:
        return Topic.SPENT_THEN
    if _COMING.search(" ".join(said)):
        return Topic.SPENT_THEN
    if "today" in words:
        return Topic.SPENT_TODAY
    return Topic.SPENT_MONTH if words & {"month", "monthly"} else Topic.SPENT
