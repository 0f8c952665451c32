"""What this process knows of Discord's places: who we are there, which thread is in which channel.

A thread of Discord is a channel with a parent. To us it is `ThreadRef(channel=parent,
root=thread)`, so that the team's rules and the allow-list for proactive messages, which know
channels, hold for the threads in them: a message cannot get into a thread of a channel that is not
listed. A thread that was opened from a message has the id of that message, so a mention's thread
has its address before it is there.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeVar

from adapters.discord import wire
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.value import value

DISCORD = Platform("discord")

THREAD_TYPES = frozenset({10, 11, 12})
"""Threads of announcement channels, public ones, private ones."""
DIRECT = 1
GROUP_DIRECT = 3

_REMEMBERED = 20_000

K = TypeVar("K")
V = TypeVar("V")


@value()
class Place:
    """Where something was said.

    Attributes:
        channel: the channel, or the one that the thread hangs in.
        thread: the thread, or empty.
        direct: it is a direct message to the bot.
    """

    channel: str
    thread: str = ""
    direct: bool = False

    def ref(self, root: str = "") -> ThreadRef:
        """Its address; `root` is the message that a thread is to hang from, where there is none."""
        return ThreadRef(ChannelRef(DISCORD, "", self.channel), self.thread or root)


@dataclass(slots=True)
class Places:
    """What is known. All of it can be asked for again, so it is only remembered.

    Attributes:
        user_id: our bot's user; empty until it is known.
        application_id: our application; empty until it is known.
        own_roles: the roles that mean our bot, one in each server at the most.
    """

    user_id: str = ""
    application_id: str = ""
    own_roles: set[str] = field(default_factory=set)
    _parents: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _names: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _guilds: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _titles: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def learn(self, channel: wire.Channel, guild: str = "") -> None:
        """Remember a channel or a thread."""
        if channel.id is None:
            return
        parent = channel.parent_id if channel.type in THREAD_TYPES else ""
        _keep(self._parents, channel.id, parent or "")
        if guild or channel.guild_id:
            _keep(self._guilds, channel.id, guild or channel.guild_id or "")

    def forget(self, channel: str) -> None:
        """Forget a channel or a thread that was deleted."""
        for known in (self._parents, self._names, self._guilds):
            known.pop(channel, None)

    def renamed(self, channel: str, name: str) -> bool:
        """Remember a channel's name; whether it had another one."""
        before = self._names.get(channel)
        _keep(self._names, channel, name)
        return before is not None and before != name

    def parent(self, channel: str) -> str | None:
        """The channel that the thread hangs in, empty for a channel, None where it is unknown."""
        return self._parents.get(channel)

    def guild(self, channel: str) -> str:
        """The server of the channel, or empty where it is unknown."""
        return self._guilds.get(channel, "")

    def entitle(self, message: str, text: str) -> None:
        """Remember what a message says, for the name of the thread that may be opened from it."""
        _keep(self._titles, message, text[:200])

    def title(self, message: str) -> str | None:
        """What the message says, or None where it is not remembered."""
        return self._titles.get(message)


def person(user: str) -> Principal:
    """A person of Discord, who is the same in every server."""
    return Principal(DISCORD, "", user)


def _keep(known: OrderedDict[K, V], key: K, value: V) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > _REMEMBERED:
        known.popitem(last=False)
