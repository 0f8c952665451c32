"""S11: acknowledgements while a thousand schedules fire and fifty turns run."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from bench import slack
from bench.child import Child
from bench.load import Answers, Window
from bench.machine import Usage
from bench.report import Bound, Figure, Gate, Report
from bench.servers.whole import Done
from bench.spread import middle, ratio

ROUNDS = 2
SECONDS = 5.0
RATE = 50.0
"""Messages a second: what the promises call a busy day."""

_QUIET = "without other work"
_LOADED = "with it"


def measure() -> Report:
    """Post at a steady pace, in turn without and with other work."""
    rounds: dict[str, list[Answers]] = {_QUIET: [], _LOADED: []}
    done, busy = list[Done](), list[float]()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nightdesk-bench-"))
        load = stack.enter_context(Child("bench.load"))
        desk = stack.enter_context(Child("bench.servers.whole", folder))
        load.hear(str)
        port = desk.hear(int)
        load.ask("send", _window(port, 0, 0.5), into=Answers)
        for number in range(1, ROUNDS + 1):
            window = _window(port, number * 20_000, SECONDS)
            rounds[_QUIET].append(load.ask("send", window, into=Answers))
            desk.ask("begin", into=type(None))
            before = desk.ask("usage", into=Usage)
            window = _window(port, number * 20_000 + 10_000, SECONDS)
            answers = load.ask("send", window, into=Answers)
            rounds[_LOADED].append(answers)
            after = desk.ask("usage", into=Usage)
            busy.append(ratio(after.cpu - before.cpu, answers.seconds))
            done.append(desk.ask("end", into=Done))
    return _report(rounds, done, busy=middle(busy, float))


def _window(port: int, first: int, seconds: float) -> Window:
    return Window(
        port=port, kind="event", path=slack.EVENTS, first=first, seconds=seconds, rate=RATE
    )


def _report(rounds: Mapping[str, list[Answers]], done: list[Done], *, busy: float) -> Report:
    p99 = {name: middle(many, lambda one: one.p99) for name, many in rounds.items()}
    gates = (
        Gate(
            words="p99 {} of the same without load",
            value=ratio(p99[_LOADED], p99[_QUIET]),
            bound=Bound.AT_MOST,
            limit=3,
            places=1,
            unit="x",
        ),
        Gate(words="{}", value=p99[_LOADED], bound=Bound.AT_MOST, limit=500, places=0, unit=" ms"),
        Gate(
            words="not acknowledged {}",
            value=sum(one.refused + one.lost for many in rounds.values() for one in many),
            bound=Bound.AT_MOST,
            limit=0,
            places=0,
        ),
    )
    fired = middle(done, lambda one: one.fired)
    notes = (
        f"{RATE:.0f} events a second, each of which begins a turn, all on one core; the load: "
        + f"{fired:,.0f} schedules due in one second, each a durable run with a turn and a message,"
        + " and 50 turns of two seconds at any moment",
    )
    figures = tuple(_figures(rounds, done, busy))
    return Report(id="S11", gates=gates, figures=figures, notes=notes)


def _figures(
    rounds: Mapping[str, list[Answers]], done: list[Done], busy: float
) -> Iterator[Figure]:
    for name, many in rounds.items():
        yield Figure(what=f"{name}: p50", value=middle(many, lambda a: a.p50), unit="ms")
        yield Figure(what=f"{name}: p99", value=middle(many, lambda a: a.p99), unit="ms")
        yield Figure(what=f"{name}: slowest", value=middle(many, lambda a: a.longest), unit="ms")
    yield Figure(
        what="the thousand, all done after", value=middle(done, lambda d: d.seconds), unit="s"
    )
    yield Figure(
        what="answers to the fifty", value=middle(done, lambda d: d.turns), unit="", places=0
    )
    yield Figure(what="core used under load", value=busy, unit="of the server's")
