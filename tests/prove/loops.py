"""P14: bots and agents cannot loop.

Two gateways, each of which answers everything, are wired together: what either posts, the other
hears from an account like a person's, and each is started anew for each message. Agents in random
graphs hand on whatever they are asked, to themselves, to nobody and in rings. What the platforms
sign as a bot's goes through each platform's own parser.
"""

import asyncio
import random
import tempfile
from itertools import cycle, islice
from pathlib import Path

from runtime.model.handoff import DEEPEST
from runtime.turns.loops import MOST_IN_A_ROW
from tests.prove.report import Check, Outcome
from tests.support.graphs import walked
from tests.support.wired import Pair, Wire, bots_heard, in_folder

PAIRS = 24
GRAPHS = 300
SIGNED = 500


def come_to_an_end() -> Outcome:
    """Pairs of gateways, graphs of agents, and messages of bots."""
    return asyncio.run(_prove(random.Random()))


async def _prove(chance: random.Random) -> Outcome:
    longest = 0
    with tempfile.TemporaryDirectory(prefix="nd-prove-") as name:
        folder = Path(name)
        for number, wire in enumerate(islice(cycle(Wire), PAIRS)):
            pair = Pair(in_folder(folder / f"pair-{number}"), wire, chance)
            longest = max(longest, await pair.exchange())
        desk = folder / "desk"
        desk.mkdir(mode=0o700)
        found = await walked(desk, chance, graphs=GRAPHS)
    heard = bots_heard([f"@us {chance.random()}: and you?" for _ in range(SIGNED)])
    return Outcome(
        tried=f"{PAIRS} pairs of gateways, {GRAPHS} graphs of agents with {found.handoffs:,} "
        f"hand-offs, {SIGNED:,} messages of bots on each platform",
        checks=(
            Check(what="messages at the most", value=longest, most=MOST_IN_A_ROW),
            Check(what="deep at the most", value=found.deepest, most=DEEPEST),
            Check(what="agents asked twice", value=found.twice),
            Check(what="unanswered", value=found.unanswered),
            Check(what="bots heard", value=heard),
        ),
    )
