"""What is there in the fake Discord: servers, channels, messages, interactions; and its rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from bot.selftest.discord.names import (
    ADA,
    APP,
    BO,
    BOT,
    BOT_ROLE,
    CHANNEL,
    CONTENT_INTENT_FLAG,
    DIRECT,
    FOREIGN_CHANNEL,
    GUILD,
    OTHER_CHANNEL,
    OTHER_GUILD,
    PUBLIC_KEY,
)

EPOCH_MS = 1_420_070_400_000
NONCE_SECONDS = 180.0
"""How long the fake remembers a nonce. Discord says some minutes."""
ACK_SECONDS = 3.0
REPLY_SECONDS = 15 * 60.0
EPHEMERAL = 1 << 6
LOADING = 1 << 7
TEXT, DIRECT_MESSAGE, FORUM, PUBLIC_THREAD = 0, 1, 15, 11
NEEDED = 0x400 | 0x800 | 0x4000 | 0x8000 | 0x10000 | 1 << 35 | 1 << 38
"""View, send, embed, attach, history, open threads, write in them."""

Json = dict[str, Any]


class DiscordSays(Exception):
    """A refusal: the HTTP status, Discord's number and its words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(slots=True)
class Room:
    """A channel or a thread."""

    id: str
    type: int = TEXT
    guild: str = GUILD
    parent: str | None = None
    name: str = "ops"
    locked: bool = False

    def json(self) -> Json:
        """As Discord tells it."""
        made: Json = {"id": self.id, "type": self.type, "name": self.name, "flags": 0}
        if self.guild:
            made |= {"guild_id": self.guild, "permission_overwrites": [], "position": 0}
        if self.type in {PUBLIC_THREAD, TEXT} and self.guild:
            made["parent_id"] = self.parent
        if self.type == PUBLIC_THREAD:
            made["thread_metadata"] = {"archived": False, "locked": self.locked}
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


class World:
    """Everything that is there."""

    def __init__(self, *, now: Callable[[], float]) -> None:
        """Begin with two servers, of which one is the team's."""
        self.now = now
        self.flags = CONTENT_INTENT_FLAG
        self.verify_key = PUBLIC_KEY
        self.endpoint: str | None = None
        self.guilds: dict[str, str] = {GUILD: "Night shift", OTHER_GUILD: "Elsewhere"}
        self.member_of: set[str] = {GUILD, OTHER_GUILD}
        self.rooms: dict[str, Room] = {
            CHANNEL: Room(CHANNEL, name="ops"),
            OTHER_CHANNEL: Room(OTHER_CHANNEL, name="lounge"),
            FOREIGN_CHANNEL: Room(FOREIGN_CHANNEL, guild=OTHER_GUILD, name="general"),
            DIRECT: Room(DIRECT, DIRECT_MESSAGE, guild="", name=""),
        }
        self.direct: dict[str, str] = {ADA: DIRECT}
        self.closed_to_bot: set[str] = {BO}
        """People who take no direct messages."""
        self.messages: list[Posted] = []
        self.asked: dict[str, OpenInteraction] = {}
        self.commands: list[Json] = []
        self.permissions = NEEDED
        self.threads_allowed = True
        self.keeps_nonces = True
        """Whether a message that is read back tells its nonce, which Discord does not promise."""
        self.typing: list[str] = []
        self.nonces: dict[tuple[str, str], tuple[float, Posted]] = {}
        self.heard: Callable[[str, Json], None] = lambda _kind, _data: None
        self._last = 0

    def snowflake(self) -> str:
        """A fresh id."""
        self._last = max(self._last + 1, (int(self.now() * 1000) - EPOCH_MS) << 22)
        return str(self._last)

    def say(
        self,
        text: str,
        *,
        channel: str = CHANNEL,
        user: str = ADA,
        mention: bool = False,
        answers: Posted | None = None,
        **extra: Any,
    ) -> Posted:
        """A person writes; with `mention`, to the bot."""
        content = f"<@{BOT}> {text}" if mention else text
        posted = Posted(self.snowflake(), channel, user, content, extra=extra)
        posted.mentions = [BOT] if mention else []
        if answers is not None:
            posted.type, posted.answers = 19, answers
            posted.reference = {"message_id": answers.id, "channel_id": channel}
        self.messages.append(posted)
        self.tell("MESSAGE_CREATE", posted)
        return posted

    def tell(self, kind: str, posted: Posted) -> None:
        """Let the gateway tell of a message."""
        room, data = self.rooms[posted.channel], posted.json()
        if room.guild:
            data |= {"guild_id": room.guild, "member": {"roles": []}}
        self.heard(kind, data)

    def open_thread(self, channel: str, *, message: str | None = None, name: str = "talk") -> Room:
        """A thread is opened, from a message or by itself."""
        thread = message or self.snowflake()
        room = Room(thread, PUBLIC_THREAD, self.rooms[channel].guild, channel, name)
        self.rooms[thread] = room
        self.heard("THREAD_CREATE", room.json())
        return room

    def interaction(
        self,
        kind: int,
        data: Json | None = None,
        *,
        channel: str = CHANNEL,
        user: str = ADA,
        message: Posted | None = None,
        **fields: Any,
    ) -> Json:
        """A person uses a command, a button or a form: the payload that Discord sends."""
        room = self.rooms[channel]
        number = self.snowflake()
        token = f"aW50ZXJhY3Rpb246{number}"
        asked = OpenInteraction(number, token, channel, user, kind, self.now())
        self.asked[token] = asked
        payload: Json = {
            "id": number,
            "application_id": APP,
            "type": kind,
            "token": token,
            "version": 1,
            "channel_id": channel,
            "channel": room.json(),
            "locale": "en-US",
            "entitlements": [],
            "app_permissions": str(self.permissions),
            "context": 0 if room.guild else 1,
            "authorizing_integration_owners": {"0": room.guild or "0"},
        }
        if data is not None:
            payload["data"] = data
        if room.guild:
            payload |= {
                "guild_id": room.guild,
                "member": {"user": person(user), "roles": [], "permissions": "0"},
            }
        else:
            payload["user"] = person(user)
        if message is not None:
            asked.message = message.id
            payload["message"] = message.json()
        return payload | fields

    def visible(self, channel: str | None = None) -> list[Posted]:
        """What the bot has shown, oldest first."""
        return [
            one
            for one in self.messages
            if one.author == BOT and not one.flags & LOADING and channel in {None, one.channel}
        ]

    def acknowledge(self, token: str, answer: Json) -> None:
        """The bot's first answer to an interaction.

        Raises:
            DiscordSays: it is not the first, or comes too late.
        """
        asked = self.asked.get(token)
        if asked is None or self.now() - asked.at > ACK_SECONDS:
            raise DiscordSays(404, 10_062, "Unknown interaction")
        if asked.answered is not None:
            raise DiscordSays(400, 40_060, "Interaction has already been acknowledged.")
        asked.answered, asked.shown = int(answer["type"]), answer
        data = answer.get("data") or {}
        if asked.answered in {4, 5}:
            flags = int(data.get("flags", 0)) | (LOADING if asked.answered == 5 else 0)
            made = self._reply(asked, data.get("content", ""), flags)
            asked.original = made.id
        elif asked.answered in {6, 7}:
            asked.original = asked.message

    def reply(self, token: str) -> OpenInteraction:
        """The interaction of a webhook token.

        Raises:
            DiscordSays: there is none that takes replies now.
        """
        asked = self.asked.get(token)
        if asked is None or asked.answered is None:
            raise DiscordSays(404, 10_015, "Unknown Webhook")
        if self.now() - asked.at > REPLY_SECONDS:
            raise DiscordSays(401, 50_027, "Invalid Webhook Token")
        return asked

    def follow_up(self, asked: OpenInteraction, args: Json) -> Posted:
        """One more message to an interaction.

        Directly after a deferral it fills in the reply that was put off, whoever may see that.
        """
        for posted in self.messages:
            if posted.id == asked.original and posted.flags & LOADING:
                self.change(posted, {**args, "flags": 4 | posted.flags & EPHEMERAL})
                return posted
        made = self._reply(asked, args.get("content") or "", int(args.get("flags") or 0))
        self.change(made, args)
        return made

    def _reply(self, asked: OpenInteraction, content: str, flags: int) -> Posted:
        made = Posted(self.snowflake(), asked.channel, BOT, content, bot=True, flags=flags)
        made.seen_by = asked.user if flags & EPHEMERAL else None
        self.messages.append(made)
        return made

    def change(self, posted: Posted, args: Json) -> None:
        """Write into a message what a request says."""
        posted.content = args.get("content") or posted.content
        posted.components = args.get("components", posted.components) or []
        posted.flags = (posted.flags & ~LOADING) | int(args.get("flags") or 0)
        if "attachments" in args:  # what it does not list is taken away, and we list what is new
            posted.files = []
        posted.files += args.get("files", [])

    def enter(self, channel: str, *, write: bool = False) -> Room:
        """The channel, if the bot may be there.

        Raises:
            DiscordSays: it may not, or there is none.
        """
        room = self.rooms.get(channel)
        if room is None:
            raise DiscordSays(404, 10_003, "Unknown Channel")
        if room.guild and room.guild not in self.member_of:
            raise DiscordSays(403, 50_001, "Missing Access")
        if room.locked and write:
            raise DiscordSays(400, 160_005, "Thread is locked")
        if write and room.type == FORUM:
            raise DiscordSays(400, 50_008, "Cannot send messages in a non-text channel")
        return room

    def message(self, channel: str, message: str) -> Posted:
        """A message that everybody sees.

        Raises:
            DiscordSays: there is none.
        """
        for posted in self.messages:
            if (posted.channel, posted.id) == (channel, message) and posted.seen_by is None:
                return posted
        raise DiscordSays(404, 10_008, "Unknown Message")

    def post(self, channel: str, args: Json) -> Posted:
        """A message of the bot, or the one that had its nonce before."""
        nonce = args.get("nonce")
        known = self.nonces.get((channel, str(nonce))) if nonce else None
        if known and args.get("enforce_nonce") and self.now() - known[0] < NONCE_SECONDS:
            return known[1]
        posted = Posted(self.snowflake(), channel, BOT, "", bot=True)
        posted.reference = args.get("message_reference")
        self.change(posted, args)
        self.messages.append(posted)
        if nonce:
            self.nonces[channel, str(nonce)] = (self.now(), posted)
            posted.nonce = str(nonce) if self.keeps_nonces else None
        self.tell("MESSAGE_CREATE", posted)
        return posted

    def guild(self, guild: str) -> Json:
        """A server, as the gateway tells it."""
        rooms = [room for room in self.rooms.values() if room.guild == guild]
        return {
            "id": guild,
            "name": self.guilds[guild],
            "owner_id": ADA,
            "unavailable": False,
            "roles": [
                {"id": guild, "name": "@everyone", "permissions": str(self.permissions)},
                {"id": BOT_ROLE, "name": "nightdesk", "permissions": "0", "tags": {"bot_id": BOT}},
            ],
            "channels": [room.json() for room in rooms if room.type != PUBLIC_THREAD],
            "threads": [room.json() for room in rooms if room.type == PUBLIC_THREAD],
            "members": [],
        }


def refusal(says: DiscordSays) -> tuple[int, Json]:
    """The answer to a request that was refused."""
    return HTTPStatus(says.status), {"code": says.code, "message": says.message}
