"""What became known of channels, in memory."""

from dataclasses import replace
from datetime import datetime

from adapters.memory.audit import MemoryAudit
from runtime.model import recorded
from runtime.model.address import ChannelRef, Principal
from runtime.model.events import ChannelChange
from runtime.model.trust import ChannelState


class MemoryChannelTrust:
    """`runtime.ports.ChannelTrust` in memory."""

    def __init__(self, audit: MemoryAudit) -> None:
        self._audit = audit
        self._states: dict[ChannelRef, ChannelState] = {}

    async def of(self, channel: ChannelRef) -> ChannelState | None:
        """What is known of the channel: see the port."""
        return self._states.get(channel)

    async def all(self) -> list[ChannelState]:
        """Every channel of which something became known: see the port."""
        return list(self._states.values())

    async def distrust(
        self, channel: ChannelRef, change: ChannelChange, *, detail: str, now: datetime
    ) -> ChannelState:
        """Trust the channel no more: see the port."""
        state = self._states.get(channel) or ChannelState(channel=channel)
        if state.change in {None, ChannelChange.ARCHIVED}:
            state = replace(state, change=change, detail=detail, since=now)
            self._states[channel] = state
            self._audit.record(recorded.channel_distrusted(channel, change))
        return state

    async def trust(
        self,
        channel: ChannelRef,
        *,
        only: ChannelChange | None = None,
        by: Principal | None = None,
    ) -> bool:
        """Trust the channel again: see the port."""
        state = self._states.get(channel)
        if state is None or state.change is None or only not in {None, state.change}:
            return False
        self._states[channel] = ChannelState(channel=channel, name=state.name)
        self._audit.record(recorded.channel_trusted(channel, by))
        return True

    async def rename(self, channel: ChannelRef, name: str) -> None:
        """Remember the channel's name: see the port."""
        state = self._states.get(channel) or ChannelState(channel=channel)
        self._states[channel] = replace(state, name=name)
