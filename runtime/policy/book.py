"""The policy as it is now: the team's layer, and one for each agent that has rules of its own."""

from collections.abc import Mapping
from dataclasses import field

from runtime.ids import AgentName
from runtime.model.value import value
from runtime.policy.rules import Layer, Preset


@value(kw_only=True)
class PolicyBook:
    """The layers.

    Attributes:
        team: what holds for every agent.
        agents: what holds for one agent besides.
    """

    team: Layer = field(default_factory=lambda: Layer(name="team", preset=Preset.READ_ONLY))
    agents: Mapping[AgentName, Layer] = field(default_factory=dict)

    def layers(self, agent: AgentName) -> tuple[Layer, ...]:
        """The layers for an agent, from the highest to the lowest."""
        own = self.agents.get(agent)
        return (self.team,) if own is None else (self.team, own)
