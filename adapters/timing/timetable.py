"""The timetable: what people write, as times; and the next of them."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from adapters.timing import cron, wording
from adapters.timing.zones import proper_zone
from runtime.errors import NotATime, Refused
from runtime.model.localtime import show_time
from runtime.model.schedule import When, WhenKind

_LONGEST = 120
_BARE = re.compile(rf"\d+(?:[.,]\d+)?|{wording.MONTH}|an?|the")
_ZONE = re.compile(
    r"(?P<when>.+?),? (?:in )?(?P<zone>[a-z_]+/[a-z_/+-]+\d*|UTC|GMT)", re.IGNORECASE
)
# Abbreviations mean several zones each, and the daylight half of one is wrong half of the year.
# "wet" and "west" are words.
_ABBREVIATION = re.compile(
    r"(?P<when>.+?),? (?:in )?(?P<zone>(?:UTC|GMT) ?[+-]\d{1,2}(?::?\d{2})?"
    r"|[ECMP][SD]?T|[CE]ES?T|(?-i:WES?T)|MES?Z|BST|IST|JST|AE[SD]T)",
    re.IGNORECASE,
)
_FORMS = (
    "Write for example: every weekday at 8:30, every 15 minutes, in 2 hours, tomorrow at 9am, "
    "2026-12-01 14:00, or cron: 30 8 * * 1-5."
)
_OR_NO_ZONE = "Where it belongs to what is to be done, put the time in quotes."
_SECOND = timedelta(seconds=1)


class CronsimTimetable:
    """The `Timetable` of cronsim and dateparser behind a small grammar of our own."""

    def read(self, text: str, *, now: datetime, zone: str) -> When:
        """See `runtime.ports.Timetable`.

        A zone at the end of the words ("every day at 9 Europe/London") goes before `zone`.
        """
        said, place = " ".join(text.split()), proper_zone(zone)
        if not said:
            raise Refused("When? Nothing was written.", hint=_FORMS)
        if (match := _ZONE.fullmatch(said)) and _is_time(match["when"], now, place):
            return _read(match["when"], now, _zone_behind_a_time(match["zone"]))
        if (match := _ABBREVIATION.fullmatch(said)) and _is_time(match["when"], now, place):
            raise Refused(
                f"“{match['zone']}” does not say which time zone is meant.",
                hint=f"Write an IANA name, for example America/New_York. {_OR_NO_ZONE}",
            )
        return _read(said, now, place)

    def next_after(self, when: When, after: datetime) -> datetime | None:
        """See `runtime.ports.Timetable`."""
        if when.kind is WhenKind.CRON:
            return cron.next_time(when.cron, when.zone, after)
        return when.at if when.at is not None and when.at > after else None

    def describe(self, when: When) -> str:
        """See `runtime.ports.Timetable`.

        A single moment is shown in its zone, with a word where the clocks change around it.
        """
        if when.at is None:
            return cron.explain(when.cron)
        return f"once, {show_time(when.at, when.zone)}{_change(when.at, when.zone)}"

    def check_zone(self, zone: str) -> str:
        """See `runtime.ports.Timetable`."""
        return proper_zone(zone)


def _zone_behind_a_time(name: str) -> str:
    try:
        return proper_zone(name)
    except Refused as refused:
        raise Refused(str(refused), hint=f"{refused.hint} {_OR_NO_ZONE}") from refused


def _read(said: str, now: datetime, place: str) -> When:
    words = wording.plain(said) if len(said) <= _LONGEST else ""
    if not words:
        raise NotATime(f"“{said[:40]}” is no time that I can read.", hint=_FORMS)
    if expression := _repetition(said, words):
        return When(kind=WhenKind.CRON, cron=expression, zone=place, said=said)
    if _BARE.fullmatch(words):
        raise Refused(f"“{said}” alone could mean many times.", hint=_FORMS)
    from adapters.timing import moments  # noqa: PLC0415 - a grammar, with the first time in words

    at = moments.read(words, now=now, zone=ZoneInfo(place))
    if at is None:
        raise NotATime(f"“{said}” is no time that I can read.", hint=_FORMS)
    return When(kind=WhenKind.ONCE, at=at, zone=place, said=said)


def _is_time(said: str, now: datetime, place: str) -> bool:
    """Whether the words mean a time, be it one that is refused."""
    try:
        _read(said, now, place)
    except NotATime:
        return False
    except Refused:
        return True
    return True


def _repetition(said: str, words: str) -> str | None:
    """The checked cron expression, where the words are cron or name a repetition."""
    if cron.looks_like_cron(said):
        return cron.checked(said)
    from adapters.timing import phrases  # noqa: PLC0415 - a grammar, as the other

    phrase = phrases.read(words)
    return cron.checked(phrase, said=said) if phrase else None


def _change(at: datetime, zone: str) -> str:
    """What to say of a moment at a change of the clocks, or nothing."""
    place = ZoneInfo(zone)
    local = at.astimezone(place)
    before = (at - _SECOND).astimezone(place)
    if (local.utcoffset() or timedelta()) > (before.utcoffset() or timedelta()):
        return " (the clocks go forward at that moment)"
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        return " (the second of two)" if local.fold else " (the first of two)"
    return ""
