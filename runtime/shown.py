"""Text as a person must see it before they agree to it: nothing in it is hidden.

Characters that show nothing, or that turn the text around, are written out as `⟨U+202E⟩`; so are
letters of other alphabets that look like Latin ones in a word with Latin letters (Unicode TR 39,
"confusables", restricted to Greek and Cyrillic), blanks that are not the ordinary one, and blanks
at the end of a line.
"""

import re
import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
"""Letters and marks that show nothing."""
_PLAIN = frozenset("\n\t ")
_WORD = re.compile(r"\w+")
_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)


def reveal(text: str) -> str:
    """The text with everything written out that an eye would miss.

    What is revealed cannot be mistaken for text that had it: the brackets are written out too.
    """
    seen = "".join(map(_shown, text))
    seen = _WORD.sub(_mixed, seen)
    return _TRAILING.sub(lambda blanks: "".join(map(_written, blanks[0])), seen)


def is_plain(text: str) -> bool:
    """Whether the text shows all there is to it."""
    return reveal(text) == text


def _shown(character: str) -> str:
    if character in _PLAIN:
        return character
    category = unicodedata.category(character)
    odd_blank = category == "Zs"
    if category in _HIDDEN or odd_blank or character in _FILLERS or character in "⟨⟩":
        return _written(character)
    if _is_variation(character):
        return _written(character)
    return character


def _is_variation(character: str) -> bool:
    """Whether it only chooses a form of the character before it."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _mixed(word: re.Match[str]) -> str:
    """A word with Latin letters, with its letters of Greek and Cyrillic written out."""
    letters = word[0]
    if letters.isascii() or not any("a" <= c.lower() <= "z" for c in letters):
        return letters
    return "".join(_written(c) if _is_foreign(c) else c for c in letters)


def _is_foreign(character: str) -> bool:
    name = unicodedata.name(character, "")
    return name.startswith(("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "FULLWIDTH"))


def _written(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"
