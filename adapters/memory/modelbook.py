"""What people chose of models, in memory: the twin of what is in a database."""

from collections.abc import Sequence
from datetime import timedelta

from runtime.model.address import ThreadRef
from runtime.model.choice import Chosen, Explanation, Outage
from runtime.ports import ChoiceScope

_KEPT = timedelta(days=30)


class MemoryModelBook:
    """`runtime.ports.ModelBook` in memory."""

    def __init__(self) -> None:
        self._chosen: dict[ChoiceScope, Chosen] = {}
        self._explanations: dict[ThreadRef, Explanation] = {}
        self._outages: dict[tuple[str, str], Outage] = {}

    async def choose(self, chosen: Chosen) -> None:
        """Remember a choice: see the port."""
        self.keep(chosen)

    def keep(self, chosen: Chosen) -> None:
        """The same, as a part of another transaction."""
        self._chosen[chosen.scope] = chosen

    async def forget(self, scope: ChoiceScope) -> bool:
        """Forget a choice: see the port."""
        return self._chosen.pop(scope, None) is not None

    async def chosen(self, scopes: Sequence[ChoiceScope]) -> list[Chosen]:
        """The choices for those: see the port."""
        return [self._chosen[scope] for scope in scopes if scope in self._chosen]

    async def every(self) -> list[Chosen]:
        """Every choice: see the port."""
        return list(self._chosen.values())

    async def explain(self, thread: ThreadRef, explanation: Explanation) -> None:
        """Remember why a model answered: see the port."""
        self._explanations[thread] = explanation
        known = self._explanations.items()
        before = explanation.at - _KEPT
        self._explanations = {thread: kept for thread, kept in known if kept.at >= before}

    async def explanation(self, thread: ThreadRef) -> Explanation | None:
        """Why a model answered: see the port."""
        return self._explanations.get(thread)

    async def take_out(self, outage: Outage) -> bool:
        """Remember an outage: see the port."""
        key = (outage.provider, outage.credential)
        if key in self._outages:
            return False
        self._outages[key] = outage
        return True

    async def put_back(self, provider: str) -> bool:
        """Forget the provider's outages: see the port."""
        before = len(self._outages)
        self._outages = {key: kept for key, kept in self._outages.items() if key[0] != provider}
        return len(self._outages) < before

    async def outages(self) -> list[Outage]:
        """Every outage: see the port."""
        return sorted(self._outages.values(), key=lambda o: (o.since, o.provider, o.credential))
