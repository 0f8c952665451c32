"""`/member`: list, add, role, remove."""

from collections.abc import Callable

from gateway.commands.grammar import ParsedCommand
from gateway.commands.people import account, origin
from gateway.commands.ports import Answer, Request
from runtime.access import authorize
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.model.access import Action
from runtime.model.address import Principal
from runtime.model.member import Enrolment
from runtime.model.team import Member, MemberRole
from runtime.model.value import value
from runtime.people.firstowner import FirstOwner
from runtime.people.members import ChangeRequest, MemberService, named
from runtime.people.roster import Roster

ReadPerson = Callable[[str, Principal], Principal]
"""The person that a word names, as somebody writes it; raises `Refused` where it is no id."""


@value(kw_only=True)
class PeopleServices:
    """What commands about people act through.

    Attributes:
        roster: who is who.
        members: changes the list of the chat.
        first: takes the code of the first owner.
        read: reads whom a word names.
        alone: no other process changes who is who.
    """

    roster: Roster
    members: MemberService
    first: FirstOwner
    read: ReadPerson
    alone: bool = True

    async def look(self) -> None:
        """Know who is who as the database has it now, where others change it too."""
        if not self.alone:
            await self.roster.refresh()


class MemberCommands:
    """The commands of the noun `member`."""

    def __init__(self, people: PeopleServices, *, clock: Clock) -> None:
        """Show and change the team through `people`."""
        self._roster = people.roster
        self._members = people.members
        self._read = people.read
        self._clock = clock

    async def __call__(self, command: ParsedCommand, request: Request) -> Answer:
        """Carry out one of them."""
        reads = command.verb == "list"
        asking = ChangeRequest(by=request.sender, key=request.id)
        if reads:
            authorize(self._roster.team(), request.sender, Action.MEMBER_READ)
            return self._list()
        # The rest is judged by the service: carried out again after a crash, roles may be others.
        authorize(self._roster.team(), request.sender, Action.CONVERSE)
        who, rest = self._person(command.args, request)
        match command.verb:
            case "add":
                role, name = _role(rest[0]), " ".join(rest[1:])
                return _added(await self._members.add(who, role, name, asking))
            case "role":
                return _changed(await self._members.change(who, _role(rest[0]), asking))
            case _:
                return _removed(await self._members.remove(who, asking))

    def _person(self, args: tuple[str, ...], request: Request) -> tuple[Principal, tuple[str, ...]]:
        """Who is named first, and what follows; `slack: T1/U2` may have its space."""
        first, *rest = args
        if first.endswith(":") and rest:
            first = f"{first}{rest.pop(0)}"
        return self._read(first, request.sender), (*rest, *[""] * (not rest))

    def _list(self) -> Answer:
        team = self._roster.team()
        lines = [f"**{team.name}**", *map(self._line, team.members)]
        lines.append("`/member add <person> <role> [name]` lets somebody in.")
        return Answer("\n".join(lines))

    def _line(self, member: Member) -> str:
        accounts = ", ".join(f"`{account(who)}`" for who in member.principals) or "no account"
        membership = self._roster.membership(member.principals[0]) if member.principals else None
        source = origin(membership, self._roster.team(), self._clock) if membership else ""
        return f"- {member.name}, **{member.role}**: {accounts} ({source or 'nightdesk.toml'})"


def _role(written: str) -> MemberRole:
    try:
        return MemberRole(written.casefold())
    except ValueError:
        what = f"There is no role “{written[:40]}”." if written else "The role is missing."
        raise Refused(what, hint=f"There are: {', '.join(MemberRole)}.") from None


def _added(said: Enrolment) -> Answer:
    return Answer(
        f"{said.name} (`{named(said.who)}`) is {said.role} from now on. "
        f"Undo: `/member remove {named(said.who)}`.",
        private=False,
    )


def _changed(said: Enrolment) -> Answer:
    return Answer(
        f"{said.name} (`{named(said.who)}`) is {said.role} from now on, and was {said.was}. "
        f"Undo: `/member role {named(said.who)} {said.was}`.",
        private=False,
    )


def _removed(said: Enrolment) -> Answer:
    return Answer(
        f"{said.name} (`{named(said.who)}`) was {said.was}, and is let go: I do not hear them any "
        "more, their reminders rest, and their schedules pause at their next time. "
        f"Undo: `/member add {named(said.who)} {said.was} {said.name}`.",
        private=False,
    )
