"""S4: 100,000 schedules: what an idle tick costs, and 1,000 of them due in one second."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from bench.burst import Burst
from bench.child import Child
from bench.machine import Usage
from bench.report import Bound, Figure, Gate, Report
from bench.rows import TEMPLATES
from bench.spread import middle, paired, ratio

SCHEDULES = 100_000
ROUNDS = 5
SLOW_ROUNDS = 3
"""Rounds of the peer whose single round takes seconds."""

_OURS = "nightdesk, 100,000 in SQLite"
_UNFORESEEN = "nightdesk, nothing read ahead"
_TIMERS = "bare timers, nothing stored"
_MEMORY = "APScheduler, 10,000 in memory"
_SQLITE = "APScheduler, 2,000 in SQLite"

_Rounds = Mapping[str, list[Burst]]


def measure() -> Report:
    """Fire, in turn with the peers."""
    with ExitStack() as stack:
        ours = stack.enter_context(_child(stack, "bench.servers.scheduler", str(SCHEDULES)))
        stored = ours.hear(int)
        idle = [ours.ask("idle", into=float) for _ in range(ROUNDS)]
        children = {_OURS: ours}
        for name, kind in ((_TIMERS, "bare"), (_MEMORY, "memory"), (_SQLITE, "sqlite")):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nightdesk-bench-"))
            child = stack.enter_context(Child("bench.peers.timers", kind, folder))
            child.hear(str)
            children[name] = child
        rounds: dict[str, list[Burst]] = {name: [] for name in children}
        for number in range(ROUNDS):
            for name, child in children.items():
                if name is not _SQLITE or number < SLOW_ROUNDS:
                    rounds[name].append(child.ask("burst", into=Burst))
        rounds[_UNFORESEEN] = [ours.ask("unforeseen", into=Burst) for _ in range(ROUNDS)]
        memory = {name: child.ask("usage", into=Usage).rss for name, child in children.items()}
    return _report(rounds, stored=stored, idle=idle, memory=memory)


def _child(stack: ExitStack, module: str, argument: str) -> Child:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nightdesk-bench-"))
    return Child(module, folder, argument)


def _report(
    rounds: _Rounds, *, stored: int, idle: list[float], memory: Mapping[str, float]
) -> Report:
    ours = rounds[_OURS]
    gates = (
        Gate(
            words="p99 late {}",
            value=middle(ours, _late),
            bound=Bound.AT_MOST,
            limit=60,
            places=0,
            unit=" ms",
        ),
        Gate(
            words="stall {}",
            value=middle(ours, lambda one: one.stall),
            bound=Bound.AT_MOST,
            limit=10,
            unit=" ms",
        ),
        Gate(
            words="{} APScheduler in memory",
            value=paired(rounds[_MEMORY], ours, _late),
            bound=Bound.AT_LEAST,
            limit=3,
            places=1,
            unit="x",
        ),
        Gate(
            words="{} with SQL",
            value=paired(rounds[_SQLITE], ours, _late),
            bound=Bound.AT_LEAST,
            limit=50,
            places=0,
            unit="x",
        ),
        Gate(
            words="idle tick {}",
            value=middle(idle, float),
            bound=Bound.AT_MOST,
            limit=50,
            places=0,
            unit=" us",
        ),
    )
    notes = (
        f"{stored:,} schedules in the store, {TEMPLATES} different times; late until the planned "
        + "time is on disk and the run is about to be started; CPU until the next is there, too",
        "what falls due is read and planned up to two seconds ahead; that CPU counts, and so does "
        + "looking for stalls meanwhile, some 3 us each",
        "wrong firings over a year are searched for in tests/property, not here",
    )
    return Report(id="S4", gates=gates, figures=tuple(_figures(rounds, memory)), notes=notes)


def _late(one: Burst) -> float:
    return one.p99


def _figures(rounds: _Rounds, memory: Mapping[str, float]) -> Iterator[Figure]:
    for name, many in rounds.items():
        yield Figure(what=f"{name}: late, p50", value=middle(many, lambda b: b.p50), unit="ms")
        yield Figure(what=f"{name}: late, p99", value=middle(many, lambda b: b.p99), unit="ms")
        yield Figure(what=f"{name}: stall", value=middle(many, lambda b: b.stall), unit="ms")
        yield Figure(
            what=f"{name}: CPU",
            value=middle(many, lambda b: ratio(b.cpu * 1e6, b.count)),
            unit="us each",
            places=0,
        )
        if name in memory:
            yield Figure(what=f"{name}: memory", value=memory[name], unit="MB", places=0)
