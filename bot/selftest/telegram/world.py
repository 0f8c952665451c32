"""What is there in the fake Telegram: chats, messages, updates that wait, what the bot has set."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from bot.selftest.telegram.names import ADA, BASIC, BOB, BOT, FORUM, GROUP, USERNAME

Fields = dict[str, Any]


@dataclass(slots=True)
class Posted:
    """A message of the bot.

    Attributes:
        chat: where it is.
        id: its number there.
        text: what it says, or stands under its file.
        entities: what looks otherwise in that.
        topic: the topic that it is in, or None.
        reply_to: the message that it answers, or None.
        buttons: the buttons' texts and what they carry.
        file: the name of its file, or empty.
        content: the bytes of its file.
        edits: how often it was edited.
    """

    chat: int
    id: int
    text: str = ""
    entities: list[Fields] = field(default_factory=list)
    topic: int | None = None
    reply_to: int | None = None
    buttons: list[tuple[str, str]] = field(default_factory=list)
    file: str = ""
    content: bytes = b""
    edits: int = 0


@dataclass(slots=True)
class Webhook:
    """Where updates are to be posted."""

    url: str = ""
    secret: str = ""
    kinds: list[str] = field(default_factory=list)
    failed_at: float = 0.0
    failure: str = ""


@dataclass(slots=True)
class World:
    """Everything that the fake knows.

    Attributes:
        now: the time, in seconds since 1970.
        posted: the bot's messages, in order.
        updates: what happened and was not confirmed yet.
        webhook: where updates go.
        blocked: people who have blocked the bot or never opened a chat with it.
        drafts: previews, by chat and number, each state in order.
        actions: chats that were shown "typing".
        presses: the ids of presses that were answered.
        menus: the commands by scope.
        files: the bytes of files by id.
        rights: what the bot is in a chat, where it is no ordinary member.
        privacy: the bot hears only what is meant for it, in groups.
        moved: groups that became supergroups, and their new ids.
    """

    now: Callable[[], float]
    posted: list[Posted] = field(default_factory=list)
    updates: deque[Fields] = field(default_factory=deque)
    webhook: Webhook = field(default_factory=Webhook)
    blocked: set[int] = field(default_factory=lambda: {BOB})
    drafts: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    actions: list[int] = field(default_factory=list)
    presses: list[str] = field(default_factory=list)
    menus: dict[str, list[Fields]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    rights: dict[int, Fields] = field(default_factory=dict)
    privacy: bool = True
    moved: dict[int, int] = field(default_factory=dict)
    _chats: dict[int, Fields] = field(default_factory=dict)
    _said: dict[tuple[int, int], Fields] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _next_update: int = 500

    def __post_init__(self) -> None:
        """Make the chats that are there from the start."""
        for person, name in ((ADA, "Ada"), (BOB, "Bob")):
            self._chats[person] = {"id": person, "type": "private", "first_name": name}
        self._chats[GROUP] = {"id": GROUP, "type": "supergroup", "title": "Ops"}
        self._chats[FORUM] = {
            "id": FORUM,
            "type": "supergroup",
            "title": "Forum",
            "is_forum": True,
        }
        self._chats[BASIC] = {"id": BASIC, "type": "group", "title": "Basic"}

    @property
    def me(self) -> Fields:
        """Who the bot is."""
        return {
            "id": BOT,
            "is_bot": True,
            "first_name": "Nightdesk",
            "username": USERNAME,
            "can_join_groups": True,
            "can_read_all_group_messages": not self.privacy,
            "supports_inline_queries": False,
        }

    def person(self, user: int) -> Fields:
        """A person."""
        return {"id": user, "is_bot": False, "first_name": "Ada" if user == ADA else f"U{user}"}

    def chat(self, chat: int) -> Fields | None:
        """A chat, or None where there is none that the bot can see."""
        return self._chats.get(chat)

    def add_chat(self, chat: int, **fields: object) -> None:
        """Make a further chat."""
        self._chats[chat] = {"id": chat, "type": "supergroup", "title": f"Chat {chat}", **fields}

    def message(self, chat: int, message: int) -> Fields | None:
        """A message of the chat, whoever wrote it."""
        return self._said.get((chat, message))

    def visible(self, chat: int | None = None) -> list[Posted]:
        """The bot's messages, of one chat or of all."""
        return [posted for posted in self.posted if chat in (None, posted.chat)]

    def write(
        self, chat: int, sender: Fields, *, topic: int | None, reply_to: int | None, **fields: Any
    ) -> Fields:
        """Keep a message as Telegram shows it in updates and results."""
        number = next(self._numbers)
        said: Fields = {
            "message_id": number,
            "date": int(self.now()),
            "chat": self._chats[chat],
            "from": sender,
            **fields,
        }
        answered = self._said.get((chat, reply_to)) if reply_to is not None else None
        if answered is not None:
            # The message that is answered comes along without what it answers itself.
            said["reply_to_message"] = {
                name: value for name, value in answered.items() if name != "reply_to_message"
            }
        if topic is not None:
            said |= {"message_thread_id": topic, "is_topic_message": True}
        elif answered is not None and self._chats[chat]["type"] == "supergroup":
            said["message_thread_id"] = answered.get("message_thread_id", answered["message_id"])
        self._said[chat, number] = said
        return said

    def happen(self, **kind: object) -> Fields:
        """Something happened: an update that waits to be taken."""
        update = {"update_id": self._next_update, **kind}
        self._next_update += 1
        self.updates.append(update)
        return update
