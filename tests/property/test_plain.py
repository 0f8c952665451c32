"""What is recognised as a plain request is what aiohttp's parser reads, and nothing else."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.plain import Heads, Plain, read_plain

_FIELDS = (
    "Accept: */*",
    "Connection: keep-alive",
    "Connection: close",
    "Content-Encoding: gzip",
    "Content-Length: 3",
    "Content-Length: 0",
    "Expect: 100-continue",
    "Transfer-Encoding: chunked",
    "Upgrade: h2c",
    "X-Key: good",
    "x-key: bad",
)
_STARTS = ("POST /hook HTTP/1.1", "GET /hook?x=1 HTTP/1.1", "POST http://x/hook HTTP/1.1")
_KEPT = ("x-key", "content-length")
_PIECES = st.sampled_from(
    [
        b"",
        b" ",
        b":",
        b"\t",
        b"\r",
        b"\n",
        b"\r\n",
        b"\0",
        b"\xe9",
        b"3",
        b"+",
        b"x",
        b"X-Key: 1\r\n",
    ]
)


@given(
    start=st.sampled_from(_STARTS),
    fields=st.lists(st.sampled_from(_FIELDS), max_size=3),
    body=st.binary(max_size=6),
    changes=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 2), _PIECES), max_size=2),
)
def test_a_plain_request_is_what_aiohttp_reads(
    start: str, fields: list[str], body: bytes, changes: list[tuple[int, int, bytes]]
) -> None:
    data = "\r\n".join([start, "Host: h", *fields, "", ""]).encode() + body
    for at, instead_of, piece in changes:
        data = data[:at] + piece + data[at + instead_of :]
    _same(data)


@given(
    fields=st.lists(
        st.sampled_from(["X-Key: good", "Accept: */*", "Connection: Keep-Alive"]), unique=True
    ),
    body=st.binary(max_size=40),
)
def test_what_platforms_send_is_plain(fields: list[str], body: bytes) -> None:
    head = "\r\n".join(
        ["POST /hook HTTP/1.1", "Host: h", *fields, f"Content-Length: {len(body)}", "", ""]
    )
    assert _same(head.encode() + body)


@given(
    names=st.permutations(["X-Key", "Accept", "Connection", "Content-Length"]),
    changes=st.lists(st.tuples(st.integers(0, 110), st.integers(0, 2), _PIECES), max_size=2),
    body=st.binary(max_size=4),
)
def test_a_head_like_one_before_is_read_as_it_would_be_without_that(
    names: list[str], changes: list[tuple[int, int, bytes]], body: bytes
) -> None:
    values = {"X-Key": "good", "Accept": "*/*", "Connection": "keep-alive", "Content-Length": "3"}
    fields = [f"{name}: {values[name]}" for name in names]
    data = "\r\n".join(["POST /hook HTTP/1.1", "Host: h", *fields, "", ""]).encode() + body
    heads = Heads(["x-key"])
    assert heads.read(data) is None
    heads.learn(data)
    assert heads.read(data) == _asked_for(read_plain(data))
    for at, instead_of, piece in changes:
        data = data[:at] + piece + data[at + instead_of :]
    assert heads.read(data) in (None, _asked_for(read_plain(data)))


def _asked_for(plain: Plain | None) -> Plain | None:
    if plain is None:
        return None
    kept = {name: plain.headers[name] for name in plain.headers if name in _KEPT}
    return replace(plain, headers=kept)


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("good", True),
        ("a b", True),
        ("", False),
        (" good", False),
        ("good ", False),
        ("a\tb", False),
    ],
)
def test_blanks_around_a_value_that_is_read_are_left_to_the_other_way(
    value: str, taken: bool
) -> None:
    heads = Heads(["x-key"])
    heads.learn(b"GET / HTTP/1.1\r\nHost: h\r\nX-Key: good\r\n\r\n")
    found = heads.read(f"GET / HTTP/1.1\r\nHost: other \r\nX-Key: {value}\r\n\r\n".encode())
    assert (found is not None) == taken
    assert found is None or found.headers == {"x-key": value}


def test_a_head_that_is_too_long_is_not_like_one_before() -> None:
    heads = Heads([])
    heads.learn(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    begin = b"GET / HTTP/1.1\r\nHost: "
    longest = 8_000 - len(begin) - 4
    for length in (longest, longest + 1):
        data = begin + b"h" * length + b"\r\n\r\n"
        assert (heads.read(data) is None) == (read_plain(data) is None) == (length > longest)


def _same(data: bytes) -> bool:
    """Whether it is plain and whole; then aiohttp reads the same request, and nothing beyond it."""
    plain = read_plain(data)
    if plain is None or len(data) < plain.length:
        return False
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        parser = HttpRequestParser(BaseProtocol(loop), loop, 1 << 16, auto_decompress=False)
        [(message, payload)], upgraded, _ = parser.feed_data(data[: plain.length])
        assert (message.method, message.path) == (plain.method, plain.target)
        assert {name.lower(): value for name, value in message.headers.items()} == plain.headers
        assert payload.is_eof()
        assert payload.read_nowait() == plain.body
        asked_for = (message.should_close, message.upgrade, upgraded, message.compression)
        assert not any(asked_for)
    return True


@pytest.mark.parametrize(
    "head",
    [
        "POST /hook HTTP/1.1\r\nHost: h\r\nX-Key: a\nContent-Length: 3",
        "POST /hook HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
        "POST /hook HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\ncontent-length: 4",
        "POST /hook HTTP/1.1\r\nHost: h\r\nX-Key: a\r\n b\r\nContent-Length: 3",
        "POST /hook HTTP/1.1\r\nHost: h\r\nContent-Length : 3",
        "POST /hook HTTP/1.1\r\nHost: h\r\nContent-Length: +3",
        "POST /hook HTTP/1.1\r\nHost: h\r\nContent-Length: 0x3",
        "POST /hook HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close",
        "POST /hook HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: upgrade\r\nUpgrade: h2c",
        "POST /hook HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nX-Key: \u00e9",
        "POST /hook HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nX-Key: \x00",
        "CONNECT /hook HTTP/1.1\r\nHost: h\r\nContent-Length: 3",
        "POST /hook HTTP/2.0\r\nHost: h\r\nContent-Length: 3",
        "\r\nPOST /hook HTTP/1.1\r\nContent-Length: 3",
        "POST /hook HTTP/1.1\r\nHost: h\r\n" + "X: y\r\n" * 200 + "Content-Length: 3",
        "POST /hook HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nX-Long: " + "x" * 9_000,
        "POST /hook HTTP/1.1\r\nContent-Length: 3",
    ],
)
def test_what_could_be_read_in_two_ways_is_not_plain(head: str) -> None:
    assert read_plain(head.encode("latin-1") + b"\r\n\r\nabc") is None


def test_a_value_of_anything_but_printable_ascii_is_not_plain() -> None:
    taken = {
        byte
        for byte in range(256)
        if read_plain(b"GET / HTTP/1.1\r\nHost: h\r\nX-Key: a%cb\r\n\r\n" % byte) is not None
    }
    assert taken == set(range(0x20, 0x7F))


@pytest.mark.parametrize("stray", [b"\r", b"\n", b"\n\r", b"\r\r\n\n", b"\r\n\n", b"\r\n "])
def test_a_line_end_that_is_none_is_not_plain(stray: bytes) -> None:
    assert read_plain(b"GET / HTTP/1.1\r\nHost: h\r\nX-Key: a%bb\r\n\r\n" % stray) is None


def test_a_head_that_has_not_come_whole_is_not_plain() -> None:
    assert read_plain(b"POST /hook HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n") is None
