"""Wishes for a schedule or a reminder, in a sentence. Pure."""

import re

from adapters.models import times
from runtime.model.timelimit import limit_in
from runtime.model.value import value


@value()
class MakeSchedule:
    """A wish for a schedule or a reminder.

    Attributes:
        when: the words that say when; empty where the sentence has none.
        instruction: what to do then; empty where the sentence does not say.
    """

    when: str
    instruction: str


@value()
class SeveralTimes:
    """A wish for what would be several schedules.

    Attributes:
        times: the words of each time; two at least.
    """

    times: tuple[str, ...]


_POLITE = re.compile(
    r"^(?:(?:hey|hi|hello|ok|okay|so|well|and|also|but|please|pls|desk|nightdesk|assistant|bot"
    r"|good\s+(?:morning|afternoon|evening))\b[\s,!.:]+"
    r"|(?:can|could|would|will)\s+you\s+(?:please\s+|kindly\s+)?"
    r"|(?:i(?:'d|\s+would)\s+like(?:\s+you)?\s+to|i\s+(?:want|need)\s+you\s+to)\s+)+",
    re.IGNORECASE,
)
_REMIND = re.compile(
    r"(?:(?:set|make|create|add|give\s+me|schedule)\s+(?:(?:me|us)\s+)?(?:an?\s+|the\s+)?reminders?"
    r"(?:\s+for\s+(?:me|us))?"
    r"|remind(?:\s+(?P<whom>me|us|everyone|everybody|the\s+team|all))?)\b",
    re.IGNORECASE,
)
_SCHEDULE = re.compile(
    r"(?:/?schedule\s+create|schedule|set\s+up\s+a\s+schedule"
    r"|(?:make|create|add)(?:\s+me)?\s+(?:a\s+|new\s+|an?\s+new\s+)*schedule)\b",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"(?:please\s+)?(?:post|send|tell|say|give|run|do|check|report|brief|summari[sz]e|write|list|ping"
    r"|announce|share|show|make|create|collect|review|look|draft|prepare|compile|call|read|fetch"
    r"|compare|ask|wake|start|publish|drop|update|notify|watch|verify|test|get|find|message)\b",
    re.IGNORECASE,
)
_WAKE = re.compile(r"wake\s+(?:me|us)(?:\s+up)?\b", re.IGNORECASE)
_ALARM = re.compile(
    r"(?:set\s+(?:(?:me|up)\s+)?)?(?:an?\s+|the\s+)?alarm\b",
    re.IGNORECASE,
)
_WAKE_UP = "wake up"
_BRIEFING = re.compile(
    r"(?:i|we)(?:'d|\s+would)?\s+(?:want|need|like)(?:\s+to\s+(?:have|get|see))?"
    r"\s+(?P<what>(?:an?|the|our|my)(?:\s+(?:daily|weekly|morning|regular|new))*\s+briefing)"
    r"(?:\s+(?:in|for)\s+(?:the\s+team|us|me|#[\w-]+))?",
    re.IGNORECASE,
)
_POST_IT = "Post the briefing"
_OFTEN = re.compile(
    r"(?:(?:post|send|give|write|make|prepare|publish)\s+)?(?:(?:me|us)\s+)?"
    r"an?\s+(?:\w+\s+)?(?P<often>daily|weekly)\b",
    re.IGNORECASE,
)
_REPEATS = re.compile(r"\b(?:every|each|daily|weekly|monthly|hourly)\b", re.IGNORECASE)
_CONNECTIVE = re.compile(r"^(?:(?:to|that|about|for|of)\b|[:,—-])\s*", re.IGNORECASE)
_MOST_TIMES = 20
"""Of one wish. There is no schedule of several, so who writes more misses none."""


def without_manners(text: str) -> str:
    """The sentence without greeting, name and politeness at its beginning."""
    return _POLITE.sub("", text.strip())


def wish_in(text: str) -> MakeSchedule | SeveralTimes | None:
    """The schedule that the sentence wishes for, or None where it wishes for none."""
    sentence = without_manners(" ".join(text.split()))
    for lead, reminder in ((_REMIND, True), (_SCHEDULE, False)):
        found = lead.match(sentence)
        rest = sentence[found.end() :].lstrip(" ,:") if found is not None else ""
        if found is not None and (reminder or not _asks(sentence, rest)):
            return _wish(rest, reminder=reminder)
    return _briefing(sentence) or _alarm(sentence) or _timed(sentence)


def _timed(sentence: str) -> MakeSchedule | SeveralTimes | None:
    """A wish that begins with its time, or with what is to be done, and ends with its time."""
    split = times.at_start(sentence)
    if split is not None and split.rest:
        several, behind = _several(split)
        rest = without_manners(behind)
        if len(several.times) > 1 and (_REMIND.match(rest) or _VERB.match(rest)):
            return None if sentence.endswith("?") else several
        remind = _REMIND.match(rest)
        if remind is not None:
            return _made(split.when, rest[remind.end() :], reminder=True)
        if _WAKE.fullmatch(rest.rstrip(" .!")):
            return _made(split.when, _WAKE_UP, reminder=True)
        if _VERB.match(rest) and not sentence.endswith("?"):
            return _made(split.when, rest, reminder=False)
    split = times.at_end(sentence) if _VERB.match(sentence) else None
    if split is not None and split.firm and split.rest and not sentence.endswith("?"):
        if (before := times.joined_before(split)) is not None:
            return SeveralTimes((before.when, split.when))
        return _made(split.when, split.rest, reminder=False)
    return None


def _asks(sentence: str, rest: str) -> bool:
    """Whether a sentence that begins with "schedule" asks about schedules and wishes for none."""
    timed = times.at_start(rest) is not None or times.at_end(rest) is not None
    return sentence.endswith("?") or not (timed or len(rest.split()) > 1)


def _briefing(sentence: str) -> MakeSchedule | None:
    """A wish for a briefing, with its time or without."""
    found = _BRIEFING.match(sentence)
    if found is None:
        return None
    rest = sentence[found.end() :].strip(" .!,")
    split = times.at_start(rest)
    if rest and (split is None or split.rest):
        return None
    when = split.when if split is not None else ""
    return MakeSchedule(when=_often(when, found["what"]), instruction=_POST_IT)


def _alarm(sentence: str) -> MakeSchedule | None:
    """A wish to be woken at a time, and perhaps what for."""
    found = _WAKE.match(sentence) or _ALARM.match(sentence)
    if found is None:
        return None
    otherwise = _WAKE_UP if found.re is _WAKE else "alarm"
    rest = sentence[found.end() :].strip(" ,:.!")
    if not rest:
        return _made("", otherwise, reminder=True)
    split = times.at_start(_CONNECTIVE.sub("", rest))
    if split is None:
        return None
    return _made(split.when, split.rest.strip(" .!") or otherwise, reminder=True)


def _several(first: times.Split) -> tuple[SeveralTimes, str]:
    """The time, those that are joined to it, and the rest behind all of them."""
    found, split = [first.when], first
    while len(found) < _MOST_TIMES and (another := times.joined_to(split)) is not None:
        found.append(another.when)
        split = another
    return SeveralTimes(tuple(found)), split.rest


def _wish(rest: str, *, reminder: bool) -> MakeSchedule | SeveralTimes:
    """Find the time at the beginning, else at the end, of what follows "remind me"."""
    plain = _CONNECTIVE.sub("", rest)
    split = times.at_start(plain)
    if split is None or not split.rest:
        split = times.at_end(plain) or split
        if split is not None and (before := times.joined_before(split)) is not None:
            return SeveralTimes((before.when, split.when))
    if split is None:
        return _made("", plain, reminder=reminder)
    several, _ = _several(split)
    if len(several.times) > 1:
        return several
    return _made(split.when, split.rest, reminder=reminder)


def _made(when: str, instruction: str, *, reminder: bool) -> MakeSchedule:
    limit = limit_in(instruction) if _REPEATS.search(when) else ""
    if limit:  # with its time, so that whoever reads that refuses it, and does not lose it
        when, instruction = f"{when} {limit}", " ".join(instruction.split())[len(limit) :]
    plain = _CONNECTIVE.sub("", instruction.strip(" ,;:-")).rstrip(" ?")
    for edge in ("me ", "us "):
        if reminder and plain.lower().startswith(edge):
            plain = _CONNECTIVE.sub("", plain[len(edge) :])
    if reminder and plain:
        plain = f"Reminder: {plain}"
    return MakeSchedule(when=_often(when, plain), instruction=plain)


def _often(when: str, what: str) -> str:
    """The time; with "a daily briefing at 9" each day, with a weekly one on Monday each week."""
    found = _OFTEN.match(what)
    if found is None:
        return when
    day = "day " if found["often"].lower() == "daily" else ""
    repeated = f"every {day}{re.sub(r'^on ', '', when, flags=re.IGNORECASE)}"
    split = times.at_start(repeated)
    return repeated if split is not None and split.when == repeated else when
