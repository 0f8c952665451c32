"""Where a text may be cut without tearing what a reader sees as one character.

After Unicode Standard Annex 29, rules GB3 and GB6 to GB13, with the classes taken from the general
categories of the standard library. It errs on one side: a place it calls a boundary is one,
as far as the Unicode of this Python knows the characters.
"""

import unicodedata

_JOINER = "\u200d"
_VIRAMAS = frozenset("\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d")
_PREPENDED = frozenset(
    map(
        chr,
        [
            *range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0xD4E, 0x110BD, 0x110CD,
            0x111C2, 0x111C3, 0x1193F, 0x11941, 0x11A3A, *range(0x11A84, 0x11A8A), 0x11D46, 0x11F02,
        ],
    )
)  # fmt: skip
_EXTENDING = frozenset("\u200c\u200d\u0e33\u0eb3\uff9e\uff9f")


def is_boundary(text: str, at: int) -> bool:
    """Whether no grapheme extends over this place. The two ends of a text are boundaries."""
    if not 0 < at < len(text):
        return True
    before, after = text[at - 1], text[at]
    if (
        before < "\u0300" and after < "\u0300"
    ):  # the common case: nothing below this joins but CR LF
        return (before, after) != ("\r", "\n")
    return not (
        _extends(after)
        or before == _JOINER
        or before in _PREPENDED
        or _hangul(before, after)
        or _half_of_a_flag(text, at)
        or _conjunct(text, at)
    )


def _extends(character: str) -> bool:
    return (
        unicodedata.category(character) in {"Mn", "Mc", "Me"}
        or character in _EXTENDING
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _hangul(before: str, after: str) -> bool:
    """A syllable of jamo: leading ones join leading ones and syllables, all join the rest."""
    if "\u1160" <= after <= "\u11ff" or "\ud7b0" <= after <= "\ud7fb":
        return "\u1100" <= before <= "\u11ff" or "\ua960" <= before <= "\ud7fb"
    leading = "\u1100" <= before <= "\u115f" or "\ua960" <= before <= "\ua97c"
    return leading and ("\u1100" <= after <= "\u115f" or "\ua960" <= after <= "\ud7a3")


def _half_of_a_flag(text: str, at: int) -> bool:
    count = 0
    while count < at and "\U0001f1e6" <= text[at - 1 - count] <= "\U0001f1ff":
        count += 1
    return count % 2 == 1 and "\U0001f1e6" <= text[at] <= "\U0001f1ff"


def _conjunct(text: str, at: int) -> bool:
    """Two Indic consonants that a virama joins into one."""
    if unicodedata.category(text[at]) != "Lo":
        return False
    index = at - 1
    while index > 0 and _extends(text[index]):
        if text[index] in _VIRAMAS:
            return True
        index -= 1
    return False
