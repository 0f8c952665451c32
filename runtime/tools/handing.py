"""The tools that end a turn: hand it to another agent, or say that the task is done."""

from typing import Annotated

from runtime.errors import Refused
from runtime.handoffs import Handoffs
from runtime.ids import AgentName
from runtime.model.access import Action
from runtime.model.ending import Ending, HandTo
from runtime.model.handoff import LONGEST_CONTEXT, LONGEST_TASK
from runtime.model.tools import Risk
from runtime.model.value import value
from runtime.ports import ToolContext
from runtime.tools.grants import HAND_OFF
from runtime.tools.registry import Effect, Produced, Tool

LONGEST_OUTCOME = 20_000
"""Characters of an outcome."""


@value()
class HandingTools:
    """The functions of the tools.

    Attributes:
        handoffs: says what may be handed over, and to whom.
    """

    handoffs: Handoffs

    def tools(self) -> tuple[Tool, ...]:
        """The tools, for the registry."""
        return (
            Tool(
                name=HAND_OFF,
                about="Hand this task to another agent of the team, which goes on with it here for "
                "the same person. It ends your turn: call nothing else with it.",
                run=self.hand_over,
                needs=Action.HAND_OFF,
                risk=Risk.WRITE,
                effect=Effect.OWN,
            ),
            Tool(
                name="task.complete",
                about="End the task with its outcome, which is what the person reads. A thread "
                "that was handed to you for it goes back to who gave it. Call nothing else with "
                "it.",
                run=self.complete,
                needs=Action.CONVERSE,
                risk=Risk.WRITE,
                effect=Effect.OWN,
            ),
        )

    async def hand_over(
        self,
        about: ToolContext,
        _key: str,
        /,
        *,
        agent: Annotated[str, "The name of the agent that is to go on."],
        task: Annotated[str, f"What it is to do, at most {LONGEST_TASK} characters."],
        context: Annotated[
            str, f"What it has to know for that, at most {LONGEST_CONTEXT} characters."
        ] = "",
    ) -> Produced:
        """`handoff.to`. Nothing has happened yet when it returns: it happens as the turn ends."""
        wish = self.handoffs.require(
            about.agent,
            HandTo(to=AgentName(agent), task=task, context=context),
            chain=about.chain,
            requester=about.requester,
        )
        return Produced(f"{wish.to} goes on with this.", ending=Ending(hands=wish))

    async def complete(
        self,
        context: ToolContext,
        _key: str,
        /,
        *,
        outcome: Annotated[str, "What came of it, for the person to read."],
    ) -> Produced:
        """`task.complete`."""
        del context
        if not outcome.strip():
            raise Refused("The outcome is empty: say what came of it.")
        if len(outcome) > LONGEST_OUTCOME:
            raise Refused(
                f"The outcome has {len(outcome):,} characters; {LONGEST_OUTCOME:,} is the most.",
                hint="Send what is longer as a file, with file.send.",
            )
        return Produced("The task ends here.", ending=Ending(outcome=outcome.strip()))
