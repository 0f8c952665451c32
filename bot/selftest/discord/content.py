"""What is in the fake Discord, each as Discord tells it: channels, messages, people."""

from dataclasses import dataclass, field
from typing import Any

from bot.selftest.discord.names import BOT, GUILD

TEXT, DIRECT_MESSAGE, FORUM, PUBLIC_THREAD = 0, 1, 15, 11

Json = dict[str, Any]


@dataclass(slots=True)
class Room:
    """A channel or a thread."""

    id: str
    type: int = TEXT
    guild: str = GUILD
    parent: str | None = None
    name: str = "ops"
    locked: bool = False
    archived: bool = False

    def json(self) -> Json:
        """As Discord tells it."""
        made: Json = {"id": self.id, "type": self.type, "name": self.name, "flags": 0}
        if self.guild:
            made |= {"guild_id": self.guild, "permission_overwrites": [], "position": 0}
        if self.type in {PUBLIC_THREAD, TEXT} and self.guild:
            made["parent_id"] = self.parent
        if self.type == PUBLIC_THREAD:
            made["thread_metadata"] = {"archived": self.archived, "locked": self.locked}
        return made


@dataclass(slots=True)
class Posted:
    """A message."""

    id: str
    channel: str
    author: str
    content: str
    bot: bool = False
    flags: int = 0
    type: int = 0
    nonce: str | None = None
    components: list[Json] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    reference: Json | None = None
    answers: "Posted | None" = None
    mentions: list[str] = field(default_factory=list)
    extra: Json = field(default_factory=dict)
    edits: int = 0
    seen_by: str | None = None
    """The only person who sees it, or None for everybody."""

    @property
    def buttons(self) -> list[str]:
        """The custom ids of its buttons."""
        return [one["custom_id"] for row in self.components for one in row["components"]]

    def json(self, *, depth: int = 0) -> Json:
        """As Discord tells it."""
        made: Json = {
            "id": self.id,
            "channel_id": self.channel,
            "author": person(self.author, bot=self.bot),
            "content": self.content,
            "type": self.type,
            "flags": self.flags,
            "timestamp": "2026-01-05T08:00:00+00:00",
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "pinned": False,
            "mentions": [person(user, bot=user == BOT) for user in self.mentions],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "components": self.components,
        }
        if self.nonce is not None:
            made["nonce"] = self.nonce
        if self.reference is not None:
            made["message_reference"] = self.reference
        if self.answers is not None and depth == 0:
            made["referenced_message"] = self.answers.json(depth=1)
        return made | self.extra


@dataclass(slots=True)
class OpenInteraction:
    """An interaction that we sent out and that waits for its answer."""

    id: str
    token: str
    channel: str
    user: str
    kind: int
    at: float
    message: str | None = None
    answered: int | None = None
    original: str | None = None
    shown: Json | None = None


def person(user: str, *, bot: bool = False) -> Json:
    """A user as Discord tells it."""
    made = {"id": user, "username": f"user{user[-3:]}", "discriminator": "0", "avatar": None}
    return {**made, "bot": True} if bot else made
