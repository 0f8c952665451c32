"""S1: signed Slack requests, verified, parsed, stored with an fsync, acknowledged."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from bench import slack
from bench.child import Child
from bench.load import Answers, Window
from bench.machine import Usage, busy_seconds
from bench.report import Bound, Figure, Gate, Report
from bench.spread import middle, paired, ratio

ROUNDS = 4
SECONDS = 1.0
WARM_UP = 0.4
_BETWEEN = 100_000
"""Numbers of requests set aside for each window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Variant:
    """One server, asked one kind of thing.

    Attributes:
        name: what the report calls it.
        server: the module that serves.
        kind: `event` or `command`.
        path: where commands go.
    """

    name: str
    server: str
    kind: str
    path: str = slack.EVENTS


_VARIANTS = (
    _Variant(name="bare handler, events", server="bare", kind="event"),
    _Variant(name="nightdesk, events", server="gateway", kind="event"),
    _Variant(name="slack-bolt, events", server="bolt", kind="event"),
    _Variant(name="bare handler, commands", server="bare", kind="command", path=slack.COMMANDS),
    _Variant(name="nightdesk, commands", server="gateway", kind="command", path=slack.COMMANDS),
    _Variant(name="slack-bolt, commands", server="bolt", kind="command"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One window of one variant."""

    answers: Answers
    cpu: float
    foreign: float

    @property
    def speed(self) -> float:
        """Requests a second."""
        return ratio(self.answers.count, self.answers.seconds)

    @property
    def busy(self) -> float:
        """The share of its core that the server used."""
        return ratio(self.cpu, self.answers.seconds)


_Rounds = Mapping[str, list[Round]]


def measure() -> Report:
    """Run the variants in turn, and compare them."""
    rounds: dict[str, list[Round]] = {variant.name: [] for variant in _VARIANTS}
    accepted = stored = 0
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nightdesk-bench-"))
        load = stack.enter_context(Child("bench.load"))
        load.hear(str)
        servers = {
            name: stack.enter_context(Child(f"bench.servers.{name}", folder))
            for name in ("bare", "gateway", "bolt")
        }
        ports = {name: server.hear(int) for name, server in servers.items()}
        numbers = iter(range(0, 10**9, _BETWEEN))
        for number in range(ROUNDS + 1):
            for variant in _VARIANTS:
                server, port = servers[variant.server], ports[variant.server]
                seconds = SECONDS if number else WARM_UP
                one = one_window(server, load, _window(variant, port, next(numbers), seconds))
                if number:
                    rounds[variant.name].append(one)
                if variant.server == "gateway":
                    accepted += one.answers.count
                    stored += server.ask("clear", into=int)
    return _report(rounds, accepted=accepted, stored=stored)


def micros(one: Round) -> float:
    """CPU of the server for each request, in microseconds."""
    return ratio(one.cpu * 1e6, one.answers.count)


def _window(variant: _Variant, port: int, first: int, seconds: float) -> Window:
    return Window(port=port, kind=variant.kind, path=variant.path, first=first, seconds=seconds)


def one_window(server: Child, load: Child, window: Window) -> Round:
    busy, before = busy_seconds(), server.ask("usage", into=Usage)
    began = time.perf_counter()
    answers = load.ask("send", window, into=Answers)
    wall = time.perf_counter() - began
    after = server.ask("usage", into=Usage)
    cpu = after.cpu - before.cpu
    others = max(0.0, busy_seconds() - busy - cpu - answers.cpu - answers.prepared)
    return Round(answers=answers, cpu=cpu, foreign=ratio(others, wall))


def _report(rounds: _Rounds, *, accepted: int, stored: int) -> Report:
    ours = rounds["nightdesk, events"]
    gates = (
        Gate(
            words="events {} of bare",
            value=paired(rounds["bare handler, events"], ours, micros),
            bound=Bound.AT_LEAST,
            limit=0.60,
        ),
        Gate(
            words="{} bolt",
            value=paired(rounds["slack-bolt, events"], ours, micros),
            bound=Bound.AT_LEAST,
            limit=2.2,
            places=1,
            unit="x",
        ),
        Gate(
            words="commands {} bolt",
            value=paired(rounds["slack-bolt, commands"], rounds["nightdesk, commands"], micros),
            bound=Bound.AT_LEAST,
            limit=2.2,
            places=1,
            unit="x",
        ),
        Gate(
            words="p99/p50 {}",
            value=middle(ours, lambda one: ratio(one.answers.p99, one.answers.p50)),
            bound=Bound.AT_MOST,
            limit=5.0,
            places=1,
        ),
        Gate(
            words="acknowledged and not stored {}",
            value=accepted - stored,
            bound=Bound.AT_MOST,
            limit=0,
            places=0,
        ),
    )
    return Report(
        id="S1",
        gates=gates,
        figures=tuple(_figures(rounds)),
        notes=tuple(_notes(rounds, stored)),
    )


def _figures(rounds: _Rounds) -> Iterator[Figure]:
    for name, many in rounds.items():
        yield Figure(what=f"{name}: CPU", value=middle(many, micros), unit="us each")
        yield Figure(
            what=f"{name}: speed", value=middle(many, lambda o: o.speed), unit="/s", places=0
        )
        yield Figure(what=f"{name}: p50", value=middle(many, lambda o: o.answers.p50), unit="ms")
        yield Figure(what=f"{name}: p99", value=middle(many, lambda o: o.answers.p99), unit="ms")
        yield Figure(
            what=f"{name}: core used", value=middle(many, lambda o: o.busy), unit="of the server's"
        )
    bare, ours, bolt = (
        middle(rounds[f"{who}, events"], lambda one: one.speed)
        for who in ("bare handler", "nightdesk", "slack-bolt")
    )
    yield Figure(what="by wall time, events", value=ratio(ours, bare), unit="of bare")
    yield Figure(what="by wall time, events", value=ratio(ours, bolt), unit="x bolt")
    generator = [one for many in rounds.values() for one in many]
    yield Figure(
        what="load generator: core used",
        value=middle(
            rounds["bare handler, events"], lambda o: ratio(o.answers.cpu, o.answers.seconds)
        ),
        unit="of its own, at its fastest",
    )
    yield Figure(
        what="other programs", value=middle(generator, lambda one: one.foreign), unit="cores"
    )


def _notes(rounds: _Rounds, stored: int) -> Iterator[str]:
    yield f"64 connections, one core for the server; ratios are of CPU; {stored:,} events on disk"
    bad = {
        name: sum(one.answers.refused + one.answers.lost for one in many)
        for name, many in rounds.items()
    }
    for name, count in bad.items():
        if count:
            yield f"{name}: {count} requests were not answered with 200"
