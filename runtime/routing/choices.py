"""What people chose of models, why the last ones were asked, and which providers are out."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import timedelta

from runtime.clock import Clock
from runtime.errors import Retryable
from runtime.ids import AgentName, ModelName
from runtime.model.address import Principal, ThreadRef
from runtime.model.choice import Chosen, Explanation, Outage, Purse
from runtime.model.completion import ModelInfo
from runtime.model.meter import Scope
from runtime.model.team import Team
from runtime.money.spenders import (
    purse_of,
    subject_of_channel,
    subject_of_person,
    subject_of_thread,
    vendor_of,
)
from runtime.ports import ChoiceScope, ModelBook
from runtime.routing.providers import Providers

log = logging.getLogger("nightdesk.models")

TELLING = timedelta(days=1)
"""For so long after a key was refused it is made sure that the owners hear of it. It is less than
any message is kept, and what is kept is not said twice."""
LOOK_EVERY = 60.0
"""Seconds between two looks at what other processes know of providers."""
_THREADS = 1_000

TellOwners = Callable[[str, str], Awaitable[bool]]
"""Tells every owner, once for each key."""


class Choices:
    """What is stored about models.

    A process that is alone reads the choices once and keeps them, for it alone changes them; one
    among many asks the database.
    """

    def __init__(
        self,
        book: ModelBook,
        providers: Providers,
        *,
        team: Callable[[], Team],
        clock: Clock,
        alone: bool,
        tell_owners: TellOwners,
    ) -> None:
        """Keep what people choose.

        Args:
            book: where it is stored.
            providers: learns which are out.
            team: who is who.
            clock: the clock.
            alone: no other process writes to the database.
            tell_owners: says that a provider does not take a key.
        """
        self._book = book
        self._providers = providers
        self._team = team
        self._clock = clock
        self._alone = alone
        self._tell = tell_owners
        self._kept: dict[ChoiceScope, Chosen] | None = None
        self._switches: set[ChoiceScope] = set()
        self._changed = 0
        self._looked: float | None = None
        self._told: dict[ThreadRef, Explanation] = {}
        self._untaken: dict[tuple[str, str], tuple[Outage, ModelName]] = {}
        self._untold: dict[Outage, ModelName] = {}
        self._seen: set[Outage] = set()

    # ---- what people choose

    async def for_call(
        self, thread: ThreadRef | None, asker: Principal, agent: AgentName
    ) -> list[Chosen]:
        """What was chosen for the thread, its channel, the person and the agent, in that order.

        Before all that is older stands what cards about money switched, the latest first.
        """
        if self._alone and self._kept is not None and not self._kept:
            return []  # most teams leave it to the configuration
        scopes: list[ChoiceScope] = []
        if thread is not None:
            scopes += [thread, *([ThreadRef(thread.channel)] if thread.root else [])]
        scopes += [self.person(asker), agent]
        return switched_first(await self._chosen(scopes + self._purses(thread, asker, agent)))

    async def switched(self, provider: str) -> list[Chosen]:
        """What cards about money switched of what would be paid to the provider, the latest first.

        That of the provider itself, and that of all its addresses.
        """
        names = (purse_of(provider), vendor_of(provider))
        found = await self._chosen([Purse(Scope.PROVIDER, name) for name in names])
        return switched_first(found)

    async def switch_back(self) -> int:
        """Take back whatever cards about money switched; returns how many of them."""
        scopes = [one.scope for one in await self._book.every() if isinstance(one.scope, Purse)]
        return sum([await self.forget(scope) for scope in scopes])

    def _purses(
        self, thread: ThreadRef | None, asker: Principal, agent: AgentName
    ) -> list[ChoiceScope]:
        """Whose spending the call is, as far as it is known before it is known who is paid."""
        if self._alone and self._kept is not None and not self._switches:
            return []
        purses = [
            Purse(Scope.ORGANISATION),
            Purse(Scope.AGENT, agent),
            Purse(Scope.PERSON, subject_of_person(self._team(), asker)),
        ]
        if thread is not None:
            purses.append(Purse(Scope.CHANNEL, subject_of_channel(thread.channel)))
            purses.append(Purse(Scope.THREAD, subject_of_thread(thread)))
        return [*purses]

    async def _chosen(self, scopes: list[ChoiceScope]) -> list[Chosen]:
        """The choices for those, in their order."""
        if not self._alone:
            return await self._book.chosen(scopes)
        kept = self._kept
        if kept is None:
            before = self._changed
            kept = {chosen.scope: chosen for chosen in await self._book.every()}
            if self._changed == before:  # else they were read before the change: not kept
                self._kept = kept
                self._switches = {scope for scope in kept if isinstance(scope, Purse)}
        return [kept[scope] for scope in scopes if scope in kept]

    def person(self, who: Principal) -> Principal:
        """The person under the account that stands for all of theirs."""
        member = self._team().member_of(who)
        return member.principals[0] if member and member.principals else who

    def choice(self, scope: ChoiceScope, model: ModelName, *, by: Principal) -> Chosen:
        """What lets the model answer from now on, once it is stored."""
        return Chosen(scope=scope, model=model, by=by, at=self._clock.now())

    def read_again(self) -> None:
        """Something else may have stored a choice: the database knows."""
        self._changed += 1
        self._kept = None

    async def choose(self, scope: ChoiceScope, model: ModelName, *, by: Principal) -> None:
        """Let the model answer from now on."""
        chosen = self.choice(scope, model, by=by)
        await self._book.choose(chosen)
        self._changed += 1
        if self._kept is not None:
            self._kept[scope] = chosen
        if isinstance(scope, Purse):
            self._switches.add(scope)

    async def forget(self, scope: ChoiceScope) -> bool:
        """Let the router choose again; False where nothing was chosen."""
        forgotten = await self._book.forget(scope)
        self._changed += 1
        if self._kept is not None:
            self._kept.pop(scope, None)
        self._switches -= {scope}
        return forgotten

    # ---- why

    async def explain(self, thread: ThreadRef, explanation: Explanation) -> None:
        """Remember why a model was asked; written where it is another reason than before."""
        known = self._told.get(thread)
        if known is not None and replace(known, at=explanation.at) == explanation:
            return
        self._told[thread] = explanation
        while len(self._told) > _THREADS:
            del self._told[next(iter(self._told))]
        await self._book.explain(thread, explanation)

    async def why(self, thread: ThreadRef) -> Explanation | None:
        """Why the last model was asked in the thread; None where that was never in question."""
        return await self._book.explanation(thread)

    # ---- providers

    @property
    def settled(self) -> bool:
        """Whether a look would find nothing new, nor anything to be said again."""
        seen = self._alone and self._looked is not None
        return seen and not self._untaken and not self._untold

    async def look(self, models: Iterable[ModelInfo]) -> None:
        """Learn which providers of the models are out, as any process found it."""
        now = self._clock.monotonic()
        if self._looked is not None and (self._alone or now - self._looked < LOOK_EVERY):
            await self._note()
            return
        self._looked = now
        out = {(o.provider, o.credential): o for o in await self._book.outages()}
        known = {(info.provider, info.credential): info for info in models}
        for key, info in known.items():
            if key not in out and self._providers.refused(info):
                self._providers.put_back(info.provider)
        # After that: putting a provider back forgets all of its keys.
        for provider, credential in out.keys() & known.keys():
            outage = out[provider, credential]
            self._providers.refuse(provider, credential, outage.why)
            if outage not in self._seen and self._clock.now() - outage.since < TELLING:
                # Whoever took it out may have ended before it told anybody.
                self._untold[outage] = known[provider, credential].name
            self._seen.add(outage)
        await self._note()

    async def refused(self, info: ModelInfo, why: str) -> None:
        """The provider did not take the key: owners are told once, and no chat."""
        outage = Outage(
            provider=info.provider, credential=info.credential, why=why, since=self._clock.now()
        )
        self._untaken[info.provider, info.credential] = outage, info.name
        await self._note()

    async def _note(self) -> None:
        """Store what was refused and tell of it; what cannot be done now is tried at each look."""
        try:
            for key, (outage, model) in list(self._untaken.items()):
                taken = await self._book.take_out(outage)
                self._untaken.pop(key, None)
                if taken:
                    self._seen.add(outage)
                    self._untold[outage] = model
            for outage, model in list(self._untold.items()):
                await self._tell_of(outage, model)
                self._untold.pop(outage, None)
        except Retryable as error:
            log.warning("model.not_noted", extra={"why": str(error)})

    async def _tell_of(self, outage: Outage, model: ModelName) -> None:
        await self._tell(
            f"model-key {outage.provider} {outage.credential} {outage.since.isoformat()}",
            f"**{outage.provider} does not take the key of `{model}`**: {outage.why}. I ask its "
            "models no more. Correct the key and start again, or, where it was not the key, "
            f"write `/model retry {outage.provider}`.",
        )

    async def put_back(self, provider: str) -> bool:
        """Ask the provider's models again; False where it was not out."""
        for key in [key for key in self._untaken if key[0] == provider]:
            del self._untaken[key]
        stored = await self._book.put_back(provider)
        return self._providers.put_back(provider) or stored


def switched_first(chosen: list[Chosen]) -> list[Chosen]:
    """What cards about money switched before all that was chosen earlier; the rest as it is."""
    switches = [one for one in chosen if isinstance(one.scope, Purse)]
    if not switches:
        return chosen
    switches.sort(key=lambda one: one.at, reverse=True)
    others = [one for one in chosen if not isinstance(one.scope, Purse)]
    later = [one for one in others if one.at > switches[0].at]
    return [*later, *switches, *(one for one in others if one not in later)]
