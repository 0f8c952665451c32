"""Cutting a command into words: quotes, options, and the text between them, as it was written."""

import re
from collections.abc import Iterator

from runtime.model.value import value

# What opens a quote, and what closes it where a space or the end comes next, or a comma before one.
_CLOSING = {
    opening: re.compile(rf"[{closing}](?=[,;:]?(?:\s|\Z))")
    for opening, closing in (
        ('"', '"\u201d\u201c'),
        ("\u201c", '"\u201d\u201c'),
        ("\u201d", '"\u201d'),
        ("\u201e", '"\u201d\u201c'),
        ("\u00ab", "\u00bb"),
        ("'", "'\u2019"),
        ("\u2018", "'\u2019"),
    )
}
_DOUBLE = frozenset(_CLOSING) - {"'", "\u2018"}
# Phones and word processors make one long dash of two hyphens.
_DASHES = re.compile(r"(?:--|[\u2013\u2014]-?)(?P<name>[A-Za-z][A-Za-z-]*)(?:=(?P<value>.*))?")


# Slack and Discord write a channel that was picked from their list as <#id> or <#id|name>.
_PICKED = re.compile(r"<#(?P<id>\w+)(?:\|[^>]*)?>")


@value()
class Word:
    """One word, or one quoted text.

    Attributes:
        text: what it says, without its quotes.
        start: where it begins in the whole.
        end: where it ends.
        quoted: it was in quotes.
    """

    text: str
    start: int
    end: int
    quoted: bool = False


def cut(text: str) -> list[Word]:
    """The words of the text, in order; a quote that is closed nowhere is a character like any."""
    return list(_words(text))


def option_in(word: Word) -> tuple[str, str | None] | None:
    """The name of the option that the word is, and its value where the word carries it."""
    match = None if word.quoted else _DASHES.fullmatch(word.text)
    return (match["name"].casefold(), match["value"]) if match else None


def unquoted(text: str) -> str:
    """The text without the quotes around the whole of it."""
    words = cut(text)
    return words[0].text if len(words) == 1 and words[0].quoted else text


def left_open(word: Word) -> bool:
    """Whether the word begins with a quote that is closed nowhere; an apostrophe is none."""
    return not word.quoted and word.text[:1] in _DOUBLE


def _words(text: str) -> Iterator[Word]:
    place = 0
    while (place := _skip_space(text, place)) < len(text):
        word = _quoted(text, place) or _plain(text, place)
        yield word
        place = word.end


def _skip_space(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _quoted(text: str, start: int) -> Word | None:
    """The quoted text that begins here."""
    closing = _CLOSING.get(text[start])
    match = closing.search(text, start + 1) if closing else None
    return match and Word(text[start + 1 : match.start()], start, match.end(), quoted=True)


def _plain(text: str, start: int) -> Word:
    """A word up to the next space; the value after `--name=` may be quoted."""
    end = start
    while end < len(text) and not text[end].isspace():
        if text[end] == "=" and _DASHES.fullmatch(text[start : end + 1]) and end + 1 < len(text):
            value = _quoted(text, end + 1)
            if value is not None:
                return Word(f"{text[start : end + 1]}{value.text}", start, value.end)
        end += 1
    return Word(text[start:end], start, end)


def picked_channel(written: str) -> str:
    """The id of a channel that was picked from the platform's list, else what was written."""
    picked = _PICKED.fullmatch(written.strip())
    return picked["id"] if picked else written
