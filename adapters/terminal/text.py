"""Text from outside, made safe to show: nothing in it may steer the terminal."""

import unicodedata

_KEPT = frozenset("\n\t\u200c\u200d\u200e\u200f")
"""Line feed and tab, the joiners that emoji and Persian need, and the plain direction marks."""

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories that are invisible, that reorder what is seen, or that a terminal obeys."""


def visible(text: str) -> str:
    """The text with every control and invisible character written out.

    An escape shows as `␛`, a right-to-left override as `<U+202E>`; nothing is left that a
    terminal would carry out. Line feeds and tabs stay, `CR LF` becomes a line feed.
    """
    return "".join(map(_shown, text.replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """The same, on one line: for labels and titles."""
    return " ".join(visible(text).split())


def received(text: str) -> str:
    """What a person typed, fit to be stored: without NUL and lone surrogates."""
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def _shown(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if code < 0x20:  # noqa: PLR2004 - the block "Control Pictures" follows the order of ASCII
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"  # noqa: PLR2004 - DEL
