"""The tool by which an agent stops at a gate, and asks people whether it may go on."""

from collections.abc import Callable, Mapping
from typing import Annotated

from runtime.approvals import checkpoints
from runtime.model.access import Action
from runtime.model.checkpoint import CHECKPOINT, LONGEST_DONE, LONGEST_THEN, LONGEST_TITLE
from runtime.model.team import Team
from runtime.model.tools import Json, Risk
from runtime.model.value import value
from runtime.ports import Approvals, ToolContext
from runtime.signature import Arguments
from runtime.tools.registry import Effect, Tool


@value()
class CheckpointTools:
    """The function of the tool.

    Attributes:
        approvals: what people said.
        team: the configuration as it is now, for their names.
    """

    approvals: Approvals
    team: Callable[[], Team]

    def tools(self) -> tuple[Tool, ...]:
        """The tools, for the registry."""
        return (
            Tool(
                name=CHECKPOINT,
                about="Stop here and ask people whether you may go on: say what you did and what "
                "comes next after a yes. You wait for their answer, however long it takes. After "
                "anything but a yes, do nothing of what was to come next.",
                run=self.ask,
                needs=Action.CHECKPOINT,
                risk=Risk.READ,
                effect=Effect.NONE,
                exact=self.exact,
            ),
        )

    async def exact(self, arguments: Arguments, _context: ToolContext) -> Mapping[str, Json]:
        """What people are shown of it: without blanks around.

        Raises:
            Refused: something is empty, or too long.
        """
        return {**checkpoints.tidy(arguments)}

    async def ask(
        self,
        context: ToolContext,
        _key: str,
        /,
        *,
        title: Annotated[str, f"What this is about, at most {LONGEST_TITLE} characters."],
        done: Annotated[str, f"What you did so far, at most {LONGEST_DONE} characters."],
        then: Annotated[
            str, f"What you do next if a person says yes, at most {LONGEST_THEN} characters."
        ],
    ) -> str:
        """`checkpoint.ask`. It runs when people said yes, and tells the agent who did.

        Raises:
            Refused: nobody did.
        """
        asked = await self.approvals.of_turn(context.turn)
        said = {"title": title, "done": done, "then": then}
        return checkpoints.answer(asked, said, self.team())
