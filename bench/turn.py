"""S5: a chat turn with a model that takes no time, 50 messages of history, everything durable."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from importlib.util import find_spec

from bench.child import Child
from bench.report import Bound, Figure, Gate, Report
from bench.spread import middle, paired, ratio
from bench.talk import Turns

CONVERSATIONS = 1_280
"""A multiple of those who talk at once; each round is one turn in each."""
FEW = 320
"""The same for the peer that takes long."""
ROUNDS = 3

_OURS = "nightdesk"
_RAW = "raw sqlite3, 64 turns per 3 commits"
_NAIVE = "aiosqlite, a commit for each step"

_Rounds = Mapping[str, list[Turns]]


def measure() -> Report:
    """Take turns, in turn with the peers."""
    rounds: dict[str, list[Turns]] = {_OURS: [], _RAW: [], _NAIVE: []}
    with ExitStack() as stack:
        children = {
            _OURS: _start(stack, "bench.servers.turns", str(CONVERSATIONS)),
            _RAW: _start(stack, "bench.peers.turns", str(CONVERSATIONS), "raw"),
            _NAIVE: _start(stack, "bench.peers.turns", str(FEW), "naive"),
        }
        for child in children.values():
            child.hear(str)
        for _ in range(ROUNDS):
            for name, child in children.items():
                rounds[name].append(child.ask("turns", into=Turns))
    return _report(rounds)


def _start(stack: ExitStack, module: str, *arguments: str) -> Child:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nightdesk-bench-"))
    return stack.enter_context(Child(module, folder, *arguments))


def _micros(turns: Turns) -> float:
    return ratio(turns.cpu * 1e6, turns.count)


def _report(rounds: _Rounds) -> Report:
    gates = (
        Gate(
            words="{} CPU a turn",
            value=middle(rounds[_OURS], _micros) / 1000,
            bound=Bound.AT_MOST,
            limit=0.5,
            unit=" ms",
        ),
        Gate(
            words="{} of raw sqlite3",
            value=paired(rounds[_RAW], rounds[_OURS], _micros),
            bound=Bound.AT_LEAST,
            limit=0.5,
        ),
        # Not in the promises, but every round has it: what the group commit is for.
        Gate(
            words="{} aiosqlite",
            value=paired(rounds[_NAIVE], rounds[_OURS], _micros),
            bound=Bound.AT_LEAST,
            limit=1,
            places=1,
            unit="x",
        ),
    )
    return Report(id="S5", gates=gates, figures=tuple(_figures(rounds)), notes=tuple(_notes()))


def _figures(rounds: _Rounds) -> Iterator[Figure]:
    for name, many in rounds.items():
        yield Figure(what=f"{name}: CPU", value=middle(many, _micros), unit="us a turn", places=0)
        yield Figure(
            what=f"{name}: turns",
            value=middle(many, lambda t: ratio(t.count, t.seconds)),
            unit="/s",
            places=0,
        )
        yield Figure(what=f"{name}: p50", value=middle(many, lambda t: t.p50), unit="ms")
        yield Figure(what=f"{name}: p99", value=middle(many, lambda t: t.p99), unit="ms")


def _notes() -> Iterator[str]:
    yield (
        "64 conversations at once; a turn is from the parsed event to its answer's delivery, to a "
        "platform that takes no time"
    )
    if find_spec("nanobot") is None:
        yield "nanobot (target 100x) was not measured: nanobot-ai is not installed"
