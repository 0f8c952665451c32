"""What a yes for a time covers, in words: on the card before the press, and wherever it is listed.

A value is named only where it is short and plain ASCII, so that nothing in it can be markup or look
like something else; every other is shown whole beside these words, as the card does.
"""

import json
import re

from runtime.model.approval import Pattern
from runtime.model.tools import Json

_PLAIN = re.compile(r"[#@\w./:-]{1,40}", re.ASCII)
_LARGE = 10**12
_MOST = 3
"""Arguments that are named with their values; of more, only how many there are."""


def in_words(pattern: Pattern) -> str:
    """Which calls it covers; of one where nothing varies, exactly that."""
    if not pattern.varies:
        return "exactly this"
    fixed: dict[str, Json] = json.loads(pattern.frozen.arguments)
    if not fixed:
        same = "with nothing else"
    elif len(fixed) > _MOST:
        same = f"with its {len(fixed)} other arguments as shown"
    else:
        same = "with " + _listed([_fixed(name, value) for name, value in sorted(fixed.items())])
    whatever = _listed([f"the `{name}`" for name in pattern.varies])
    return f"`{pattern.frozen.tool}` {same}, whatever {whatever}"


def _fixed(name: str, value: Json) -> str:
    number = isinstance(value, bool | int) and abs(value) < _LARGE
    plain = number or (isinstance(value, str) and _PLAIN.fullmatch(value))
    return f"`{name}` = `{json.dumps(value)}`" if plain else f"the `{name}` as shown"


def _listed(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
