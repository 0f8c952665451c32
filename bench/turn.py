"""S5: a chat turn with a model that takes no time, 50 messages of history, everything durable."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from importlib.util import find_spec

from bench.child import Child
from bench.report import Bound, Figure, Gate, Report
from bench.spoken import Stretch, Turns
from bench.spread import middle, paired, ratio

CONVERSATIONS = 1_280
"""Each pass is one turn in each."""
FEW = 320
"""The same for the peer that takes long."""
VERY_FEW = 20
"""The same for the peer that takes very long."""
PASSES = 5
"""Of which the first finds every cache cold, which no later one does: it is left out."""
STRETCHES = 5
"""What a pass is cut into: each has its stretch, of some 0.1 s, before anybody has the next, so
that what slows the machine down for a second slows all of them. No stretch is shorter than as many
as talk at once, but that of the peer that talks with one."""

_OURS = "nightdesk"
_LATELY = "nightdesk, where people talked a moment ago"
_RAW = "raw sqlite3, 64 turns per 3 commits"
_RAW_FAST = "the same, read by msgspec"
_RAW_UNREAD = "the same, loaded and not read"
_NAIVE = "aiosqlite, a commit for each step"
_NANOBOT = "nanobot, one at a time"
_HAS_NANOBOT = find_spec("nanobot") is not None

_COUNTS = {_NAIVE: FEW, _NANOBOT: VERY_FEW}
_Rounds = Mapping[str, list[Turns]]


def measure() -> Report:
    """Take turns, in turn with the peers."""
    with ExitStack() as stack:
        children = {
            _OURS: _start(stack, "bench.servers.turns", str(CONVERSATIONS)),
            _RAW: _start(stack, "bench.peers.turns", str(CONVERSATIONS), "raw"),
            _RAW_FAST: _start(stack, "bench.peers.turns", str(CONVERSATIONS), "raw-msgspec"),
            _RAW_UNREAD: _start(stack, "bench.peers.turns", str(CONVERSATIONS), "raw-unread"),
            _NAIVE: _start(stack, "bench.peers.turns", str(FEW), "naive"),
        }
        if _HAS_NANOBOT:
            children[_NANOBOT] = _start(stack, "bench.peers.nanobot_turns", str(VERY_FEW))
        rounds: dict[str, list[Turns]] = {name: [] for name in (*children, _LATELY)}
        for child in children.values():
            child.hear(str)
        for number in range(PASSES):
            for place in range(STRETCHES):
                # To and fro, so that none always comes first where the machine gets slower.
                order = list(children)[:: -1 if place % 2 else 1]
                for name in order:
                    turns = children[name].ask("turns", _stretch(name, place), into=Turns)
                    if number:
                        rounds[name].append(turns)
            if number:
                rounds[_LATELY].append(children[_OURS].ask("lately", into=Turns))
    return _report(rounds)


def _stretch(name: str, place: int) -> Stretch:
    count = _COUNTS.get(name, CONVERSATIONS) // STRETCHES
    return Stretch(first=place * count, after=(place + 1) * count)


def _start(stack: ExitStack, module: str, *arguments: str) -> Child:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nightdesk-bench-"))
    return stack.enter_context(Child(module, folder, *arguments))


def _micros(turns: Turns) -> float:
    return ratio(turns.cpu * 1e6, turns.count)


def _report(rounds: _Rounds) -> Report:
    gates = [
        Gate(
            words="{} CPU a turn",
            value=middle(rounds[_OURS], _micros) / 1000,
            bound=Bound.AT_MOST,
            limit=0.5,
            unit=" ms",
        ),
        _ratio("{} of raw sqlite3", rounds, _RAW, limit=0.5, places=2),
        # Not in the promises, but it is what the group commit is for.
        _ratio("{} aiosqlite", rounds, _NAIVE, limit=1, unit="x"),
    ]
    if _HAS_NANOBOT:
        gates.append(_ratio("{} nanobot", rounds, _NANOBOT, limit=100, unit="x"))
    return Report(
        id="S5", gates=tuple(gates), figures=tuple(_figures(rounds)), notes=tuple(_notes())
    )


def _ratio(
    words: str, rounds: _Rounds, peer: str, *, limit: float, places: int = 1, unit: str = ""
) -> Gate:
    """How often our CPU for a turn goes into the peer's, at least."""
    value = paired(rounds[peer], rounds[_OURS], _micros)
    return Gate(
        words=words, value=value, bound=Bound.AT_LEAST, limit=limit, places=places, unit=unit
    )


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
    if not _HAS_NANOBOT:
        yield "nanobot (target 100x) was not measured: nanobot-ai is not installed"
