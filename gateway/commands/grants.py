"""`/approve grants` and `/approve revoke`: what people allowed for a time."""

from collections.abc import Callable

from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Request
from runtime.approvals import cards
from runtime.approvals.patterns import in_words
from runtime.approvals.service import ApprovalService
from runtime.approvers import name_of
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.model.localtime import show_time
from runtime.model.team import Team

_LONGEST_NUMBER = 9


class GrantCommands:
    """The verbs of the noun `approve` that are about grants."""

    def __init__(self, service: ApprovalService, *, team: Callable[[], Team], clock: Clock) -> None:
        """Show and end what `service` keeps."""
        self._service = service
        self._team = team
        self._clock = clock

    async def list(self, command: ParsedCommand) -> Answer:
        """What is allowed now, oldest first, from the number on that is written."""
        since = _number(command.args[0]) if command.args else 0
        grants, more = await self._service.grants(since)
        if not grants:
            after = f" from number {since} on" if since else ""
            return Answer(f"Nothing is allowed for a time{after}.")
        team, now = self._team(), self._clock.now()
        lines = [
            f"- **{one.number}** {one.agent} may run `{one.frozen.tool}` until "
            f"{show_time(one.expires_at, team.zone, now=now)}, allowed by "
            f"{name_of(team, one.given_by)}: {in_words(one.pattern)}.\n"
            f"```\n{cards.shown(one.frozen)}\n```"
            + (f"\n**It covers nothing now**: {ended}." if ended else "")
            for one, ended in grants
        ]
        if more:
            following = grants[-1][0].number + 1
            lines.append(f"And {more} more: `/approve grants {following}` shows them.")
        return Answer("**Allowed for a time**\n" + "\n".join(lines))

    async def revoke(self, written: str, request: Request) -> Answer:
        """End the grant of that number."""
        number = _number(written)
        who = request.sender
        try:
            tool = (await self._service.revoke(number, who)).frozen.tool
        except Refused:
            # A crash has a command carried out again: what it ended is ended.
            tool = await self._service.decided.revoked(number, who, since=request.at)
            if not tool:
                raise
        return Answer(f"Revoked: `{tool}` is asked for again, each time.", private=False)


def _number(written: str) -> int:
    """The number of a grant that a person wrote.

    Raises:
        Refused: it is none.
    """
    number = written.removeprefix("#")
    if not (number.isdecimal() and number.isascii() and len(number) <= _LONGEST_NUMBER):
        raise Refused(f"“{written[:20]}” is no grant's number.", hint="See /approve grants.")
    return int(number)
