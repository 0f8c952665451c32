"""What DBOS stores of us: JSON, in an envelope that keeps a value and an error apart.

DBOS asks one serializer for arguments, results and errors alike, and its default is pickle: a row
in a database would decide which code runs. Here a row can only ever become a JSON value or one of
the errors of `runtime.errors`.
"""

import json
from collections.abc import Mapping

from runtime import errors
from runtime.errors import NightdeskError, RunFailed
from runtime.model.tools import Json

_KNOWN: Mapping[str, type[NightdeskError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, NightdeskError)
}
_EXTRAS = ("hint", "after")
"""What some errors carry beside their message, in `runtime.errors`."""


def plain(value: Json) -> Json:
    """The value as it will be read back after a crash, so that no run depends on which it got.

    Raises:
        TypeError: it is no JSON value, such as a datetime.
        ValueError: it holds a number that JSON has no spelling for.
    """
    read: Json = json.loads(_spell(value))
    return read


def write(data: object) -> str:
    """Spell a JSON value, or an error, as text.

    Raises:
        TypeError: it is neither.
        ValueError: it holds a number that JSON has no spelling for.
    """
    if isinstance(data, BaseException):
        return _spell({"error": _describe(data)})
    return _spell({"value": data})


def read(text: str) -> Json | NightdeskError:
    """Read back what `write` spelled; an error that is not ours comes back as `RunFailed`."""
    envelope = json.loads(text)
    if "error" in envelope:
        return _revive(envelope["error"])
    value: Json = envelope["value"]
    return value


def _spell(data: object) -> str:
    return json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _describe(error: BaseException) -> dict[str, object]:
    extras = {name: getattr(error, name) for name in _EXTRAS if hasattr(error, name)}
    ours = extras if isinstance(error, NightdeskError) else {}
    return {"name": type(error).__name__, "message": str(error), **ours}


def _revive(described: dict[str, str]) -> NightdeskError:
    name, message = described.pop("name"), described.pop("message")
    if name not in _KNOWN:
        return RunFailed(f"{name}: {message}")
    return _KNOWN[name](message, **described)
