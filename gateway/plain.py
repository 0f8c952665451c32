"""The head of an HTTP request that is as plain as platforms write theirs.

Not a parser of HTTP, which has one in aiohttp: it recognises the few heads about whose meaning no
two parsers differ, and says nothing of all others. What is recognised is a part of what RFC 9112
allows: a request line and fields of printable ASCII, no field twice, the body's length in
`Content-Length` or no body, and nothing that asks for more than an answer.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

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
_MOST_DIGITS = 9


class Plain(NamedTuple):
    """A request with a plain head.

    Attributes:
        method: `GET`, `HEAD` or `POST`.
        target: what it asks for, as it was sent.
        headers: names in lower case.
        body: its body, or what of it has come.
        length: bytes of the whole request, its body included.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
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
    digits = headers.get("content-length", "0")
    if not digits.isdecimal() or len(digits) > _MOST_DIGITS:
        return None
    begin = end + len(_END)
    length = begin + int(digits)
    return Plain(method, target, headers, data[begin:length], length)


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
