"""Text as a person must see it before they agree to it: nothing in it is hidden.

Written out as `⟨U+202E⟩` is what shows nothing or turns the text around; blanks that are not the
ordinary one, and blanks at the end of a line; what Unicode normalisation (NFKC) would change; and
what looks like ASCII and is not (`runtime.approvals.lookalikes`). Letters of other alphabets are
written out in a word that mixes alphabets, and in a word of nothing but letters that look like
ASCII, unless most of the words around it are plainly of that alphabet.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from runtime.approvals.lookalikes import (
    ALWAYS,
    APOSTROPHES,
    EAST_ASIAN,
    LETTERS,
    LONG_DASHES,
    ORDINARY,
    TYPOGRAPHIC,
)

_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
"""Letters and marks that show nothing."""
_PLAIN = frozenset("\n\t ")
_WORD = re.compile("[\\w\u0300-\u036f\u2019]+")
_ESCAPE = re.compile(r'\\[\\"/bfnrt]')
"""JSON's: the letter of `\\n` belongs to no word."""
_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)
_GAP = re.compile(r"[.,;:!?]? [ —]*")
"""What stands between words of running text."""
_OPENS = frozenset(' \t\n"«(')
_CLOSES = re.compile(r'[.,;:!?»)"]*(?:\s|$)')
_MARKS = 8
"""So many marks on one letter are shown: more of them cover the lines around it."""
_EAST_ASIAN_NAMES = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC")


def reveal(text: str) -> str:
    """The text with everything written out that an eye would miss.

    What is revealed cannot be mistaken for text that had it: the brackets are written out too.
    """
    return _revealed(text, frozenset())


def prose(text: str) -> str:
    """The same of what people read and nothing runs: its typographic marks stay as they are."""
    return _revealed(text, TYPOGRAPHIC)


def legible(text: str) -> str:
    """The words as they were written, but for what hides something.

    Written out is what shows nothing, turns the text around, controls, or covers what is beside it.
    For what nobody agrees to, such as a reason: marks and letters stay, whatever they look like.
    """
    marks, shown = 0, []
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        odd = marks > _MARKS or _hides(character)
        shown.append(_written(character) if odd else character)
    return "".join(shown)


def _revealed(text: str, kept: frozenset[str]) -> str:
    """The text with everything written out that an eye would miss, but for the characters kept."""
    odd = {place for blanks in _TRAILING.finditer(text) for place in range(*blanks.span())}
    if not text.isascii():
        odd.update(_odd_marks(text), _odd_letters(text))
    if seldom := {character for character in set(text) if _is_odd(character)}:
        odd.update(place for place, c in enumerate(text) if c in seldom and not _fits(text, place))
    if not odd:
        return text
    return "".join(
        _written(c) if place in odd and c not in kept else c for place, c in enumerate(text)
    )


@lru_cache(maxsize=4096)
def _is_odd(character: str) -> bool:
    """Whether it is written out, but for where it is ordinary beside its neighbours."""
    if character in _PLAIN or character in ORDINARY:
        return False
    if _hides(character) or unicodedata.category(character) == "Zs":
        return True
    if character in ALWAYS or character in APOSTROPHES or character in LONG_DASHES:
        return True
    return unicodedata.normalize("NFKC", character) != character


def _hides(character: str) -> bool:
    """Whether it shows nothing, turns the text around, controls, or is a bracket of ours."""
    if character in _PLAIN:
        return False
    hidden = unicodedata.category(character) in _HIDDEN or character in _FILLERS
    return hidden or character in "⟨⟩" or _is_variation(character)


def _fits(text: str, place: int) -> bool:
    """Whether the odd character there is an ordinary one between its neighbours."""
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    character = text[place]
    if character in APOSTROPHES:
        return before.isalpha() and after.isalpha()
    if character in LONG_DASHES:
        return before.isalnum() or not after.isalnum()
    return character in EAST_ASIAN and (_is_east_asian(before) or _is_east_asian(after))


def _is_east_asian(character: str) -> bool:
    return bool(character) and unicodedata.name(character, "").startswith(_EAST_ASIAN_NAMES)


def _is_variation(character: str) -> bool:
    """Whether it only chooses a form of the character before it."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _odd_marks(text: str) -> Iterator[int]:
    """Where a mark or a part of a letter stands that makes one letter with what is before it.

    One would look the same as that letter.
    """
    before = ""
    for place, character in enumerate(text):
        if character.isascii():
            before = character
            continue
        whole = before + character
        is_mark = unicodedata.category(character) in {"Mn", "Me"}
        joins = not unicodedata.is_normalized("NFC", whole)
        if len(whole) > _MARKS + 1 or (joins and unicodedata.is_normalized("NFC", character)):
            yield place
        before = whole[: _MARKS + 1] if is_mark else character


def _odd_letters(text: str) -> Iterator[int]:
    """Where letters stand that could be taken for those of another alphabet."""
    spaced = _ESCAPE.sub("  ", text)
    run: list[re.Match[str]] = []
    alphabet = ""
    for word in _WORD.finditer(spaced):
        scripts = {script for c in word[0] if (script := _script(c))}
        if len(scripts) > 1:
            yield from (n for n in range(*word.span()) if _script(text[n]) in LETTERS)
        (script,) = scripts if len(scripts) == 1 else ("",)
        if not run or script != alphabet or not _together(spaced, run[-1], word):
            yield from _hidden_in(run, alphabet)
            run = []
        alphabet = script
        if script in LETTERS:
            run.append(word)
    yield from _hidden_in(run, alphabet)


def _hidden_in(run: list[re.Match[str]], alphabet: str) -> Iterator[int]:
    """The words of running text in which nothing shows that they are not ASCII, unless few are."""
    alike = [word for word in run if _all_alike(word[0], alphabet)]
    if 2 * len(alike) >= len(run):
        for word in alike:
            yield from (n for n, c in enumerate(word[0], word.start()) if c in LETTERS[alphabet])


def _all_alike(word: str, alphabet: str) -> bool:
    return all(c in LETTERS[alphabet] for c in word if _script(c))


def _together(text: str, one: re.Match[str], other: re.Match[str]) -> bool:
    """Whether two words follow each other as words of a sentence do."""
    return (
        _GAP.fullmatch(text, one.end(), other.start()) is not None
        and _stands_alone(text, one)
        and _stands_alone(text, other)
    )


def _stands_alone(text: str, word: re.Match[str]) -> bool:
    opens = word.start() == 0 or text[word.start() - 1] in _OPENS
    return opens and _CLOSES.match(text, word.end()) is not None


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """Latin, or the alphabet with look-alikes that the letter is of; empty for all others."""
    first = unicodedata.name(character, "").partition(" ")[0] if character.isalpha() else ""
    return first if first == "LATIN" or first in LETTERS else ""


def _written(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"
