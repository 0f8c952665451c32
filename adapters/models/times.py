"""Finding the words in a sentence that say when. Pure.

It finds where the words begin and end, and reads nothing: what they mean, and whether they mean
anything, is `runtime.ports.Timetable`'s to say. Therefore a sentence and `/schedule create` cannot
disagree about a time.
"""

import re
from dataclasses import dataclass

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
_DAYS = rf"{_DAY}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s*-\s*|\s+to\s+|\s+through\s+){_DAY})*"
_CLOCK = (
    r"(?:\d{1,2}[:.]\d{2}(?::\d{2})?\s*(?:[ap]\.?m\b\.?)?|\d{1,2}\s*(?:[ap]\.?m\b\.?|o'?clock)"
    r"|\d{1,2}\b|noon|midday|midnight)"
)
_AT = rf"(?:at|@|around|by)\s+{_CLOCK}"
_BARE_CLOCK = r"(?:\d{1,2}:\d{2}(?:\s*[ap]m)?|\d{1,2}\s*[ap]m\b|noon|midday|midnight)"
_TIME = rf"(?:{_AT}|{_BARE_CLOCK})"
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
    rf"|this\s+(?:morning|afternoon|evening)|(?:on\s+|next\s+|this\s+|coming\s+)*{_DAY}"
    rf"(?:\s+(?:morning|afternoon|evening))?|next\s+(?:week|month)|(?:on\s+)?{_DATE})"
)
_CRON_FIELD = r"(?:\*|[\d*][\d*,/-]*|[a-z]{3}(?:[-,][a-z]{3})*)"
_CRON = rf"[`'\"]?(?:[\d*][\d*,/-]*\s+){{2}}{_CRON_FIELD}\s+{_CRON_FIELD}\s+{_CRON_FIELD}[`'\"]?"

_WHEN = (
    rf"(?:{_CRON}"
    rf"|(?:{_TIME}\s*,?\s+)?(?:{_EVERY})(?:\s*,?\s+{_TIME})?(?:\s+(?:on\s+{_DAYS}))?"
    rf"|in\s+{_NUMBER}\s+{_UNIT}(?:\s+(?:and\s+)?{_NUMBER}\s+{_UNIT})?"
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
_LEFT_OVER = re.compile(r"\s+(?:by|on|at|for|from)$", re.IGNORECASE)
"""A preposition that belonged to the time: "read it by" (friday)."""


@dataclass(frozen=True, slots=True)
class Split:
    """A sentence, cut into its words of time and the rest.

    Attributes:
        when: the words that say when, as they were written.
        rest: the others.
        firm: they name a time of day, a distance or a repetition, and not only a day.
    """

    when: str
    rest: str
    firm: bool


def at_start(text: str) -> Split | None:
    """The words of time that the sentence begins with, or None."""
    found = _AT_START.match(text)
    return None if found is None else _split(found["when"], text[found.end("when") :])


def at_end(text: str) -> Split | None:
    """The words of time that the sentence ends with, or None. As many words as can belong to it."""
    found = _AT_END.search(text)
    return None if found is None else _split(found["when"], text[: found.start("when")])


def _split(when: str, rest: str) -> Split:
    plain = when.strip(" `'\",;:")
    rest = _LEFT_OVER.sub("", rest.strip(" ,;:-"))
    return Split(when=plain, rest=rest, firm=_FIRM.search(plain) is not None)
