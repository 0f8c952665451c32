"""A desk with several agents that hand threads to each other, as a script says."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from adapters.memory.store import MemoryStore
from adapters.models.scripted import Step, ToolCalls
from runtime.ids import AgentName, TimeOrderedIds
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Role
from runtime.model.handoff import Handoff
from runtime.model.team import Agent, Team
from runtime.ports import Policy, Verdict
from tests.support.approving import Asking, Rules, World, people
from tests.support.build import DM
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import running_desk

Says = Callable[[ModelRequest], Step]
"""What an agent says to what it is asked."""


def hands(to: str, task: str = "find out", context: str = "") -> Says:
    """An agent that hands everything on; what the tool refuses it tells."""

    def say(request: ModelRequest) -> Step:
        if told := answers_of(request):
            return f"Told: {told[-1]}"
        return ToolCalls.of(
            "handoff.to", json.dumps({"agent": to, "task": task, "context": context})
        )

    return say


def answers_of(request: ModelRequest) -> list[str]:
    """What tools answered in this turn."""
    turn = request.entries[-1].turn
    return [e.text for e in request.entries if e.role is Role.TOOL and e.turn == turn]


def asked_of(request: ModelRequest) -> str:
    """What the turn is to answer."""
    return next(e.text for e in reversed(request.entries) if e.role is Role.USER)


def says(text: str) -> Says:
    """An agent that says the same to everything."""
    return lambda _request: text


@dataclass
class Agents:
    """What outlives a life: the agents, what each says, and whom each may hand to."""

    home: Path | MemoryStore
    reach: Mapping[str, Sequence[str]]
    say: dict[str, Says]
    verdict: Verdict = Verdict.ALLOW
    clock: ManualClock = field(default_factory=ManualClock)
    chat: MemoryChat = field(default_factory=MemoryChat)
    alone: bool = True
    requests: list[tuple[str, ModelRequest]] = field(default_factory=list)
    policy: Policy | None = None

    def team(self) -> Team:
        model = people().agents[0].model
        agents = [
            Agent(
                name=AgentName(name),
                model=model,
                instructions=name,
                hands_to=tuple(map(AgentName, reach)),
            )
            for name, reach in self.reach.items()
        ]
        return replace(people(), agents=tuple(agents))

    def script(self, request: ModelRequest) -> Step:
        name = request.instructions.partition("\n")[0]
        self.requests.append((name, request))
        return self.say[name](request)

    @asynccontextmanager
    async def life(self) -> AsyncIterator[Asking]:
        """One life of the program."""
        async with running_desk(
            self.home,
            self.script,
            chat=self.chat,
            clock=self.clock,
            members=self.team(),
            policy=self.policy or Rules(self.verdict),
            alone=self.alone,
        ) as desk:
            world = World(Path(), clock=self.clock, chat=self.chat)
            yield Asking(world, desk)


def in_memory(clock: ManualClock) -> MemoryStore:
    """A home that is quick, and outlives each life."""
    return MemoryStore(clock=clock, ids=TimeOrderedIds(clock))


async def way(life: Asking) -> list[Handoff]:
    """The hand-offs of the direct conversation, the first one first."""
    store = life.desk.desk.parts.store
    found = []
    at = await store.conversations.bound(DM)
    while at is not None and (one := await store.handoffs.of(at)) is not None:
        found.append(one)
        at = one.before
    return found[::-1]
