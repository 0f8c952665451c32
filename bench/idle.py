"""S10: ten thousand conversations in which nobody says anything."""

import tempfile
from contextlib import ExitStack

from bench.child import Child
from bench.report import Bound, Figure, Gate, Report
from bench.servers.idlers import WARM_UP

CONVERSATIONS = 10_000


def measure() -> Report:
    """Let somebody talk in each conversation once, and see what stays in memory."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nightdesk-bench-"))
        child = stack.enter_context(Child("bench.servers.idlers", folder, str(CONVERSATIONS)))
        ready = child.hear(float)
        warm = child.ask("talk", (0, WARM_UP), into=float)
        after = child.ask("talk", (WARM_UP, CONVERSATIONS), into=float)
    peers = {kind: _peer(kind) for kind in ("dictionaries", "actors")}
    gate = Gate(
        words=f"{CONVERSATIONS:,} idle conversations hold {{}}",
        value=after - warm,
        bound=Bound.AT_MOST,
        limit=10,
        places=1,
        unit=" MB",
    )
    figures = (
        Figure(what="nightdesk: ready", value=ready, unit="MB", places=1),
        Figure(what=f"nightdesk: after {WARM_UP:,} conversations", value=warm, unit="MB", places=1),
        Figure(what=f"nightdesk: after {CONVERSATIONS:,} more", value=after, unit="MB", places=1),
        Figure(what="the same as dictionaries", value=peers["dictionaries"], unit="MB", places=1),
        Figure(what="an actor for each, empty", value=peers["actors"], unit="MB", places=1),
    )
    notes = (
        "each conversation has 50 messages and took a turn before it fell idle; what the first "
        + f"{WARM_UP:,} filled (pages of the database, the latest logs) is no part of the figure",
        "idle agents are not measured yet: an agent is an entry of the configuration",
    )
    return Report(id="S10", gates=(gate,), figures=figures, notes=notes)


def _peer(kind: str) -> float:
    with Child("bench.peers.memory", kind, str(CONVERSATIONS)) as child:
        return child.hear(float)
