"""S7: a model call with 50 messages, and a streamed piece, beside aiohttp alone and LiteLLM."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

from bench.child import Child
from bench.report import Bound, Figure, Gate, Report
from bench.routing import choosing
from bench.servers.asking import MESSAGES, PIECES, Spent
from bench.spread import middle, paired, ratio

ROUNDS = 3
_CALLS = 40
_DIRECT, _LITELLM, _ALONE = "our own client", "LiteLLM, as we call it", "aiohttp alone"
_KINDS = {_DIRECT: "direct", _LITELLM: "litellm", _ALONE: "aiohttp"}


_LENGTHS = (1, 100)
"""Messages of a short conversation and of a long one, between which a call is to stay the same."""
_EVENTS = 3
"""Of a short answer: its one piece, the end, the usage."""


class _Round:
    """What one client took in one round.

    Attributes:
        call: seconds for a call with a short answer.
        piece: seconds for each further piece.
        asking: seconds for a call without the events of its answer.
    """

    def __init__(self, short: Spent, long: Spent) -> None:
        self.call = ratio(short.cpu, short.count)
        self.piece = (ratio(long.cpu, long.count) - self.call) / (PIECES[1] - PIECES[0])
        self.asking = self.call - _EVENTS * self.piece


def measure() -> Report:
    """Ask, each client in turn, over one server."""
    rounds: dict[str, list[_Round]] = {name: [] for name in _KINDS}
    grown: list[float] = []
    with ExitStack() as stack:
        server = stack.enter_context(Child("bench.servers.completions"))
        url = server.hear(str)
        clients = {
            name: stack.enter_context(Child("bench.servers.asking", kind, url))
            for name, kind in _KINDS.items()
        }
        for client in clients.values():
            client.hear(str)
        for _ in range(ROUNDS):
            for name, client in clients.items():
                short = client.ask("calls", (MESSAGES, PIECES[0], _CALLS), into=Spent)
                long = client.ask("calls", (MESSAGES, PIECES[1], 1), into=Spent)
                rounds[name].append(_Round(short, long))
            grown.append(_growth(clients[_LITELLM]))
    return _report(rounds, grown, choosing())


def _growth(client: Child) -> float:
    """How much more a call takes with a long conversation than with a short one."""
    few, many = (
        client.ask("calls", (messages, PIECES[0], _CALLS), into=Spent) for messages in _LENGTHS
    )
    return ratio(many.cpu, few.cpu)


def _report(rounds: Mapping[str, list[_Round]], grown: Sequence[float], chosen: float) -> Report:
    call = middle(rounds[_DIRECT], lambda r: r.call) * 1e3
    through = middle(rounds[_LITELLM], lambda r: r.asking) * 1e3
    gates = (
        _gate("{} CPU a call", call, 1.4, " ms"),
        _gate(
            "a piece {} of aiohttp's",
            paired(rounds[_DIRECT], rounds[_ALONE], lambda r: r.piece),
            3,
            "x",
        ),
        _gate("asking through LiteLLM {}", through, 5, " ms"),
        _gate("with 100 messages {} of with 1", statistics.median(grown), 1.3, "x"),
        # Not in the promises, but it comes before every call.
        _gate("a choice of the router {}", chosen * 1e6, 200, " us"),
    )
    return Report(id="S7", gates=gates, figures=tuple(_figures(rounds)), notes=(_NOTE,))


def _gate(words: str, value: float, limit: float, unit: str) -> Gate:
    return Gate(words=words, value=value, bound=Bound.AT_MOST, limit=limit, unit=unit)


def _figures(rounds: Mapping[str, list[_Round]]) -> Iterator[Figure]:
    for name, many in rounds.items():
        yield Figure(what=f"{name}: call", value=middle(many, lambda r: r.call) * 1e3, unit="ms")
        piece = middle(many, lambda r: r.piece) * 1e6
        yield Figure(what=f"{name}: piece", value=piece, unit="us", places=0)


_NOTE = (
    "50 messages in a call; pieces come one by one, two milliseconds apart, so that each wakes "
    "the client; CPU of the client's process alone"
)
