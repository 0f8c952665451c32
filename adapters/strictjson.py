"""What a platform's JSON may not be before it is decoded, whoever signed it."""

import re

from runtime.errors import Malformed

_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# One that nothing closes goes on to the end: it is read once, and the decoder refuses it.
_STRING = re.compile(rb'"(?:[^"\\]|\\.?)*+"?', re.DOTALL)


def refuse_loose(body: bytes, *, deepest: int) -> None:
    """Refuse what the decoder would let through: other text than UTF-8, too many levels.

    Args:
        body: the JSON.
        deepest: levels of lists and objects that it may have.

    Raises:
        Malformed: it is so.
    """
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise Malformed("the body is not UTF-8") from error
    # Nearly every request has fewer opening brackets in all than it may have levels.
    if body.count(b"{") + body.count(b"[") <= deepest:
        return
    depth = 0
    for bracket in _STRING.sub(b"", body).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > deepest:
            raise Malformed(f"the body is nested deeper than {deepest}")
