"""Who is who, and which channels are trusted."""

from datetime import datetime
from typing import Protocol

from runtime.model.address import ChannelRef, Principal
from runtime.model.events import ChannelChange
from runtime.model.member import Enrolled, Enrolment
from runtime.model.trust import ChannelState
from runtime.model.value import value


@value(kw_only=True)
class Link:
    """Who somebody is on a further platform, as a one-time code showed.

    Attributes:
        who: the person there.
        anchor: the same person as the team's configuration names them.
        linked_at: since when.
    """

    who: Principal
    anchor: Principal
    linked_at: datetime


class People(Protocol):
    """Who is who over the platforms, beside what the configuration says."""

    async def links(self) -> list[Link]:
        """Every link, oldest first."""
        ...

    async def offer(
        self, code: str, anchor: Principal, *, now: datetime, expires_at: datetime
    ) -> None:
        """Remember the hash of a one-time code of that person; their earlier ones end."""
        ...

    async def redeem(self, code: str, who: Principal, *, now: datetime) -> Principal | None:
        """Use the code of that hash up, and link `who` to the person it was given to.

        None, and no link, where there is none, where it was used or where it is too old.
        """
        ...

    async def unlink(self, who: Principal) -> bool:
        """Forget the link of `who`; False where there is none."""
        ...


class Members(Protocol):
    """People who were made members in the chat, and the code that makes the first owner."""

    async def all(self) -> list[Enrolment]:
        """Everybody who is a member by it, by name; not those who were let go."""
        ...

    async def get(self, who: Principal) -> Enrolment | None:
        """What was last said of the person, also that they were let go; None for nothing."""
        ...

    async def put(self, enrolment: Enrolment, *, owned: bool) -> Enrolled:
        """Write what is said of the person now, where their role still is `enrolment.was`.

        Args:
            enrolment: what is said.
            owned: the team has an owner beside the list, so that the list need keep none. Else
                its last owner stays owner, however many are changed at the same moment.
        """
        ...

    async def offer(self, code: str, slot: str, *, expires_at: datetime) -> None:
        """Remember the hash of a code that makes an owner; that slot's earlier one ends."""
        ...

    async def withdraw(self) -> None:
        """Forget every such code."""
        ...

    async def claim(self, code: str, enrolment: Enrolment, *, now: datetime) -> bool:
        """Use the code of that hash up, every other with it, and write the enrolment.

        False, and nothing is written, where there is none or where it is too old.
        """
        ...


class ChannelTrust(Protocol):
    """What became known of channels, and whether they are still trusted with what nobody asked."""

    async def of(self, channel: ChannelRef) -> ChannelState | None:
        """What is known of the channel, or None where nothing became known."""
        ...

    async def all(self) -> list[ChannelState]:
        """Every channel of which something became known."""
        ...

    async def distrust(
        self, channel: ChannelRef, change: ChannelChange, *, detail: str, now: datetime
    ) -> ChannelState:
        """Trust the channel no more because of the change; returns what holds from now on.

        A channel that is distrusted already keeps its first reason and its time; one that is only
        `ARCHIVED` takes the new one.
        """
        ...

    async def trust(
        self,
        channel: ChannelRef,
        *,
        only: ChannelChange | None = None,
        by: Principal | None = None,
    ) -> bool:
        """Trust the channel again; with `only`, where that is the reason why it is not trusted.

        `by` is who wants it so; None where the platform told that the reason is gone.
        False where it was not distrusted so.
        """
        ...

    async def rename(self, channel: ChannelRef, name: str) -> None:
        """Remember the channel's name by now."""
        ...
