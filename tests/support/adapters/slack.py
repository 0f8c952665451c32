"""Slack: signed requests to the real parser, and the real SDK against the fake."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from adapters.slack.inbound import SLACK, SlackInbound
from adapters.slack.outbound import SlackChat
from bot.selftest.slack.sender import Signed, SlackSender
from gateway.verify.slack import SlackVerifier
from runtime.forms import FORMS
from runtime.ids import Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.events import Parsed
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
from tests.support.fake_slack import BOT, CHANNEL, DIRECT, TEAM, TOKEN, FakeSlack, Fault
from tests.support.fake_slack_events import ADA, SECRET

BO = "U0BO"
EVENTS, COMMANDS, INTERACTIVITY = "/slack/events", "/slack/commands", "/slack/interactivity"
_METHODS = {
    Act.POST: "chat.postMessage",
    Act.EDIT: "chat.update",
    Act.PRIVATE: "response_url",
    Act.DRAFT: "chat.startStream",
    Act.GROW: "chat.appendStream",
    Act.LOOK: "conversations.history",
}
_CHANGING = ("chat.", "response_url", "files.", "views.", "agents.", "assistant.")


class SlackHarness(Harness):
    platform: ClassVar[Platform] = SLACK
    absent: ClassVar[Mapping[Kind, Absent]] = {}
    differences: ClassVar[Mapping[str, str]] = {
        "A08": "Slack cannot say whether a private answer was shown, so one that broke off is "
        "shown once more.",
        "A14": "Files go out as a message of their own in front of the text; in private, into the "
        "direct conversation.",
    }

    def __init__(self, clock: ManualClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self.slack = FakeSlack(now=self._now)
        self.sender = SlackSender(self._now)
        self._verify = SlackVerifier([SECRET], clock)
        self._inbound = SlackInbound(BOT)
        self._growth: list[str] = []

    def _now(self) -> float:
        return self.clock.now().timestamp()

    async def start(self) -> None:
        await self.slack.start()
        await self._open()

    async def _open(self) -> None:
        self._chat = SlackChat(
            TOKEN, base_url=self.slack.url, clock=self.clock, team=TEAM, read_file=bytes_of
        )
        await self._chat.open()

    async def stop(self) -> None:
        await self._chat.close()
        await self.slack.stop()

    async def restart(self) -> None:
        await self._chat.close()
        await self._open()

    @property
    def chat(self) -> SlackChat:
        return self._chat

    @property
    def files(self) -> FetchesFiles:
        return self._chat

    @property
    def channel(self) -> ThreadRef:
        return ThreadRef(ChannelRef(SLACK, TEAM, CHANNEL))

    @property
    def people(self) -> Sequence[Principal]:
        return Principal(SLACK, TEAM, ADA), Principal(SLACK, TEAM, BO)

    @property
    def secrets(self) -> Sequence[str]:
        return TOKEN, SECRET, self.slack.response_url()

    # ---- inbound

    async def _payload(self, kind: Kind, text: str, thread: ThreadRef, user: str) -> Payload:
        if kind is Kind.COMMAND:
            url, trigger = self.slack.response_url(), self.slack.trigger()
            return _of(self.sender.command(text, reply_url=url, user=user, trigger=trigger))
        if kind is Kind.FORM:
            return _of(await self._form(user))
        if kind is Kind.BARE:
            event = {"type": "message", "user": user, "text": text, "channel": DIRECT}
            bare = event | {"ts": self.sender.next_ts()}
            return Payload(EVENTS, {"type": "event_callback", "team_id": TEAM, "event": bare})
        return _of(self._event(kind, text, thread, user))

    async def _form(self, user: str) -> Signed:
        await self._chat.open_form(
            FORMS[0], trigger=self.slack.trigger(), value="7", thread=self.channel
        )
        answers = {field.name: f"the {field.name}" for field in FORMS[0].fields}
        return self.sender.submit(self.slack.forms[-1], answers, user=user)

    def _event(self, kind: Kind, text: str, thread: ThreadRef, user: str) -> Signed:  # noqa: C901, PLR0911 - one for each kind
        send, ts = self.sender, self.sender.next_ts()
        message = {"type": "message", "channel": CHANNEL, "user": user, "ts": ts, "text": text}
        match kind:
            case Kind.MESSAGE:
                # Somebody wrote it, so it can be answered in its thread.
                posted = self.slack.say(text)
                return send.signed_event(text, user, ts=posted.ts)
            case Kind.MENTION:
                return send.signed_event(f"<@{BOT}> {text}", user, kind="app_mention")
            case Kind.THREAD_REPLY:
                return send.signed_event(text, user, thread_ts=thread.root)
            case Kind.DIRECT:
                return send.signed_event(text, user, DIRECT)
            case Kind.FILE:
                return send.signed_event(text, user, subtype="file_share", files=[self._file()])
            case Kind.QUOTED:
                return send.signed_event("look", user, attachments=[{"text": text}])
            case Kind.EDIT:
                return send.envelope(message | {"subtype": "message_changed", "message": message})
            case Kind.DELETE:
                return send.envelope(message | {"subtype": "message_deleted", "hidden": True})
            case Kind.BOT:
                return send.envelope(message | {"bot_id": "B0OTHER", "subtype": "bot_message"})
            case Kind.JOIN:
                joined = {"type": "member_joined_channel", "user": user, "channel": CHANNEL}
                return send.envelope(joined | {"team": TEAM, "event_ts": ts})
            case Kind.BOT_REMOVED:
                return send.envelope({"type": "channel_left", "channel": CHANNEL, "event_ts": ts})
            case _:
                return send.envelope({"type": "brand_new_event", "event_ts": ts})

    def _file(self) -> dict[str, Any]:
        file = self.slack.hold_file(FILE_BYTES, "report.csv")
        return {
            "id": file,
            "name": "report.csv",
            "mimetype": "text/csv",
            "size": len(FILE_BYTES),
            "url_private_download": self.slack.file_url(file),
        }

    async def press(self, seen: Seen, label: str, *, user: str = "") -> Payload:
        posted = next(p for p in self.slack.messages if p.ts == seen.id)
        [button] = [b for b in _buttons(posted.blocks) if b["text"]["text"] == label]
        return _of(
            self.sender.press(
                button["action_id"],
                button["value"],
                message_ts=posted.ts,
                reply_url=self.slack.response_url("press"),
                thread_ts=posted.thread_ts,
                user=user or ADA,
            )
        )

    async def take(self, payload: Payload) -> list[Parsed]:
        match payload.route:
            case "/slack/events":
                signed, parse = self.sender.json(payload.body), self._inbound.parse_event
            case "/slack/commands":
                signed = self.sender.form(COMMANDS, payload.body)
                parse = self._inbound.parse_command
            case _:
                signed = self.sender.interaction(payload.body)
                parse = self._inbound.parse_interaction
        verified = self._verify(signed.raw)
        assert verified is not None
        return [parse(verified)]

    def deliveries(self, payload: Payload) -> Sequence[Payload]:
        """A mention comes as `app_mention` and as `message`, each with an id of its own."""
        event = payload.body.get("event", {})
        if event.get("type") != "app_mention":
            return (payload, payload)
        other = event | {"type": "message", "channel_type": "channel"}
        return payload, Payload(EVENTS, payload.body | {"event": other, "event_id": "EvOTHER"})

    # ---- outbound

    def seen(self) -> list[Seen]:
        return [
            Seen(
                id=posted.ts,
                channel=CHANNEL if posted.channel.startswith("response:") else posted.channel,
                root=posted.thread_ts or "",
                text=posted.markdown or posted.text,
                buttons=tuple(b["text"]["text"] for b in _buttons(posted.blocks)),
                files=tuple((u.name, u.data or b"") for u in map(self._upload, posted.files)),
                only_for=ADA if posted.only_for or posted.channel == DIRECT else "",
            )
            for posted in self.slack.visible()
        ]

    def _upload(self, file: str) -> Any:
        return self.slack.files[file]

    def growth(self) -> list[str]:
        shown = [args.get("markdown_text", "") for args in self.slack.called("chat.startStream")]
        shown += [args.get("markdown_text", "") for args in self.slack.called("chat.appendStream")]
        return [*shown, *(p.markdown for p in self.slack.visible() if p.streaming)]

    def fail(self, trouble: Trouble, act: Act = Act.POST) -> None:
        faults = {
            Trouble.RATE: Fault("rate", retry_after=int(WAIT)),
            Trouble.SERVER: Fault("status", status=503),
            Trouble.GARBAGE: Fault("garbage", error="text/html"),
            Trouble.CUT_BEFORE: Fault("lost_request"),
            Trouble.CUT_AFTER: Fault("lost_answer"),
            Trouble.REFUSED: Fault("error", error="channel_not_found"),
        }
        made = faults[trouble]
        fields = {name: getattr(made, name) for name in ("kind", "error", "status", "retry_after")}
        self.slack.faults.append(Fault(**fields, method=_METHODS[act]))

    def requests(self) -> list[tuple[str, Any]]:
        return [(call.method, call.args) for call in self.slack.calls]

    def changes(self) -> int:
        return sum(method.startswith(_CHANGING) for method, _ in self.requests())

    def breaches(self) -> list[str]:
        judged = [
            f"{name}: {why}" for name, args in self.requests() for why in quiet.slack(name, args)
        ]
        return [*self.slack.violations, *judged]

    def copies(self, trouble: Trouble, act: Act) -> int:
        return 2 if (trouble, act) == (Trouble.CUT_AFTER, Act.PRIVATE) else 1


def _buttons(blocks: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for block in blocks if block["type"] == "actions" for each in block["elements"]]


def _of(signed: Signed) -> Payload:
    """The same as a payload: what was signed, still to be changed."""
    if signed.path == EVENTS:
        return Payload(EVENTS, json.loads(signed.body))
    fields = dict(parse_qsl(signed.body.decode(), keep_blank_values=True))
    if signed.path == COMMANDS:
        return Payload(COMMANDS, fields)
    return Payload(INTERACTIVITY, json.loads(fields["payload"]))
