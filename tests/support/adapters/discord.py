"""Discord: signed interactions, the real listener at the fake gateway, and the real outbound side."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from adapters.discord.inbound import DiscordInbound
from adapters.discord.listener import DiscordListener
from adapters.discord.outbound import DiscordChat
from adapters.discord.places import DISCORD, Places, person
from adapters.discord.probe import Expected
from adapters.discord.render import is_growing
from bot.platforms.discord import grammar
from bot.selftest.discord.content import Json
from bot.selftest.discord.names import ADA, BO, CHANNEL, DIRECT, GUILD, PUBLIC_KEY, TOKEN
from bot.selftest.discord.sender import DiscordSender, command, press, submission
from bot.selftest.discord.server import Fault
from gateway.verify.discord import DiscordVerifier
from runtime.clock import SystemClock
from runtime.forms import FORMS, form_for
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.events import Challenge, Inbound, Parsed
from runtime.model.wire import RawRequest
from runtime.ports import FetchesFiles
from tests.support.adapters import quiet
from tests.support.adapters.harness import (
    FILE_BYTES,
    WAIT,
    Act,
    Background,
    Harness,
    Kind,
    Payload,
    Seen,
    Trouble,
    bytes_of,
)
from tests.support.clock import ManualClock
from tests.support.discord_program import restored_sdk
from tests.support.eventually import eventually
from tests.support.fake_discord import FakeDiscord

_METHODS = {
    Act.POST: "POST /channels/{channel_id}/messages",
    Act.DRAFT: "POST /channels/{channel_id}/messages",
    Act.EDIT: "PATCH /channels/{channel_id}/messages/{message_id}",
    Act.GROW: "PATCH /channels/{channel_id}/messages/{message_id}",
    Act.LOOK: "GET /channels/{channel_id}/messages",
    Act.PRIVATE: "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/@original",
}
INTERACTION = "interaction"
_SENTINEL = "SENTINEL"


class _Hurried(SystemClock):
    """The time of day, with pauses that are over at once."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(min(seconds, 0.02))


class DiscordHarness(Harness):
    platform: ClassVar[Platform] = DISCORD
    differences: ClassVar[Mapping[str, str]] = {
        "A13": "Where the command's own reply is no longer taken, it goes into the person's direct "
        "messages; who takes none is told so, and nothing else.",
    }

    def __init__(self, clock: ManualClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self.discord = FakeDiscord(now=self._now)
        self.discord.heard = lambda kind, data: self._told.append((kind, data))
        self._told: list[tuple[str, Json]] = []
        self._sender = DiscordSender(self._now)
        self._verify = DiscordVerifier([PUBLIC_KEY], clock)
        self._listening: Background | None = None
        self._heard: list[Inbound] = []
        self._frames = 0
        self._stack = ExitStack()

    def _now(self) -> float:
        return self.clock.now().timestamp()

    async def start(self) -> None:
        self._stack.enter_context(restored_sdk())
        await self.discord.start()
        await self._open()

    async def _open(self) -> None:
        self._chat = DiscordChat(
            TOKEN,
            clock=self.clock,
            places=Places(),
            base_url=self.discord.url,
            read=bytes_of,
            expected=Expected(guilds=(GUILD,), grammar=grammar().wanted()),
        )
        await self._chat.open()
        self._inbound = DiscordInbound(
            self._chat.places, guilds=frozenset({GUILD}), grammar=grammar(), form_for=form_for
        )

    async def _close(self) -> None:
        if self._listening is not None:
            await self._listening.stop()
            self._listening = None
        await self._chat.close()

    async def stop(self) -> None:
        await self._close()
        await self.discord.stop()
        self._stack.close()

    async def restart(self) -> None:
        await self._close()
        await self._open()

    @property
    def chat(self) -> DiscordChat:
        return self._chat

    @property
    def files(self) -> FetchesFiles:
        return self._chat

    @property
    def channel(self) -> ThreadRef:
        return ThreadRef(ChannelRef(DISCORD, "", CHANNEL))

    @property
    def people(self) -> Sequence[Principal]:
        return person(ADA), person(BO)

    @property
    def secrets(self) -> Sequence[str]:
        return TOKEN, *self.discord.asked

    # ---- inbound

    async def _payload(self, kind: Kind, text: str, thread: ThreadRef, user: str) -> Payload:
        world = self.discord
        match kind:
            case Kind.COMMAND:
                data = command(*text.split())
                return Payload(INTERACTION, world.interaction(2, data, user=user))
            case Kind.FORM:
                return Payload(INTERACTION, await self._form(user))
            case Kind.THREAD_REPLY:
                if thread.root not in world.rooms:
                    world.open_thread(CHANNEL, message=thread.root)
                world.say(text, channel=thread.root, user=user)
            case Kind.DIRECT:
                world.say(text, channel=DIRECT, user=user)
            case Kind.MENTION:
                world.say(text, user=user, mention=True)
            case Kind.BARE:
                said = {"id": world.snowflake(), "channel_id": DIRECT, "content": text}
                return _frame("MESSAGE_CREATE", said | {"author": {"id": user}})
            case Kind.JOIN | Kind.BOT_REMOVED | Kind.UNKNOWN:
                return self._happening(kind, user)
            case _:
                world.say(text, user=user)
        return self._altered(kind, text, *self._told[-1])

    def _altered(self, kind: Kind, text: str, name: str, data: Json) -> Payload:
        """The message as it is told where it is not just a message."""
        match kind:
            case Kind.EDIT:
                return _frame("MESSAGE_UPDATE", data)
            case Kind.DELETE:
                ids = {"id": data["id"], "channel_id": CHANNEL, "guild_id": GUILD}
                return _frame("MESSAGE_DELETE", ids)
            case Kind.BOT:
                return _frame(name, data | {"author": data["author"] | {"bot": True}})
            case Kind.QUOTED:
                snapshot = {"message": {"content": text, "embeds": [], "attachments": []}}
                return _frame(name, data | {"content": "", "message_snapshots": [snapshot]})
            case Kind.FILE:
                file = {
                    "id": "1",
                    "filename": "report.csv",
                    "content_type": "text/csv",
                    "size": len(FILE_BYTES),
                    "url": self.discord.file_url("report.csv", FILE_BYTES),
                }
                return _frame(name, data | {"attachments": [file]})
            case _:
                return _frame(name, data)

    def _happening(self, kind: Kind, user: str) -> Payload:
        if kind is Kind.JOIN:
            joined = {"guild_id": GUILD, "user": {"id": user, "username": "ada"}, "roles": []}
            return _frame("GUILD_MEMBER_ADD", joined)
        if kind is Kind.BOT_REMOVED:
            return _frame("GUILD_DELETE", {"id": GUILD})
        return _frame("BRAND_NEW_EVENT", {"guild_id": GUILD})

    async def _form(self, user: str) -> Json:
        asked = self.discord.interaction(2, command("schedule", "create"), user=user)
        [shown] = await self.take(Payload(INTERACTION, asked))
        assert isinstance(shown, Challenge)
        answers = {field.name: f"the {field.name}" for field in FORMS[0].fields}
        data = submission(json.loads(shown.answer)["data"]["custom_id"], **answers)
        return self.discord.interaction(5, data, user=user)

    async def press(self, seen: Seen, label: str, *, user: str = "") -> Payload:
        posted = next(p for p in self.discord.messages if p.id == seen.id)
        [found] = [b for row in posted.components for b in row["components"] if b["label"] == label]
        data = press(posted, found["custom_id"])
        made = self.discord.interaction(
            3, data, message=posted, channel=posted.channel, user=user or ADA
        )
        return Payload(INTERACTION, made)

    async def take(self, payload: Payload) -> list[Parsed]:
        if payload.route != INTERACTION:
            return [*await self._listen(payload.route, payload.body)]
        signed = self._sender.signed(payload.body)
        headers = {name.lower(): value for name, value in signed.headers.items()}
        verified = self._verify(RawRequest(headers, signed.body))
        assert verified is not None
        parsed = self._inbound.parse_interaction(verified)
        self._answer(payload.body, parsed)
        return [parsed]

    def _answer(self, asked: Json, parsed: Parsed) -> None:
        """Give Discord the answer at once, as the gateway's HTTP does."""
        said = parsed.acknowledgement if isinstance(parsed, Inbound) else ""
        said = parsed.answer if isinstance(parsed, Challenge) else said
        waiting = self.discord.asked.get(asked.get("token", ""))
        if said and waiting is not None and waiting.answered is None:
            self.discord.judge_answer(json.loads(said))
            self.discord.acknowledge(asked["token"], json.loads(said))

    async def _listen(self, kind: str, data: Json) -> list[Inbound]:
        """Tell the listener; what it handed over until it came to what was told next."""
        if self._listening is None:
            await self._begin()
        before, self._frames = len(self._heard), self._frames + 1
        gateway, last = self.discord.gateway, f"{_SENTINEL}_{self._frames}"
        for session in gateway.sessions:  # as it stands, which the fake need not understand
            await gateway._event(session, kind, data)
        await gateway.tell(last, {})

        def over() -> bool:
            return any(getattr(h.body, "kind", "") == last for h in self._heard[before:])

        await eventually(over, "the end of what was told")
        return self._heard[before:-1]

    async def _begin(self) -> None:
        listener = DiscordListener(
            TOKEN,
            self._chat,
            self._inbound,
            guilds=frozenset({GUILD}),
            configured=frozenset({CHANNEL}),
            clock=_Hurried(),
        )

        async def accept(inbound: Inbound) -> None:
            self._heard.append(inbound)

        self._listening = Background(lambda: listener.run(accept))
        await eventually(lambda: self.discord.gateway.connected, "the gateway")

    # ---- outbound

    def seen(self) -> list[Seen]:
        return [self._seen(p) for p in self.discord.visible()]

    def _seen(self, posted: Any) -> Seen:
        room = self.discord.rooms[posted.channel]
        answered = (posted.reference or {}).get("message_id", "")
        return Seen(
            id=posted.id,
            channel=room.parent or room.id,
            root=room.id if room.parent else answered,
            text=posted.content,
            buttons=tuple(b["label"] for row in posted.components for b in row["components"]),
            files=tuple(posted.files),
            only_for=posted.seen_by or (ADA if posted.channel == DIRECT else ""),
        )

    def growth(self) -> list[str]:
        said = [args for name, args in self.requests() if name in _METHODS.values()]
        return [args["content"] for args in said if is_growing(args.get("content", ""))]

    def fail(self, trouble: Trouble, act: Act = Act.POST) -> None:
        faults: dict[Trouble, dict[str, Any]] = {
            Trouble.RATE: {"kind": "rate", "retry_after": WAIT},
            Trouble.SERVER: {"kind": "status", "status": 502},
            Trouble.GARBAGE: {"kind": "garbage"},
            Trouble.CUT_BEFORE: {"kind": "lost_request"},
            Trouble.CUT_AFTER: {"kind": "lost_answer"},
            Trouble.REFUSED: {"kind": "error", "status": 403, "code": 50_001},
        }
        refused = faults[trouble]
        if (trouble, act) == (Trouble.REFUSED, Act.PRIVATE):
            refused = {"kind": "error", "status": 400, "code": 50_035}
        self.discord.faults.append(Fault(method=_METHODS[act], **refused))

    def requests(self) -> list[tuple[str, Any]]:
        return [(call.method, call.args) for call in self.discord.calls]

    def changes(self) -> int:
        return sum(not method.startswith("GET") for method, _ in self.requests())

    def breaches(self) -> list[str]:
        judged = [
            f"{name}: {why}" for name, args in self.requests() for why in quiet.discord(name, args)
        ]
        return [*self.discord.violations, *self.discord.gateway.problems, *judged]


def _frame(kind: str, data: Json) -> Payload:
    """What the gateway tells; its kind is the route."""
    return Payload(kind, data)
