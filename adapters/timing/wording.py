"""The one spelling that the grammars of this folder read: lower case, digits, plain words."""

import re

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKDAY = (
    r"(?:mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun|monday|tuesday|wednesday|thursday|friday"
    r"|saturday|sunday)"
)
MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
MONTH = (
    r"(?:jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|january|february|march|april|may|june"
    r"|july|august|september|october|november|december)"
)
PART = r"(?:morning|afternoon|evening|night)"

_COUNTING = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {word: str(number) for number, word in enumerate(_COUNTING, start=1)} | {
    "twelve": "12",
    "fifteen": "15",
    "twenty": "20",
    "thirty": "30",
    "forty-five": "45",
    "ninety": "90",
}
# What keyboards make of quotes, apostrophes and hyphens.
_TYPED = str.maketrans({"\u2018": "'", "\u2019": "'", "\u2013": "-", "\u2014": "-"})
_AROUND = "\u201c\u201d\u201e\u00ab\u00bb\"'"
_REWRITES = [
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"\b(\d{1,2}(?:[:.]\d{2})?\s?)([ap])\.?m\b\.?", r"\1\2m"),
        (r"\b(?:at )?(\d{1,2}) ?o'clock\b", r"at \1"),
        (r"(?<!\S)@\s*(?=\d)", "at "),
        (r"\bmidday\b", "noon"),
        (r"\s*&\s*", " and "),
        (r"\b(?:workday|working day|business day|week day)(s?)\b", r"weekday\1"),
        (r"\beach\b", "every"),
        (r"\s+", " "),
    )
]


def plain(text: str) -> str:
    """The words in their one spelling; meaning is kept, and nothing is judged."""
    words = text.translate(_TYPED).strip().strip(_AROUND).casefold().rstrip(" .!")
    for pattern, spelling in _REWRITES:
        words = pattern.sub(spelling, words)
    return " ".join(_NUMBERS.get(word, word) for word in words.split(" ")).strip()


def weekday_number(name: str) -> int:
    """Monday is 1 and Sunday is 7, as in ISO 8601; takes `mon`, `monday` and `mondays`."""
    return next(n for n, full in enumerate(WEEKDAYS, start=1) if full.startswith(name[:3]))


def month_number(name: str) -> int:
    """January is 1; takes `jan` and `january`."""
    return next(n for n, full in enumerate(MONTHS, start=1) if full.startswith(name[:3]))
