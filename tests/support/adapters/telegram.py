"""Telegram: updates with the secret to the real parser, and the real outbound side against the fake."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from adapters.telegram.inbound import TelegramInbound
from adapters.telegram.outbound import TelegramChat
from adapters.telegram.places import TELEGRAM, Chains, channel, person
from gateway.commands.forms import NOUNS
from gateway.verify.telegram import TelegramVerifier
from runtime.ids import Platform
from runtime.model.address import Principal, ThreadRef
from runtime.model.events import Parsed
from runtime.model.wire import RawRequest
from runtime.ports import FetchesFiles
from tests.support.adapters import quiet
from tests.support.adapters.harness import (
    FILE_BYTES,
    WAIT,
    Absent,
    Act,
    Harness,
    Kind,
    Payload,
    Seen,
    Trouble,
    bytes_of,
)
from tests.support.clock import ManualClock
from tests.support.fake_telegram import (
    ADA,
    BOB,
    BOT,
    GROUP,
    SECRET,
    TOKEN,
    USERNAME,
    FakeTelegram,
    Fault,
)

_METHODS = dict.fromkeys((Act.POST, Act.PRIVATE, Act.DRAFT), "sendMessage")
_METHODS |= dict.fromkeys((Act.EDIT, Act.GROW), "editMessageText")
_CHANGING = ("send", "edit", "set", "delete", "answer")


class TelegramHarness(Harness):
    platform: ClassVar[Platform] = TELEGRAM
    absent: ClassVar[Mapping[Kind, Absent]] = {
        Kind.DELETE: Absent("Telegram tells a bot of no deletion.", Kind.EDIT),
        Kind.FORM: Absent(
            "Telegram has no forms: a command without its words is answered with its usage.",
            Kind.COMMAND,
        ),
    }
    differences: ClassVar[Mapping[str, str]] = {
        "A08": "Telegram cannot say whether a message arrived: one whose sending was cut off can "
        "be there twice, and once more for each crash in the middle of its sending.",
        "A10": "Telegram finds no message again: after a restart an answer that was growing is said "
        "anew, and in a group what had grown of it stays above.",
        "A13": "In a group it goes into the person's own chat; who never opened that is told so, "
        "and nothing else.",
    }

    def __init__(self, clock: ManualClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self.telegram = FakeTelegram(now=lambda: clock.now().timestamp())
        self._verify = TelegramVerifier([SECRET])

    async def start(self) -> None:
        await self.telegram.listen(0)
        await self._open()

    async def _open(self) -> None:
        chains = Chains()
        self._chat = TelegramChat(
            TOKEN,
            base_url=self.telegram.url,
            clock=self.clock,
            chains=chains,
            read_file=bytes_of,
        )
        await self._chat.open()
        self._inbound = TelegramInbound(
            BOT, username=lambda: USERNAME, nouns=NOUNS, chains=chains, clock=self.clock
        )

    async def stop(self) -> None:
        await self._chat.close()
        await self.telegram.close()

    async def restart(self) -> None:
        await self._chat.close()
        await self._open()

    @property
    def chat(self) -> TelegramChat:
        return self._chat

    @property
    def files(self) -> FetchesFiles:
        return self._chat

    @property
    def channel(self) -> ThreadRef:
        return ThreadRef(channel(GROUP))

    @property
    def people(self) -> Sequence[Principal]:
        return person(ADA), person(BOB)

    @property
    def secrets(self) -> Sequence[str]:
        return TOKEN, SECRET

    # ---- inbound

    async def _payload(self, kind: Kind, text: str, thread: ThreadRef, user: str) -> Payload:
        send, who = self.telegram.send, int(user)
        match kind:
            case Kind.THREAD_REPLY:
                update = send.message(text, user=who, chat=GROUP, reply_to=int(thread.root))
            case Kind.DIRECT:
                update = send.message(text, user=who)
            case Kind.EDIT:
                update = send.edit(send.message("before", user=who, chat=GROUP), text)
            case Kind.BOT_REMOVED:
                update = send.bot_is("member", "left", user=who)
            case Kind.UNKNOWN:
                update = self.telegram.world.happen(brand_new_kind={"text": text})
            case Kind.BARE:
                said = {"message_id": 990, "date": int(self.clock.now().timestamp()), "text": text}
                sender = {"id": who, "is_bot": False, "first_name": "Ada"}
                chat = {"id": who, "type": "private"}
                update = {"update_id": 9, "message": said | {"chat": chat, "from": sender}}
            case _:
                update = send.message(user=who, chat=GROUP, **self._said(kind, text, who))
        return Payload("update", update)

    def _said(self, kind: Kind, text: str, user: int) -> dict[str, Any]:
        """What stands in the message of a group."""
        world = self.telegram.world
        match kind:
            case Kind.MENTION:
                return {"text": f"@{USERNAME} {text}"}
            case Kind.COMMAND:
                return {"text": f"/{text}"}
            case Kind.FILE:
                world.files["file1"] = FILE_BYTES
                known = {"file_id": "file1", "file_unique_id": "u1", "file_size": len(FILE_BYTES)}
                named = {"file_name": "report.csv", "mime_type": "text/csv"}
                return {"caption": text, "document": known | named}
            case Kind.QUOTED:
                origin = {"type": "hidden_user", "sender_user_name": "Eve", "date": 1}
                return {"text": text, "forward_origin": origin}
            case Kind.JOIN:
                return {"new_chat_members": [world.person(user)]}
            case Kind.BOT:
                return {"text": text, "from": world.person(user) | {"is_bot": True}}
            case _:
                return {"text": text}

    async def press(self, seen: Seen, label: str, *, user: str = "") -> Payload:
        posted = next(p for p in self.telegram.world.posted if str(p.id) == seen.id)
        number = [text for text, _ in posted.buttons].index(label)
        return Payload("update", self.telegram.send.press(posted, number, user=int(user or ADA)))

    async def take(self, payload: Payload) -> list[Parsed]:
        headers = {
            "content-type": "application/json",
            "x-telegram-bot-api-secret-token": SECRET,
        }
        verified = self._verify(RawRequest(headers, json.dumps(payload.body).encode()))
        assert verified is not None
        return [self._inbound.parse(verified)]

    # ---- outbound

    def seen(self) -> list[Seen]:
        return [
            Seen(
                id=str(posted.id),
                channel=str(posted.chat),
                root=f"t{posted.topic}" if posted.topic else str(posted.reply_to or ""),
                text=posted.text,
                buttons=tuple(text for text, _ in posted.buttons),
                files=((posted.file, posted.content),) if posted.file else (),
                only_for=str(posted.chat) if posted.chat > 0 else "",
            )
            for posted in self.telegram.world.visible()
        ]

    def growth(self) -> list[str]:
        previews = [text for states in self.telegram.world.drafts.values() for text in states]
        first = [
            f["text"] for f in self.telegram.called("sendMessage") if f.get("disable_notification")
        ]
        return [*previews, *first, *(f["text"] for f in self.telegram.called("editMessageText"))]

    def fail(self, trouble: Trouble, act: Act = Act.POST) -> None:
        if act is Act.LOOK:
            return  # a bot cannot look, so nothing can go wrong with it
        made: dict[Trouble, dict[str, Any]] = {
            Trouble.RATE: {"kind": "rate", "retry_after": int(WAIT)},
            Trouble.SERVER: {"kind": "status", "status": 502},
            Trouble.GARBAGE: {"kind": "garbage"},
            Trouble.CUT_BEFORE: {"kind": "lost_request"},
            Trouble.CUT_AFTER: {"kind": "lost_answer"},
            Trouble.REFUSED: {
                "kind": "error",
                "status": 400,
                "error": "Bad Request: chat not found",
            },
        }
        refused = made[trouble]
        if (trouble, act) == (Trouble.REFUSED, Act.PRIVATE):
            # Other words would only say that the person's chat cannot be written to.
            refused = {"kind": "error", "status": 400, "error": "Bad Request: made up"}
        self.telegram.faults.append(Fault(method=_METHODS[act], **refused))

    def requests(self) -> list[tuple[str, Any]]:
        return [(call.method, call.fields) for call in self.telegram.calls]

    def changes(self) -> int:
        return sum(method.startswith(_CHANGING) for method, _ in self.requests())

    def breaches(self) -> list[str]:
        judged = [
            f"{name}: {why}"
            for name, fields in self.requests()
            for why in quiet.telegram(name, fields)
        ]
        return [*self.telegram.violations, *judged]

    def copies(self, trouble: Trouble, act: Act) -> int:
        return 2 if trouble is Trouble.CUT_AFTER and act not in {Act.EDIT, Act.GROW} else 1
