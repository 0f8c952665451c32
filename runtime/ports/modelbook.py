"""What people chose of models, and what is known of their providers."""

from collections.abc import Sequence
from typing import Protocol

from runtime.ids import AgentName
from runtime.model.address import Principal, ThreadRef
from runtime.model.choice import Chosen, Explanation, Outage, Purse

ChoiceScope = ThreadRef | Principal | AgentName | Purse
"""What a choice is for."""


class ModelBook(Protocol):
    """What people chose of models, why the last ones were asked, which providers are out."""

    async def choose(self, chosen: Chosen) -> None:
        """Remember the choice in place of an earlier one for the same."""
        ...

    async def forget(self, scope: ChoiceScope) -> bool:
        """Forget the choice for that; False where there is none."""
        ...

    async def chosen(self, scopes: Sequence[ChoiceScope]) -> list[Chosen]:
        """The choices for those, in their order; what has none is left out."""
        ...

    async def every(self) -> list[Chosen]:
        """Every choice, in no order."""
        ...

    async def explain(self, thread: ThreadRef, explanation: Explanation) -> None:
        """Remember why a model answered in the thread, in place of what was known before.

        What is older than 30 days is forgotten with it.
        """
        ...

    async def explanation(self, thread: ThreadRef) -> Explanation | None:
        """Why the last model was asked in the thread; None where it is not known."""
        ...

    async def take_out(self, outage: Outage) -> bool:
        """Remember that the provider does not take that key; False where it is known already."""
        ...

    async def put_back(self, provider: str) -> bool:
        """Forget the provider's outages; False where there are none."""
        ...

    async def outages(self) -> list[Outage]:
        """Every outage, oldest first."""
        ...
