"""What became known of a channel since the team configured it."""

from datetime import datetime

from runtime.model.address import ChannelRef
from runtime.model.events import ChannelChange
from runtime.model.value import value


@value(kw_only=True)
class ChannelState:
    """What the platform told of a channel.

    Attributes:
        channel: the channel.
        name: its name by now, for showing only; empty where the platform told none.
        change: why nothing is posted there unasked; None where the channel is trusted.
        detail: what the platform told beside it, for people: the other organisation, the new id.
        since: when that became known; None where the channel is trusted.
    """

    channel: ChannelRef
    name: str = ""
    change: ChannelChange | None = None
    detail: str = ""
    since: datetime | None = None
