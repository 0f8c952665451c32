"""Where something is said: chats, topics, and chains of replies where a group has no topics.

The root of a thread is `t` and the number of the topic, or the number of the message that a chain
of replies begins with, or nothing in a private chat without topics. The messages of a forum's
"General" are in no topic, as the Bot API has it: they form chains like those of other groups.
"""

from collections import OrderedDict
from functools import lru_cache

from adapters.telegram import wire
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef

TELEGRAM = Platform("telegram")
GENERAL = 1
"""The number of a forum's first topic, which may not be named when sending."""

_TOPIC = "t"
_REMEMBERED = 10_000


class Chains:
    """Which message belongs to which chain of replies, as far as this process saw it.

    Telegram says of a reply in a supergroup which chain it is in. In a basic group it says only
    which message is answered, so the chain is known by having seen that message.
    """

    def __init__(self) -> None:
        self._roots: OrderedDict[tuple[int, int], str] = OrderedDict()

    def note(self, chat: int, message: int, root: str) -> None:
        """Remember that the message is in the chain."""
        self._roots[chat, message] = root
        if len(self._roots) > _REMEMBERED:
            self._roots.popitem(last=False)

    def of(self, message: wire.Message) -> str:
        """The root of the thread that the message is in."""
        if message.is_topic_message and message.message_thread_id:
            return f"{_TOPIC}{message.message_thread_id}"
        if message.chat.type == "private":
            return ""
        root = self._of(message)
        self.note(message.chat.id, message.message_id, root)
        return root

    def _of(self, message: wire.Message) -> str:
        if message.message_thread_id:
            return str(message.message_thread_id)
        chat, answered = message.chat.id, message.reply_to_message
        if answered is not None:
            return self._roots.get((chat, answered.message_id), str(answered.message_id))
        return self._roots.get((chat, message.message_id), str(message.message_id))


@lru_cache(maxsize=4096)
def channel(chat: int) -> ChannelRef:
    """The channel that a chat is. Telegram has no workspaces.

    Few are spoken in often, and this is on the way of every update.
    """
    return ChannelRef(TELEGRAM, "", str(chat))


@lru_cache(maxsize=4096)
def thread(chat: int, root: str) -> ThreadRef:
    """The thread, the same object again: every update looks for what is known of it thrice."""
    return ThreadRef(channel(chat), root)


@lru_cache(maxsize=4096)
def person(user: int) -> Principal:
    """The person of that id."""
    return Principal(TELEGRAM, "", str(user))


def chat_of(thread: ThreadRef) -> int:
    """The chat that the thread is in; 0, which no chat is, where it is no number."""
    text = thread.channel.channel
    return int(text) if text.removeprefix("-").isdecimal() else 0


def topic_of(thread: ThreadRef) -> int | None:
    """The topic to name when sending, or None."""
    topic = _number(thread.root.removeprefix(_TOPIC)) if thread.root[:1] == _TOPIC else None
    return None if topic == GENERAL else topic


def answered_in(thread: ThreadRef) -> int | None:
    """The message to answer to when sending, or None."""
    return _number(thread.root)


def is_private(chat: int) -> bool:
    """Whether the chat is a person's; groups have negative ids."""
    return chat > 0


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None
