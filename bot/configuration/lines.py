"""On which line of a TOML file each key stands.

The standard library's parser keeps no positions. This scanner finds them in text that the parser
has accepted: it only has to know where keys and values begin and end, never whether they are right.
Grammar: https://toml.io/en/v1.0.0 (newlines in inline tables, new in 1.1, do it no harm).
"""

import re
import tomllib
from bisect import bisect_left

from bot.configuration.problems import Place

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'""")
_SCALAR = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\]|\\.)*"'
    r"|'[^']*'"
    r"|[^,\]}#\r\n]+",
    re.DOTALL,
)


def locate(text: str) -> dict[Place, int]:
    """The line, counted from 1, of every table, key and list element of a valid TOML text.

    Elements of an array are numbered from 0. What is written in several places (a table that is
    continued further down) has the line where it is first named.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.found


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._newlines = [match.start() for match in re.finditer("\n", text)]
        self._tables: dict[Place, int] = {}  # how many tables each array of tables has so far
        self.found: dict[Place, int] = {}

    def document(self) -> None:
        prefix: Place = ()
        self._skip_blank()
        while self._at < len(self._text):
            if self._takes("[["):
                prefix = self._array_table()
            elif self._takes("["):
                prefix = self._follow((), self._keys())
                self._take("]")
            else:
                self._pair(prefix)
            self._skip_blank()

    def _array_table(self) -> Place:
        *outer, last = self._keys()
        array = (*self._follow((), outer), last)
        self._note(array)
        index = self._tables.get(array, 0)
        self._tables[array] = index + 1
        self._note((*array, index))
        self._take("]]")
        return (*array, index)

    def _follow(self, place: Place, keys: list[str]) -> Place:
        """Walk down from a place; a key that names an array of tables means its latest one."""
        for key in keys:
            place = (*place, key)
            self._note(place)
            if place in self._tables:
                place = (*place, self._tables[place] - 1)
        return place

    def _pair(self, prefix: Place) -> None:
        place = self._follow(prefix, self._keys())
        self._take("=")
        self._value(place)

    def _keys(self) -> list[str]:
        keys = [self._key()]
        while self._takes("."):
            keys.append(self._key())
        return keys

    def _key(self) -> str:
        self._skip_blank()
        word = self._match(_KEY)
        self._skip_blank()
        return str(tomllib.loads(f"key = {word}")["key"]) if word[0] in "\"'" else word

    def _value(self, place: Place) -> None:
        self._skip_blank()
        self._note(place)
        if self._takes("["):
            self._array(place)
        elif self._takes("{"):
            self._inline_table(place)
        else:
            self._match(_SCALAR)

    def _array(self, place: Place) -> None:
        index = 0
        while not self._takes("]"):
            self._value((*place, index))
            index += 1
            self._takes(",")

    def _inline_table(self, place: Place) -> None:
        while not self._takes("}"):
            self._pair(place)
            self._takes(",")

    def _note(self, place: Place) -> None:
        self.found.setdefault(place, bisect_left(self._newlines, self._at) + 1)

    def _skip_blank(self) -> None:
        self._match(_BLANK)

    def _takes(self, token: str) -> bool:
        """Step over the token, and over blanks before it, if it comes next."""
        self._skip_blank()
        if not self._text.startswith(token, self._at):
            return False
        self._at += len(token)
        return True

    def _take(self, token: str) -> None:
        if not self._takes(token):
            raise AssertionError(f"no {token!r} at offset {self._at}: the text is not valid TOML")

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise AssertionError(f"nothing at offset {self._at}: the text is not valid TOML")
        self._at = match.end()
        return match.group()
