"""`/link` and `/unlink`: one person on several platforms."""

from gateway.access import Action, authorize
from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Request
from runtime.people import CODE_AGE, Roster


class PeopleCommands:
    """Links accounts by one-time codes."""

    def __init__(self, roster: Roster) -> None:
        """Link through `roster`."""
        self._roster = roster

    async def link(self, command: ParsedCommand, request: Request) -> Answer:
        """`/link` asks for a code, `/link <code>` uses it."""
        if command.args:
            member = await self._roster.redeem(" ".join(command.args), request.sender)
            return Answer(
                f"Linked: here too you are {member.name} now, with the same rights. "
                "`/unlink` here undoes it."
            )
        authorize(self._roster.team(), request.sender, Action.LINK)
        code = await self._roster.offer(request.sender)
        minutes = int(CODE_AGE.total_seconds() // 60)
        return Answer(
            f"Your code is `{code}`. In a direct message to me on the other platform, write "
            f"`link {code}` within {minutes} minutes. Whoever says it has your rights, so show it "
            "to nobody. It works once."
        )

    async def unlink(self, _command: ParsedCommand, request: Request) -> Answer:
        """`/unlink`."""
        authorize(self._roster.team(), request.sender, Action.LINK)
        await self._roster.unlink(request.sender)
        return Answer("This account is no longer linked.")
