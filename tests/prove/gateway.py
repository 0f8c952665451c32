"""P1: only Slack can talk to the gateway, and no replay starts a second turn.

25,000 forgeries go to the verifier itself and 25,000 to the addresses of a running program, as raw
bytes, so that no client corrects what a forger would send. Truly signed requests that are garbage,
and truly signed events again and again, go there too.
"""

import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from gateway.verify.slack import SIGNATURE, TIMESTAMP, verify
from runtime.model.wire import RawRequest
from tests.property import test_verifier_slack as forger
from tests.prove.report import Check, Outcome
from tests.support.crash_world import World, channel, world
from tests.support.fake_slack_events import SECRET, Signed, SlackSender, signature

FORGERIES = forger.FORGERIES
PATHS = ("/slack/events", "/slack/commands", "/slack/interactivity")
REPLAYED = 300
"""Events that are delivered again and again."""
TIMES = 5
AT_ONCE = 16
_SOURCES = 200
"""Addresses of loopback that requests come from: each may send 400 that are not genuine."""


def only_slack() -> Outcome:
    """Forgeries at the verifier and at the addresses; replays."""
    accepted, raised = _at_the_verifier()
    with tempfile.TemporaryDirectory(prefix="nd-prove-") as folder:
        routes = asyncio.run(_at_the_addresses(Path(folder)))
    statuses = routes.statuses
    return Outcome(
        tried=f"{FORGERIES:,} forgeries at the verifier and {routes.forged:,} at the addresses, "
        f"{routes.replayed:,} replays",
        checks=(
            Check(what="accepted", value=accepted + routes.accepted),
            Check(what="exceptions", value=raised),
            Check(what="answers of 5xx", value=sum(n for s, n in statuses.items() if s >= 500)),
            Check(what="second turns", value=routes.second_turns),
        ),
        figures={f"answers of {status}": count for status, count in sorted(statuses.items())},
    )


def _at_the_verifier() -> tuple[int, int]:
    chance = random.Random()
    accepted = raised = 0
    for _ in range(FORGERIES):
        forged = forger.forge(chance)
        try:
            accepted += verify(forged, now=forger.NOW, secrets=forger.SECRETS) is not None
        except Exception:  # noqa: BLE001 - that there is none is what is proved
            raised += 1
    return accepted, raised


@dataclass(slots=True)
class _Routes:
    """What the addresses answered.

    Attributes:
        forged: how many forgeries were sent.
        accepted: how many of them became rows, or were answered as if they were Slack's.
        replayed: how many deliveries were made again.
        second_turns: how many messages had more than one turn.
        statuses: how often each status was answered, to whatever was sent.
    """

    forged: int = 0
    accepted: int = 0
    replayed: int = 0
    second_turns: int = 0
    statuses: Counter[int] = field(default_factory=Counter)


async def _at_the_addresses(folder: Path) -> _Routes:
    routes = _Routes()
    async with world(folder) as people:
        process = people.start()
        await process.ready()
        await _send_all(people, routes, _forgeries(people), forged=True)
        routes.accepted += len(people.rows("SELECT id FROM inbox"))
        await _send_all(people, routes, _garbage(people), forged=False)
        await _replay(people, routes)
        await people.quiet()
        await process.stop()
        turns = Counter(row for (row,) in people.rows("SELECT inbox FROM turns"))
        routes.second_turns = len(turns) - REPLAYED + sum(n - 1 for n in turns.values())
    return routes


def _forgeries(people: World) -> Iterator[tuple[str, RawRequest]]:
    """The forgeries of the property test, of this second: all but genuine."""
    chance = random.Random()
    paths = cycle(PATHS)
    for _ in range(FORGERIES):
        forger.STAMP = int(people.now())
        yield next(paths), forger.forge(chance)


def _garbage(people: World) -> Iterator[tuple[str, RawRequest]]:
    """Truly signed, and no event: the parsers must refuse it without falling over."""
    bodies = [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"type":' * 20_000,
        b'{"type":"event_callback","event":{"type":"message"}}',
        b'{"type":"event_callback","event":[1]}',
        b'{"type":"event_callback","event":{"type":"message","user":7,"text":{},"ts":[]}}',
        b"payload=%7B",
        b"payload=" + b"%5B" * 50_000,
        b"payload=%FF%FE",
        b"text=%00&command=/nightdesk",
        b"&" * 100_000,
        b'{"type":"url_verification","challenge":{}}',
    ]
    stamp = int(people.now())
    for path in PATHS:
        for body in bodies:
            for content_type in (
                "application/json",
                "application/x-www-form-urlencoded",
                "é;=\x80",
            ):
                headers = {
                    TIMESTAMP: str(stamp),
                    SIGNATURE: signature(body, stamp, SECRET),
                    "content-type": content_type,
                }
                yield path, RawRequest(headers, body)


async def _replay(people: World, routes: _Routes) -> None:
    """Deliver the same events again and again, side by side, as they are and as retries."""
    sender = SlackSender(people.now)
    events = []
    for number in range(REPLAYED):
        text = f"<@U0BOT> say {number}"
        place = channel(number % 40)
        ts = people.slack.say(text, channel=place).ts
        events.append(sender.signed_event(text, channel=place, ts=ts, kind="app_mention"))
    deliveries = [event for event in events for _ in range(TIMES)]
    deliveries += [event.again(n) for event in events for n in range(1, TIMES)]
    people.chance.shuffle(deliveries)
    routes.replayed = len(deliveries) - len(events)
    await _send_all(people, routes, map(_raw, deliveries), forged=False)


def _raw(signed: Signed) -> tuple[str, RawRequest]:
    return signed.path, signed.raw


async def _send_all(
    people: World, routes: _Routes, requests: Iterator[tuple[str, RawRequest]], *, forged: bool
) -> None:
    sources = cycle(f"127.0.1.{number + 1}" for number in range(_SOURCES))

    async def work() -> None:
        for path, request in requests:
            status = await _send(people.ports[0], next(sources), path, request)
            routes.statuses[status] += 1
            routes.forged += forged
            routes.accepted += forged and 200 <= status < 300

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(work())


async def _send(port: int, source: str, path: str, request: RawRequest) -> int:
    """Post the bytes over a connection of their own; the status, 0 where the line was cut."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        writer.write(_bytes(path, request.headers, request.body))
        with suppress(ConnectionError):
            await writer.drain()
            line = await reader.readline()
            words = line.split()
            return int(words[1]) if len(words) > 1 else 0
        return 0
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def _bytes(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    text = f"{head}{lines}Content-Length: {len(body)}\r\n\r\n"
    return text.encode("utf-8", "surrogatepass") + body
