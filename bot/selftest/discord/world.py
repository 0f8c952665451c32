"""What is there in the fake Discord: servers, channels, messages, interactions; and its rules."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from bot.selftest.discord.content import (
    DIRECT_MESSAGE,
    FORUM,
    PUBLIC_THREAD,
    Json,
    OpenInteraction,
    Posted,
    Room,
    person,
)
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
NEEDED = 0x400 | 0x800 | 0x4000 | 0x8000 | 0x10000 | 1 << 35 | 1 << 38
"""View, send, embed, attach, history, open threads, write in them."""


class DiscordSays(Exception):
    """A refusal: the HTTP status, Discord's number and its words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


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
