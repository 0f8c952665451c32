"""S2 and S3: updates of Telegram and interactions of Discord, acknowledged as S1 is measured."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bench.acknowledge import ROUNDS, SECONDS, WARM_UP, Round, micros, one_window
from bench.child import Child
from bench.load import Window
from bench.report import Bound, Figure, Gate, Report
from bench.spread import middle, paired, ratio

_BETWEEN = 100_000
"""Numbers of requests set aside for each window."""
_BARE, _OURS = "bare", "nightdesk"


@dataclass(frozen=True, slots=True)
class _Found:
    """What came of the windows: each server's rounds, and what ours took and stored."""

    rounds: Mapping[str, list[Round]]
    accepted: int
    stored: int


def telegram() -> Report:
    """S2: updates with the secret, checked, parsed, stored with an fsync, acknowledged."""
    found = _measure("update", {_BARE: "bare", _OURS: "telegram", "ptb": "ptb"})
    peer = paired(found.rounds["ptb"], found.rounds[_OURS], micros)
    figures = [
        *_figures(found),
        Figure(what="python-telegram-bot behind aiohttp", value=peer, unit="x its CPU"),
    ]
    notes = ("python-telegram-bot's own server, for which 3.5x is meant, needs Tornado: not here",)
    return Report(id="S2", gates=_gates(found, 0.60), figures=tuple(figures), notes=notes)


def discord() -> Report:
    """S3: signed interactions, verified, parsed, stored with an fsync, deferred."""
    servers = {_BARE: "bare", _OURS: "discord", "verifying": "verifying"}
    found = _measure("interaction", servers)
    beside = paired(found.rounds["verifying"], found.rounds[_OURS], micros)
    figures = [
        *_figures(found),
        Figure(what="of a bare handler that checks the signature too", value=beside, unit=""),
    ]
    return Report(id="S3", gates=_gates(found, 0.40), figures=tuple(figures))


def _measure(kind: str, servers: Mapping[str, str]) -> _Found:
    """Run the servers in turn, each asked the same."""
    rounds: dict[str, list[Round]] = {name: [] for name in servers}
    accepted = stored = 0
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nightdesk-bench-"))
        load = stack.enter_context(Child("bench.load"))
        load.hear(str)
        running = {
            name: stack.enter_context(Child(f"bench.servers.{module}", folder))
            for name, module in servers.items()
        }
        ports = {name: server.hear(int) for name, server in running.items()}
        numbers = iter(range(0, 10**9, _BETWEEN))
        for number in range(ROUNDS + 1):
            for name, server in running.items():
                window = Window(
                    port=ports[name],
                    kind=kind,
                    path="",
                    first=next(numbers),
                    seconds=SECONDS if number else WARM_UP,
                )
                one = one_window(server, load, window)
                if number:
                    rounds[name].append(one)
                if name == _OURS:
                    accepted += one.answers.count
                    stored += server.ask("clear", into=int)
    return _Found(rounds, accepted, stored)


def _gates(found: _Found, limit: float) -> tuple[Gate, ...]:
    ours = found.rounds[_OURS]
    return (
        Gate(
            words="{} of bare",
            value=paired(found.rounds[_BARE], ours, micros),
            bound=Bound.AT_LEAST,
            limit=limit,
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
            value=found.accepted - found.stored,
            bound=Bound.AT_MOST,
            limit=0,
            places=0,
        ),
        Gate(
            words="not acknowledged {}",
            value=sum(one.answers.refused + one.answers.lost for one in ours),
            bound=Bound.AT_MOST,
            limit=0,
            places=0,
        ),
    )


def _figures(found: _Found) -> Iterator[Figure]:
    for name, many in found.rounds.items():
        yield Figure(what=f"{name}: CPU", value=middle(many, micros), unit="us each")
        yield Figure(what=f"{name}: speed", value=middle(many, _speed), unit="/s", places=0)
        yield Figure(what=f"{name}: p50", value=middle(many, lambda o: o.answers.p50), unit="ms")
        yield Figure(what=f"{name}: p99", value=middle(many, lambda o: o.answers.p99), unit="ms")
    every: Sequence[Round] = [one for many in found.rounds.values() for one in many]
    yield Figure(what="other programs", value=middle(every, lambda o: o.foreign), unit="cores")


def _speed(one: Round) -> float:
    return one.speed
