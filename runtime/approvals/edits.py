"""What a person changes in the arguments of a call, a line for each: `branch = release/2`. Pure."""

import json

from runtime.errors import Refused
from runtime.model.tools import Json
from runtime.near import nearest
from runtime.signature import DEEPEST, depth

_ABOUT = "Write a change a line: name = value. A value that is no text is JSON; null leaves it out."


def changed(arguments: str, changes: str) -> tuple[str, str]:
    """The arguments as JSON with the changes made, and the difference in lines of `-` and `+`.

    Raises:
        Refused: a line is no change, or names an argument that is not there.
    """
    before = json.loads(arguments)
    now = dict(before)
    for line in changes.splitlines():
        if not line.strip():
            continue
        name, equals, written = (part.strip() for part in line.partition("="))
        if not equals or not name:
            raise Refused(f"“{line[:60]}” is no change.", hint=_ABOUT)
        if name not in before and (near := nearest(name, before)):
            raise Refused(f"There is no argument {name[:40]}; did you mean {near}?")
        if depth(written) > DEEPEST:
            raise Refused(f"The value of {name[:40]} is nested too deeply.")
        value = _value(written, before.get(name))
        if value is None:
            now.pop(name, None)
        else:
            now[name] = value
    lines = []
    for name in sorted(before.keys() | now.keys()):
        # By their JSON: Python takes 1, 1.0 and true for the same.
        if _said(before.get(name)) != _said(now.get(name)):
            lines += [f"- {name}: {_said(before[name])}"] if name in before else []
            lines += [f"+ {name}: {_said(now[name])}"] if name in now else []
    if not lines:
        raise Refused("That changes nothing.", hint=_ABOUT)
    return json.dumps(now, ensure_ascii=False), "\n".join(lines)


def _value(written: str, before: Json) -> Json:
    """JSON where it is some, but text for an argument that was text, unless it is quoted."""
    try:
        value: Json = json.loads(written)
    except ValueError:
        return written
    keeps = not isinstance(before, str) or isinstance(value, str) or value is None
    return value if keeps else written


def _said(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
