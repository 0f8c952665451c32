"""Where something is said, and who says it. Values, never joined strings."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NewType
from urllib.parse import quote, unquote

from runtime.ids import MessageId, Platform


@dataclass(frozen=True, slots=True, order=True)
class ChannelRef:
    """A channel of a workspace: a Slack channel, a direct message, a Telegram chat, a room.

    Attributes:
        platform: which platform.
        workspace: the platform's id of the workspace (Slack team id); empty where it has none.
        channel: the platform's id of the channel, never its name.
    """

    platform: Platform
    workspace: str
    channel: str

    def __hash__(self) -> int:
        """Of the part that tells channels apart: they are looked up all the time."""
        return hash(self.channel)


@dataclass(frozen=True, slots=True, order=True)
class ThreadRef:
    """A thread of a channel: the address of one conversation.

    Attributes:
        channel: the channel it is in.
        root: the message that the thread hangs from; empty for the channel itself, which is the
            conversation of a direct message and the place of a new proactive message.
    """

    channel: ChannelRef
    root: str = ""

    def __hash__(self) -> int:
        """Of the parts that tell threads apart."""
        return hash((self.root, self.channel.channel))

    @property
    def platform(self) -> Platform:
        """The platform of the channel."""
        return self.channel.platform

    def under(self, message: MessageId) -> "ThreadRef":
        """The thread that hangs from that message of the same channel."""
        return replace(self, root=str(message))


@dataclass(frozen=True, slots=True, order=True)
class Principal:
    """Who did something, as the platform's signed event names them; never taken from text.

    Attributes:
        platform: the platform that vouches for the person.
        workspace: the workspace the person belongs to (not the one they write in).
        user: the platform's id of the person, never a display name.
    """

    platform: Platform
    workspace: str
    user: str

    def __hash__(self) -> int:
        """Of the part that tells people apart."""
        return hash(self.user)


PersonKey = NewType("PersonKey", str)
"""A principal as one short text, `slack/T1/U1`, for what is read by the dozen: a log's entries.

Nothing but `principal_of` takes it apart.
"""


@lru_cache(maxsize=1_024)
def key_of(who: Principal) -> PersonKey:
    """The principal's text; each has one of its own, whatever its ids are made of."""
    return PersonKey("/".join(map(_part, (who.platform, who.workspace, who.user))))


@lru_cache(maxsize=1_024)
def principal_of(key: PersonKey) -> Principal:
    """The principal that `key_of` made the text of."""
    platform, workspace, user = map(unquote, key.split("/"))
    return Principal(Platform(platform), workspace, user)


def _part(text: str) -> str:
    return text if text.isalnum() and text.isascii() else quote(text, safe="")
