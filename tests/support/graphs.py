"""Random graphs of agents, each of which hands on whatever it can, over a whole desk."""

import random
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.memory.store import MemoryStore
from adapters.models.scripted import Step
from runtime.ids import AgentName, ConversationId
from runtime.model.completion import ModelRequest
from runtime.model.team import Agent, Team
from runtime.ports import Verdict
from tests.support.approving import Rules
from tests.support.build import DM, team
from tests.support.desk import DeskUnderTest, running_desk
from tests.support.wired import Graph


@dataclass
class Walked:
    """What came of it.

    Attributes:
        handoffs: how many there were.
        deepest: how many one message led to, at the most.
        twice: how often an agent was asked twice for one message.
        unanswered: messages that nobody answered.
    """

    handoffs: int = 0
    deepest: int = 0
    twice: int = 0
    unanswered: int = 0


async def walked(home: Path | MemoryStore, chance: random.Random, *, graphs: int) -> Walked:
    """Let a person ask something of each graph, and see where it goes."""
    found, now = Walked(), [Graph.at_random(chance)]

    def script(request: ModelRequest) -> Step:
        return now[0].script(request)

    async with running_desk(home, script, policy=Rules(Verdict.ALLOW)) as desk:
        for number in range(graphs):
            now[0] = Graph.at_random(chance)
            desk.team = team_of(now[0])
            await desk.command("/new")
            before = len(desk.chat.shown)
            await desk.say(f"Go {number}.")
            await desk.quiet()
            said = desk.chat.texts[before:]
            depth = len(await _way(desk))
            asked = now[0].turns
            # An agent is asked once more in the turn in which its hand-off was refused.
            found.twice += len(asked) - len(set(asked))
            found.handoffs += depth
            found.deepest = max(found.deepest, depth)
            found.unanswered += said[-1:] not in (["I keep it."], ["I cannot hand it on."])
    return found


def team_of(graph: Graph) -> Team:
    """Ann's team with the agents of the graph."""
    model = team().agents[0].model
    agents = tuple(
        Agent(
            name=AgentName(name),
            model=model,
            instructions=name,
            hands_to=tuple(map(AgentName, graph.reach[name])),
        )
        for name in graph.names
    )
    return replace(team(), agents=agents)


async def _way(desk: DeskUnderTest) -> list[ConversationId]:
    store, found = desk.desk.parts.store, []
    at = await store.conversations.bound(DM)
    while at is not None and (one := await store.handoffs.of(at)) is not None:
        found.append(at)
        at = one.before
    return found
