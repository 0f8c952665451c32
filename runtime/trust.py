"""What follows from a change of a channel: whether it is trusted, and what the owners are told.

Nothing is posted unasked to a channel that was shared with another organisation, that moved or
that the bot was removed from, until an owner says `/channel trust`. A channel that is archived is
trusted again when it is unarchived. A new name is only shown.
"""

from collections.abc import Callable
from datetime import datetime

from runtime.ids import derived
from runtime.model.address import ChannelRef, Principal
from runtime.model.events import ChannelChange, ChannelChanged
from runtime.model.team import Team
from runtime.model.trust import ChannelState
from runtime.model.value import value
from runtime.ports import ChannelTrust

_LONGEST_DETAIL = 100


@value()
class OwnerNotice:
    """Something that the owners are to hear.

    Attributes:
        key: the same for the same thing, which is said once.
        text: CommonMark.
    """

    key: str
    text: str


class TrustService:
    """Keeps what becomes known of channels."""

    def __init__(self, trust: ChannelTrust, *, team: Callable[[], Team]) -> None:
        """Keep it in `trust`, for the channels of `team`."""
        self._trust = trust
        self._team = team

    async def note(
        self, channel: ChannelRef, changed: ChannelChanged, *, at: datetime
    ) -> OwnerNotice | None:
        """Keep a change that was told at that time; what the owners are to hear of it, or None.

        Again, with the same time, changes nothing and says the same.
        """
        detail = changed.detail[:_LONGEST_DETAIL]
        match changed.change:
            case ChannelChange.RENAMED:
                await self._trust.rename(channel, detail)
                return None
            case ChannelChange.UNARCHIVED:
                await self._trust.trust(channel, only=ChannelChange.ARCHIVED)
                return None
            case ChannelChange.UNSHARED | ChannelChange.BOT_ADDED:
                return await self._better(channel, changed.change)
            case _:
                state = await self._trust.distrust(channel, changed.change, detail=detail, now=at)
                return self._worse(state)

    async def trust(self, channel: ChannelRef, by: Principal) -> bool:
        """Trust the channel again, as that owner says; False where it was trusted."""
        return await self._trust.trust(channel, by=by)

    async def of(self, channel: ChannelRef) -> ChannelState | None:
        """What is known of the channel."""
        return await self._trust.of(channel)

    async def all(self) -> dict[ChannelRef, ChannelState]:
        """Everything that is known."""
        return {state.channel: state for state in await self._trust.all()}

    async def _better(self, channel: ChannelRef, change: ChannelChange) -> OwnerNotice | None:
        """The reason for distrust is gone, and only an owner takes the distrust away."""
        reason = {
            ChannelChange.UNSHARED: ChannelChange.SHARED,
            ChannelChange.BOT_ADDED: ChannelChange.BOT_REMOVED,
        }[change]
        if change is ChannelChange.BOT_ADDED:
            # Whoever was added somewhere is in the workspace again.
            await self._trust.trust(ChannelRef(channel.platform, channel.workspace, ""))
        state = await self._trust.of(channel)
        if state is None or state.change is not reason or self._name(state) is None:
            return None
        now = {
            ChannelChange.UNSHARED: "is no longer shared with another organisation",
            ChannelChange.BOT_ADDED: "has the bot again",
        }[change]
        name = self._name(state)
        text = f"{name} {now}. I post there unasked again once you say `/channel trust {name}`."
        return OwnerNotice(_key(state, change), text)

    def _worse(self, state: ChannelState) -> OwnerNotice | None:
        if not state.channel.channel:
            where = f"{state.channel.platform} workspace {state.channel.workspace}"
            text = f"The app was removed from the {where}: I hear and say nothing there any more."
            return OwnerNotice(_key(state, ChannelChange.BOT_REMOVED), text)
        name = self._name(state)
        if name is None or state.change is None:
            return None
        text = f"{name} {happened(state)}. I post nothing there unasked"
        if state.change is ChannelChange.ARCHIVED:
            text += " until it is unarchived."
        elif state.change is ChannelChange.MOVED:
            text += (
                f" any more: put the new id, `{state.detail}`, in the place of "
                f"`{state.channel.channel}` in nightdesk.toml."
            )
        else:
            text += f" until you say `/channel trust {name}`."
        return OwnerNotice(_key(state, state.change), text)

    def _name(self, state: ChannelState) -> str | None:
        """The channel as the team calls it; None where the team does not use it."""
        rule = self._team().rule_of(state.channel)
        return f"#{rule.name.removeprefix('#')}" if rule else None


def happened(state: ChannelState) -> str:
    """What happened to a distrusted channel: `was shared with another organisation (T0ACME)`."""
    beside = f" ({state.detail})" if state.detail else ""
    match state.change:
        case ChannelChange.SHARED:
            return f"was shared with another organisation{beside}"
        case ChannelChange.MOVED:
            return f"moved to another id{beside}"
        case ChannelChange.BOT_REMOVED:
            return f"is a channel that the bot was removed from{beside}"
        case ChannelChange.ARCHIVED:
            return "was deleted" if state.detail == "deleted" else "was archived"
        case _:
            return "is trusted"


def _key(state: ChannelState, change: ChannelChange) -> str:
    place = state.channel
    since = state.since.isoformat() if state.since else ""
    return derived("channel", place.platform, place.workspace, place.channel, change, since)
