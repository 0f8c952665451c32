"""`/model`: which model answers here."""

from collections.abc import Callable, Mapping

from gateway.access import Action, authorize
from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Request
from runtime.handoffs import Handoffs
from runtime.ids import ModelName
from runtime.model.completion import ModelInfo
from runtime.model.team import Team
from runtime.ports import ModelPort


class ModelCommand:
    """Shows the model of the agent that answers in a thread."""

    def __init__(
        self,
        models: Mapping[ModelName, ModelPort],
        handoffs: Handoffs,
        *,
        team: Callable[[], Team],
    ) -> None:
        """Know `models` by the names that the agents of `team` use."""
        self._models = models
        self._handoffs = handoffs
        self._team = team

    async def __call__(self, _command: ParsedCommand, request: Request) -> Answer:
        """`/model`."""
        team = self._team()
        authorize(team, request.sender, Action.STATUS)
        has, _ = await self._handoffs.who(request.thread)
        agent = team.agent(has) or team.agents[0]
        model = self._models.get(agent.model)
        if model is None:
            return Answer(f"The agent {agent.name} has no model: `{agent.model}` is not set up.")
        return Answer(_words(agent.name, model.info))


def _words(agent: str, info: ModelInfo) -> str:
    if not info.language_model:
        return (
            "**No language model is connected.** The offline assistant answers here: it knows "
            "schedules, runs and help, and nothing else.\n" + info.how_to_connect
        )
    where = "It runs on this machine and costs nothing." if info.local else ""
    context = f"{info.context_tokens:,} tokens of context."
    return f"The agent {agent} uses `{info.name}`: {context} {where}".strip()
