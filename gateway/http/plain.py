"""The head of an HTTP request that is as plain as platforms write theirs.

Not a parser of HTTP, which has one in aiohttp: it recognises the few heads about whose meaning no
two parsers differ, and says nothing of all others. What is recognised is a part of what RFC 9112
allows: a request line and fields of printable ASCII, no field twice, the body's length in
`Content-Length` or no body, and nothing that asks for more than an answer.
"""

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import NamedTuple

from runtime.model.value import value
from runtime.model.wire import RawRequest

_LONGEST_HEAD = 8_000
"""Bytes. aiohttp takes lines as long as that, and twice as many bytes in all."""
_MOST_LINES = 100
_LINE_END = b"\r\n"
_END = _LINE_END * 2
_PRINTABLE = bytes(range(ord(" "), ord("~") + 1))
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_METHODS = frozenset({"GET", "HEAD", "POST"})
_MORE_TO_IT = frozenset(
    {"content-encoding", "expect", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Fields of requests that are to be read, answered or followed in another way."""
_LENGTH = "content-length"
_MOST_DIGITS = 9


@value()
class Plain(RawRequest):
    """A request with a plain head, or as much of its body as has come.

    Attributes:
        method: `GET`, `HEAD` or `POST`.
        target: what it asks for, as it was sent.
        length: bytes of the whole request, its body included.
    """

    method: str
    target: str
    length: int


def read_plain(data: bytes) -> Plain | None:
    """The request that begins there; None where its head has not come whole, or is not plain."""
    end = data.find(_END, 0, _LONGEST_HEAD)
    if end < 0:
        return None
    head = data[:end]
    lines = head.decode("latin-1").split("\r\n")
    # Also no tab, and no carriage return or line feed that stands alone.
    if len(lines) > _MOST_LINES or head.translate(None, _PRINTABLE) != _LINE_END * (len(lines) - 1):
        return None
    method, _, rest = lines[0].partition(" ")
    target, _, version = rest.partition(" ")
    if method not in _METHODS or target[:1] != "/" or version != "HTTP/1.1":
        return None
    headers = _headers(lines)
    if headers is None or "host" not in headers:
        return None
    digits = headers.get(_LENGTH, "0")
    if not digits.isdecimal() or len(digits) > _MOST_DIGITS:
        return None
    begin = end + len(_END)
    length = begin + int(digits)
    return Plain(headers, data[begin:length], method, target, length)


def _headers(lines: list[str]) -> dict[str, str] | None:
    """The fields behind the request line; None where one is not plain."""
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(": ")
        if not colon:
            return None
        headers[_name(name)] = value.strip(" ")
    # A name that is none is the empty one, and of two that are the same one is lost.
    if len(headers) < len(lines) - 1 or "" in headers or not _MORE_TO_IT.isdisjoint(headers):
        return None
    return headers if headers.get("connection", "keep-alive").lower() == "keep-alive" else None


@lru_cache(maxsize=512)
def _name(written: str) -> str:
    """The name of a field in lower case; empty where it is none. There are few in all."""
    return written.lower() if _TOKEN.fullmatch(written) else ""


class _Form(NamedTuple):
    """What the heads of one sender have in common: the request line, and the names in their order.

    Attributes:
        method: of all of them.
        target: of all of them.
        names: of the fields that are asked for.
        match: finds such a head where data begins, and the values of those fields.
    """

    method: str
    target: str
    names: tuple[str, ...]
    match: Callable[[str], re.Match[str] | None]


class Heads:
    """Recognises heads that are like one before, in a third of the time that reading one takes.

    A platform writes the same fields in the same order every time. Of each request line one form is
    remembered, and only of requests that proved genuine, so that strangers teach us nothing.
    """

    def __init__(self, names: Collection[str]) -> None:
        """Recognise heads, and read the fields of those names (in lower case)."""
        self._asked_for = {_LENGTH, *names}
        self._forms: dict[str, _Form] = {}

    def read(self, data: bytes) -> Plain | None:
        """What `read_plain` reads there, of the fields only those that are asked for.

        None where no head of its form was learnt; then `read_plain` may read it.
        """
        text = data.decode("latin-1")
        form = self._forms.get(text[: text.find("\r")])
        found = form.match(text) if form is not None else None
        if form is None or found is None or found.end() > _LONGEST_HEAD:
            return None
        headers = dict(zip(form.names, found.groups()))  # noqa: B905 - asking costs a tenth of it all
        begin = found.end()
        length = begin + int(headers.get(_LENGTH, "0"))
        return Plain(headers, data[begin:length], form.method, form.target, length)

    def learn(self, genuine: bytes) -> None:
        """Remember the form of a request that `read_plain` read and that proved genuine."""
        head = genuine[: genuine.find(_END)].decode("latin-1")
        line, *fields = head.split("\r\n")
        written = [field.partition(": ")[0] for field in fields]
        names = [name.lower() for name in written]
        pattern = re.escape(line)
        for name, as_written in zip(names, written, strict=True):
            pattern += f"\r\n{re.escape(as_written)}: {self._values(name)}"
        match = re.compile(f"{pattern}\r\n\r\n", re.ASCII).match
        method, target, _ = line.split(" ")
        asked_for = tuple(name for name in names if name in self._asked_for)
        self._forms[line] = _Form(method, target, asked_for, match)

    def _values(self, name: str) -> str:
        """What the field may hold: what `read_plain` takes, and no blanks around what is read."""
        if name == _LENGTH:
            return f"([0-9]{{1,{_MOST_DIGITS}}})"
        if name == "connection":
            return "(?i:keep-alive)"
        return "([!-~][ -~]*)(?<! )" if name in self._asked_for else "[ -~]*"
