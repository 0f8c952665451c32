"""What a person who asks leaves unsaid: which words are the time, and where results go."""

import re
from datetime import datetime
from itertools import islice

from runtime.errors import NotATime, Refused
from runtime.model.address import ThreadRef
from runtime.model.schedule import When, WhenKind
from runtime.model.team import ChannelRule, Team
from runtime.model.timelimit import limit_in
from runtime.model.value import value
from runtime.ports import Timetable

_MOST_WORDS = 20
"""No time takes more words than these."""
_END_WORDS = 12
"""Nor more than these at the end of a sentence."""
_OF_WHAT = re.compile(r"^(?:to|that|about|of)(?:\s+|$)", re.IGNORECASE)
_AFTER_A_TIME = ",;:"
_BEGINS_THE_REST = re.compile(r"[;:]")
_QUOTES = "\"'\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"
"""What keyboards make of the quotes around words."""
_QUOTED = re.compile(rf"\s*[{_QUOTES}](?P<time>[^{_QUOTES}]+)[{_QUOTES}][,;:]*(?=\s|$)")
_THEN = re.compile(r"^(?:and(?: then)?|then) ", re.IGNORECASE)
"""What joins the time and what to do then."""
_JOINS = re.compile(r"(?:(?:and\s+then|and|or|plus|then|as\s+well\s+as)\s+|[&+]\s*)", re.IGNORECASE)


@value(kw_only=True)
class TimedInstruction:
    """A sentence, taken apart.

    Attributes:
        when: the times it names.
        instruction: the rest of it, as it was written.
    """

    when: When
    instruction: str


def split_sentence(
    sentence: str, timetable: Timetable, *, now: datetime, zone: str
) -> TimedInstruction:
    """Take the time off the beginning: `every weekday at 8:30 write the briefing`.

    The longest beginning that is a time is the time. The rest keeps its line breaks. A comma, or a
    word such as “and”, may go on with the times; after a colon or a semicolon, and after a time in
    quotes, is what to do.

    Raises:
        Refused: no beginning is a time, the one that is cannot be kept, or what follows it is
            another time, or limits one that repeats.
    """
    hint = ""
    if quoted := _read_quoted(sentence, timetable, now=now, zone=zone):
        return quoted
    for end in _ends_of_words(sentence):
        said = sentence[:end].rstrip(_AFTER_A_TIME)
        try:
            when = timetable.read(said.strip(_QUOTES), now=now, zone=zone)
        except NotATime as error:
            hint = error.hint
            continue
        rest = sentence[end:].strip()
        between, joined = sentence[len(said) : end], _JOINS.match(rest)
        ended = _BEGINS_THE_REST.search(between) or _is_quoted(said)
        if ended:
            return TimedInstruction(when=when, instruction=rest)
        if when.kind is WhenKind.CRON:
            _refuse_a_limit(said, rest)
        if joined or between:
            another = rest[joined.end() :] if joined else rest
            _refuse_another_time(said, another, timetable, now=now, zone=zone)
        return TimedInstruction(when=when, instruction=_THEN.sub("", rest, count=1))
    raise NotATime(f"“{sentence.strip()[:40]}” does not begin with a time.", hint=hint)


def read_sentence(
    sentence: str, timetable: Timetable, *, now: datetime, zone: str
) -> tuple[When, str]:
    """Take the time off either end: `in 2 hours to call Bob`, `to call Bob tomorrow at 9am`.

    Raises:
        Refused: no end of it is a time, or the one that is cannot be kept.
    """
    try:
        asked = split_sentence(sentence, timetable, now=now, zone=zone)
    except NotATime:
        found = _time_at_end(sentence, timetable, now=now, zone=zone)
        if found is None:
            raise
        when, rest = found
    else:
        when, rest = asked.when, asked.instruction
    rest = _OF_WHAT.sub("", rest.strip(), count=1)
    return when, rest.strip().strip(":,").strip()


def _time_at_end(
    sentence: str, timetable: Timetable, *, now: datetime, zone: str
) -> tuple[When, str] | None:
    words = sentence.split()
    for start in range(max(1, len(words) - _END_WORDS), len(words)):
        tail = " ".join(words[start:])
        try:
            when = timetable.read(tail, now=now, zone=zone)
        except NotATime:
            continue
        return when, " ".join(words[:start])
    return None


def _read_quoted(
    sentence: str, timetable: Timetable, *, now: datetime, zone: str
) -> TimedInstruction | None:
    """The sentence, where it begins with a time in quotes: what follows them is what to do."""
    match = _QUOTED.match(sentence)
    if match is None:
        return None
    try:
        when = timetable.read(match["time"], now=now, zone=zone)
    except NotATime:
        return None
    return TimedInstruction(when=when, instruction=sentence[match.end() :].strip())


def _is_quoted(said: str) -> bool:
    said = said.strip()
    return len(said) > 1 and said[0] in _QUOTES and said[-1] in _QUOTES


def _refuse_a_limit(first: str, text: str) -> None:
    """Refuse `every weekday at 9 except friday`: the limit would be taken for what to do."""
    if limit := limit_in(text):
        raise Refused(
            f"“{limit}” limits the time in a way that I cannot keep.",
            hint="Days and hours can be limited, such as every hour from 9 to 17 on weekdays, or "
            "in cron: */15 9-16 * * 1-5; how long it goes on cannot. Where it belongs to what is "
            f'to be done, put the time in quotes: "{first.strip().strip(_QUOTES)}" {limit} …',
        )


def _refuse_another_time(
    first: str, text: str, timetable: Timetable, *, now: datetime, zone: str
) -> None:
    """Refuse `every monday at 9 and thursday at 5`: the second would be taken for what to do."""
    for end in _ends_of_words(text):
        try:
            timetable.read(text[:end], now=now, zone=zone)
        except Refused:
            continue
        second = text[:end].strip(_QUOTES)
        raise Refused(
            f"“{second}” is a second time.",
            hint="Ask for each time by itself. Where it belongs to what is to be done, put the "
            f'first in quotes: "{first.strip().strip(_QUOTES)}" {second} …',
        )


def _ends_of_words(text: str) -> list[int]:
    """Where its first words end, the last of them first."""
    found = [word.end() for word in islice(re.finditer(r"\S+", text), _MOST_WORDS)]
    return found[::-1]


@value(kw_only=True)
class Target:
    """Where results will go.

    Attributes:
        thread: the channel.
        elsewhere: it is not where the person asked.
        listed: the channel is on the proactive list, so that results are sent and not only kept.
    """

    thread: ThreadRef
    elsewhere: bool
    listed: bool


def default_target(team: Team, asked_in: ThreadRef) -> Target:
    """Where results go when nobody says: here if the list has it, else the only listed channel.

    Where neither is so they are kept, and shown with the schedule.
    """
    here = team.rule_of(asked_in.channel)
    listed = [rule for rule in team.channels if rule.proactive]
    if here is not None and here.proactive:
        return target_in(here, asked_in)
    if len(listed) == 1:
        return target_in(listed[0], asked_in)
    return Target(thread=ThreadRef(asked_in.channel), elsewhere=False, listed=False)


def target_in(rule: ChannelRule, asked_in: ThreadRef) -> Target:
    """The channel of that rule, as the target of something asked for in `asked_in`."""
    return Target(
        thread=ThreadRef(rule.ref),
        elsewhere=rule.ref != asked_in.channel,
        listed=rule.proactive,
    )


def named_target(team: Team, name: str, asked_in: ThreadRef) -> Target:
    """The configured channel of that name (`#ops`, `ops`) or id.

    A name that channels of several platforms carry means the one of the platform asked on.

    Raises:
        Refused: no channel, or more than one, is called so; the hint lists those there are.
    """
    wanted = name.strip().removeprefix("#").casefold()
    found = [rule for rule in team.channels if rule.ref.channel == name.strip()] or [
        rule for rule in team.channels if rule.name.removeprefix("#").casefold() == wanted
    ]
    near = [rule for rule in found if rule.ref.platform == asked_in.platform]
    if len(near or found) == 1:
        return target_in((near or found)[0], asked_in)
    problem = "is the name of several channels" if found else "is no configured channel"
    raise Refused(f"“{name}” {problem}.", hint=_configured(team, by_id=bool(found)))


def _configured(team: Team, *, by_id: bool) -> str:
    if not team.channels:
        return "No channel is configured yet: nightdesk.toml lists them under [[channels]]."
    names = (
        f"#{rule.name.removeprefix('#')}" + (f" ({rule.ref.channel})" if by_id else "")
        for rule in team.channels
    )
    return f"Configured: {', '.join(names)}."
