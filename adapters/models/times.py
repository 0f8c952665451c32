"""Finding the words in a sentence that say when. Pure.

It finds where the words begin and end, and reads nothing: what they mean, and whether they mean
anything, is `runtime.ports.Timetable`'s to say. Therefore a sentence and `/schedule create` cannot
disagree about a time.
"""

import re

from runtime.model.value import value

_NUMBER = (
    r"(?:\d{1,4}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen"
    r"|twenty|thirty|forty|forty-five|ninety|half an|a couple of|a few)"
)
_UNIT = r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?)"
_DAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:days?)?"
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAYS = rf"{_DAY}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s*-\s*|\s+to\s+|\s+through\s+){_DAY}){{0,6}}"
_CLOCK = (
    r"(?:\d{1,2}[:.]\d{2}(?::\d{2})?\s*(?:[ap]\.?m\b\.?)?|\d{1,2}\s*(?:[ap]\.?m\b\.?|o'?clock)"
    r"|\d{1,2}\b|noon|midday|midnight)"
)
_AT = rf"(?:at|@|around|by)\s+{_CLOCK}"
_BARE_CLOCK = r"(?:\d{1,2}:\d{2}(?:\s*[ap]m)?|\d{1,2}\s*[ap]m\b|noon|midday|midnight)"
_TIME = rf"(?:{_AT}|{_BARE_CLOCK})"
_MORE = rf"(?:\s*,\s*{_BARE_CLOCK}){{0,23}}(?:\s*,?\s+and\s+{_CLOCK})?"
"""Other times of the same days: "every day at 9:30, 12:30 and 17:30"."""
_DATE = (
    rf"(?:\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:\s+\d{{4}})?"
    rf"|{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?)"
)
_EVERY = (
    rf"(?:every|each)\s+(?:(?:other\s+)?(?:weekdays?|workdays?|working days?|weekends?|day|morning"
    rf"|evening|night|afternoon|week|month|year|hour|minute|{_DAYS})"
    rf"|(?:{_NUMBER}\s+)?{_UNIT})"
    r"|(?:on\s+)?(?:weekdays|workdays|weekends)|daily|hourly|weekly|monthly"
    rf"|on\s+(?:mon|tues|wednes|thurs|fri|satur|sun)days"
)
_ONE_DAY = (
    rf"(?:today|tonight|tomorrow(?:\s+(?:morning|afternoon|evening|night))?"
    rf"|this\s+(?:morning|afternoon|evening)|(?:on\s+|next\s+|this\s+|coming\s+){{0,3}}{_DAY}"
    rf"(?:\s+(?:morning|afternoon|evening))?|next\s+(?:week|month)|(?:on\s+)?{_DATE})"
)
_LIMIT = (
    rf"(?:(?:but\s+)?(?:only\s+)?(?:on\s+(?:weekdays|weekends|{_DAYS})"
    rf"|(?:from|between)\s+{_CLOCK}\s*(?:to|and|until|till|-)\s*{_CLOCK}))"
)
"""The days and the hours of what repeats: "every hour from 9 to 17 on weekdays"."""
_CRON_FIELD = r"(?:\*|[\d*][\d*,/-]*|[a-z]{3}(?:[-,][a-z]{3})*)"
_CRON = rf"[`'\"]?(?:[\d*][\d*,/-]*\s+){{2}}{_CRON_FIELD}\s+{_CRON_FIELD}\s+{_CRON_FIELD}[`'\"]?"

_WHEN = (
    rf"(?:{_CRON}"
    rf"|(?:{_TIME}\s*,?\s+)?(?:{_EVERY})(?:\s*,?\s+{_TIME}{_MORE})?(?:,?\s+{_LIMIT}){{0,2}}"
    rf"|in\s+{_NUMBER}\s+{_UNIT}(?:(?:\s+(?:and\s+)?|\s*&\s*){_NUMBER}\s+{_UNIT})?"
    rf"|in\s+half\s+an\s+hour"
    rf"|(?:{_TIME}\s*,?\s+)?{_ONE_DAY}(?:\s*,?\s+{_TIME})?"
    rf"|{_TIME})"
)
_AT_START = re.compile(rf"(?P<when>{_WHEN})(?=$|[\s,:;.!?-])", re.IGNORECASE)
_AT_END = re.compile(rf"(?:^|[\s,])(?P<when>{_WHEN})\s*[.!]*$", re.IGNORECASE)
_FIRM = re.compile(
    rf"{_TIME}|every|each|\bin\s|daily|hourly|weekly|monthly|weekdays|workdays|{_CRON}",
    re.IGNORECASE,
)
_JOIN_WORDS = r"(?:and\s+then|and|or|plus|then|as\s+well\s+as)"
_JOINS = re.compile(rf"(?:{_JOIN_WORDS}\s+|[&+]\s*)", re.IGNORECASE)
_JOINED = re.compile(rf"(?<!\s)\s++(?:{_JOIN_WORDS}|[&+])$", re.IGNORECASE)
_LEFT_OVER = re.compile(r"(?<!\s)\s++(?:by|on|at|for|from)$", re.IGNORECASE)
"""A preposition that belonged to the time: "read it by" (friday)."""


@value()
class Split:
    """A sentence, cut into its words of time and the rest.

    Attributes:
        when: the words that say when, as they were written.
        rest: the others.
        firm: they name a time of day, a distance or a repetition, and not only a day.
        comma: there is a comma between the two.
    """

    when: str
    rest: str
    firm: bool
    comma: bool = False


def at_start(text: str) -> Split | None:
    """The words of time that the sentence begins with, or None."""
    found = _AT_START.match(text)
    return None if found is None else _split(found["when"], text[found.end("when") :])


def joined_to(first: Split) -> Split | None:
    """A second time that the rest begins with, after a comma or such a word as “and”; or None.

    After a colon what follows is what to do, as for `/schedule create`.
    """
    joined = _JOINS.match(first.rest)
    if joined is None and not first.comma:
        return None
    second = at_start(first.rest[joined.end() :] if joined else first.rest)
    return second if second is not None and second.firm else None


def joined_before(last: Split) -> Split | None:
    """A time that the rest ends with, before such a word as “and”; or None."""
    joined = _JOINED.search(last.rest)
    before = at_end(last.rest[: joined.start()]) if joined else None
    return before if before is not None and before.firm else None


def at_end(text: str) -> Split | None:
    """The words of time that the sentence ends with, or None. As many words as can belong to it."""
    found = _AT_END.search(text)
    return None if found is None else _split(found["when"], text[: found.start("when")])


def _split(when: str, left: str) -> Split:
    plain = when.strip(" `'\",;:")
    rest = _LEFT_OVER.sub("", left.strip(" ,;:-"))
    comma = "," in (when[-1:], left.lstrip()[:1])
    return Split(when=plain, rest=rest, firm=_FIRM.search(plain) is not None, comma=comma)
