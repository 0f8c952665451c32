"""Whose money a command is about: a team, an agent, a schedule, a person, as people write them."""

from collections.abc import Callable, Iterable

from gateway.commands.ports import Request
from gateway.commands.words import picked_channel
from runtime.asking import named_target
from runtime.errors import Refused
from runtime.ids import AgentName
from runtime.model.meter import Period, Scope
from runtime.model.schedule import ScheduleState
from runtime.model.team import Member, Team
from runtime.money.spenders import is_paid, known_purses, subject_of_channel, subject_of_principal
from runtime.ports import Store

EXAMPLES = "For example: /budget set team 5 day, or /budget raise schedule 3 25 %"
COST_EXAMPLE = "For example: /cost agent desk"
_SCOPES = {
    "team": Scope.ORGANISATION,
    "organisation": Scope.ORGANISATION,
    "organization": Scope.ORGANISATION,
    "all": Scope.ORGANISATION,
    "everything": Scope.ORGANISATION,
    **{str(scope): scope for scope in Scope},
}
_ALONE = {Scope.ORGANISATION, Scope.RUN, Scope.WORKFLOW}
"""What has no name behind it."""
_EVERY = frozenset({"each", "every", "any"})
_LONGEST_NUMBER = 9
_WORDS = {False: ("that has a budget", EXAMPLES), True: ("whose cost is counted", COST_EXAMPLE)}


class Subjects:
    """Finds whose money is meant."""

    def __init__(
        self, store: Store, *, team: Callable[[], Team], providers: Callable[[], Iterable[str]]
    ) -> None:
        """Find it among the schedules of `store`, in `team`, and among `providers` of models."""
        self._store = store
        self._team = team
        self._providers = providers

    async def find(
        self, words: list[str], request: Request, *, spent: bool = False
    ) -> tuple[Scope, str, list[str]]:
        """Whose money is meant, and the words that follow; an empty subject means each of them.

        For a thread that is the one where it is asked, which the caller knows. With `spent` it is
        asked what was spent, and a refusal speaks of that and not of a limit.

        Raises:
            Refused: there is no such thing; says what there is.
        """
        what, example = _WORDS[spent]
        scope = _SCOPES.get(words[0].casefold()) if words else None
        if scope is None and words and self._team().agent(AgentName(words[0])) is not None:
            return Scope.AGENT, words[0], words[1:]
        if scope is None:
            said = f"“{words[0][:40]}”" if words else "Nothing"
            raise Refused(
                f"{said} is nothing {what}.",
                hint="It is team, agent, schedule, run, workflow, channel, thread, person or "
                "provider. " + example,
            )
        rest = words[1:]
        if scope in _ALONE or (scope is Scope.THREAD and not (rest and rest[0] in _EVERY)):
            return scope, "", rest
        if not rest:
            raise Refused(f"Which {scope}? Its name is missing.", hint=example)
        if rest[0].casefold() in _EVERY:
            return scope, "", rest[1:]
        return scope, await self._subject(scope, rest[0], request), rest[1:]

    async def _subject(self, scope: Scope, name: str, request: Request) -> str:
        team = self._team()
        match scope:
            case Scope.SCHEDULE:
                number = name.removeprefix("#")
                fits = number.isdecimal() and number.isascii() and len(number) <= _LONGEST_NUMBER
                found = await self._store.schedules.get(int(number)) if fits else None
                if found is None or found.state is ScheduleState.DELETED:
                    raise Refused(
                        f"There is no schedule “{name[:20]}”.", hint="See /schedule list."
                    )
                return found.id
            case Scope.CHANNEL:
                return subject_of_channel(
                    named_target(team, picked_channel(name), request.thread).thread.channel
                )
            case Scope.PERSON:
                return subject_of_principal(_member(team, name).principals[0])
            case Scope.AGENT:
                agents = [str(agent.name) for agent in team.agents]
                if name not in agents:
                    there = ", ".join(agents)
                    raise Refused(f"There is no agent “{name[:40]}”.", hint=f"There are: {there}.")
                return name
            case _:
                return await self._provider(name)

    async def _provider(self, name: str) -> str:
        """One whose models are set up, at one address or at all; or that was paid before."""
        names = [one for one in self._providers() if one]
        if is_paid(name, names) or await self._store.ledger.series(
            Scope.PROVIDER, name, Period.MONTH, currency=self._team().budget.currency, limit=1
        ):
            return name
        known = known_purses(names)
        there = f"There are: {', '.join(known)}." if known else "No model of one is set up."
        raise Refused(f"There is no provider “{name[:40]}”.", hint=there)


def _member(team: Team, name: str) -> Member:
    wanted = name.removeprefix("@").casefold()
    found = [one for one in team.members if one.name.casefold() == wanted and one.principals]
    if len(found) != 1:
        problem = "Several people are" if found else "Nobody is"
        names = ", ".join(member.name for member in team.members)
        raise Refused(f"{problem} called “{name[:40]}” here.", hint=f"There are: {names}.")
    return found[0]
