"""`/link`, `/unlink` and `/whoami`: who somebody is, on one platform and on several."""

from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Request
from runtime.access import account_id, authorize, permitted
from runtime.approvers import name_of
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.ids import Platform
from runtime.model.access import Action
from runtime.model.address import Principal
from runtime.model.localtime import show_time
from runtime.model.team import Team
from runtime.people.firstowner import FirstOwner
from runtime.people.roster import CODE_AGE, Membership, Roster

_UNQUOTED = Platform("telegram")
"""Its ids are numbers, which the configuration takes without quotes."""
_MAY = {
    Action.CONVERSE: "talk to agents",
    Action.SCHEDULE_READ: "see schedules",
    Action.SCHEDULE_WRITE: "make schedules",
    Action.SCHEDULE_STOP: "",
    Action.STOP: "stop what you started",
    Action.STOP_ALL: "stop an agent or everything",
    Action.APPROVAL_READ: "see what waits for a yes",
    Action.APPROVE: "say yes and no for agents",
    Action.POLICY_READ: "see the rules for agents",
    Action.REMIND: "have reminders",
    Action.LINK: "link your accounts",
    Action.MEMBER_READ: "see who is in the team",
    Action.MEMBER_WRITE: "let people in and go",
    Action.CHANNEL_READ: "see the channels",
    Action.CHANNEL_TEST: "test the connections",
    Action.CHANNEL_TRUST: "trust a channel again",
    Action.NOTES: "have agents keep notes",
    Action.SHARED_READ: "see what agents share",
    Action.SHARED_WRITE: "change what agents share",
    Action.POST: "have agents post to channels",
    Action.HAND_OFF: "hand a thread on",
    Action.CHECKPOINT: "have agents stop and ask",
    Action.ASSIGN: "give a thread to any agent",
    Action.BUDGET_READ: "see what was spent",
    Action.BUDGET_LOWER: "lower limits",
    Action.BUDGET_RAISE: "raise limits",
    Action.MODEL_OWN: "choose the model that answers you",
    Action.MODEL_THREAD: "choose the model of a thread",
    Action.MODEL_AGENT: "choose the model of an agent",
    Action.STATUS: "see whether everything works",
    Action.ANY_TOOL: "have agents use any tool",
    Action.TOLD: "be told what needs an owner",
}


class PeopleCommands:
    """Says who people are, and links accounts by one-time codes."""

    def __init__(self, roster: Roster, first: FirstOwner, *, clock: Clock) -> None:
        """Link through `roster`, and take the code of the first owner by `first`."""
        self._roster = roster
        self._first = first
        self._clock = clock

    async def link(self, command: ParsedCommand, request: Request) -> Answer:
        """`/link` asks for a code, `/link <code>` uses it."""
        if command.args:
            return await self._redeem(" ".join(command.args), request)
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

    async def whoami(self, _command: ParsedCommand, request: Request) -> Answer:
        """`/whoami`."""
        team = self._roster.team()
        authorize(team, request.sender, Action.LINK)
        membership = self._roster.membership(request.sender)
        if membership is None:
            raise Refused("You were let go just now.")
        member = membership.member
        others = [account(who) for who in member.principals if who != request.sender]
        may = [_MAY[each] for each in permitted(member.role)]
        lines = [
            f"You are **{member.name}**, {member.role} of {team.name}.",
            f"- Your id here, as nightdesk.toml writes it: `{account(request.sender)}`",
            f"- Your role comes from {self._origin(membership, request, team)}.",
            f"- Your other accounts: {', '.join(f'`{each}`' for each in others) or 'none'}",
            f"- You may {', '.join(word for word in may if word)}.",
        ]
        return Answer("\n".join(lines))

    async def _redeem(self, code: str, request: Request) -> Answer:
        """A code of either kind; that of the first owner counts in a direct message only."""
        self._roster.count_try(request.sender)
        if request.direct:
            owner = await self._first.claim(code, request.sender, key=request.id)
            if owner is not None:
                return Answer(
                    f"You are the owner of {self._roster.team().name} now. The code is used up.\n"
                    "Let others in with `/member add <person> <role> <name>`: each who writes to "
                    "me is told their id. `/whoami` shows what you may do, `/help` what I know."
                )
        member = await self._roster.redeem(code, request.sender)
        return Answer(
            f"Linked: here too you are {member.name} now, with the same rights. "
            "`/unlink` here undoes it."
        )

    def _origin(self, membership: Membership, request: Request, team: Team) -> str:
        said = origin(membership, team, self._clock)
        if membership.anchor == request.sender:
            return said
        return (
            f"your account `{account(membership.anchor)}`, linked by a code, and there from {said}"
        )


def origin(membership: Membership, team: Team, clock: Clock) -> str:
    """Where a membership comes from, in words."""
    said = membership.enrolment
    if said is None:
        return "nightdesk.toml"
    at = show_time(said.at, team.zone, now=clock.now())
    if said.by == said.who:
        return f"the one-time code of the first owner, {at}"
    return f"the chat: {name_of(team, said.by)} said so, {at}"


def account(who: Principal) -> str:
    """The person as the configuration names them: `slack = "T0123ABCD/U0123ABCD"`."""
    quote = "" if who.platform == _UNQUOTED else '"'
    return f"{who.platform} = {quote}{account_id(who)}{quote}"
