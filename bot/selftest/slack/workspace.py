"""What the fake workspace keeps, and what each method of the Web API does with it."""

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.selftest.slack import rules
from bot.selftest.slack.names import BOT, CHANNEL, DIRECT, SCOPES, TEAM

Args = Mapping[str, Any]
Answer = dict[str, Any]

_TRIGGER_SECONDS = 3.0


@dataclass(slots=True)
class Posted:
    """A message that the fake keeps."""

    channel: str
    ts: str
    text: str = ""
    markdown: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str | None = None
    metadata: dict[str, Any] | None = None
    streaming: bool = False
    only_for: str | None = None
    user: str = BOT
    files: list[str] = field(default_factory=list)
    shown_files: list[dict[str, Any]] = field(default_factory=list)
    tasks: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def id(self) -> str | None:
        """The outbox id that it carries."""
        payload: dict[str, str] = (self.metadata or {}).get("event_payload", {})
        return payload.get("id")

    def json(self, *, metadata: bool) -> Answer:
        """The message as Slack shows it."""
        found: Answer = {"type": "message", "user": self.user, "ts": self.ts, "text": self.text}
        if self.thread_ts:
            found["thread_ts"] = self.thread_ts
        if metadata and self.metadata:
            found["metadata"] = self.metadata
        if self.files:
            found["files"] = self.shown_files
        return found


@dataclass(slots=True)
class Upload:
    """A file on its way in, or there."""

    name: str
    length: int
    data: bytes | None = None


class SlackSays(Exception):
    """An answer of `ok: false`."""


class Workspace:
    """The state."""

    def __init__(self, *, now: Callable[[], float] = time.time, scopes: str = SCOPES) -> None:
        self.now = now
        self.scopes = scopes
        self.team = TEAM
        self.channels: set[str] = {CHANNEL, DIRECT}
        self.archived: set[str] = set()
        self.absent: set[str] = set()
        self.details: dict[str, Answer] = {}
        """Of a channel, what `conversations.info` says beside the usual."""
        self.streams_in: Callable[[str], bool] = lambda _channel: True
        self.messages: list[Posted] = []
        self.statuses: dict[tuple[str, str], str] = {}
        self.sessions: dict[tuple[str, str], str] = {}
        self.prompts: dict[str, list[dict[str, str]]] = {}
        self.homes: dict[str, dict[str, Any]] = {}
        self.forms: list[dict[str, Any]] = []
        self.triggers: dict[str, float] = {}
        self.files: dict[str, Upload] = {}
        self.base = ""
        self._last = 0
        self._numbers = itertools.count(1)
        self._used: set[str] = set()

    def methods(self) -> dict[str, Callable[[Args], Answer]]:
        """Every method, by Slack's name for it."""
        return {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.update": self._update,
            "chat.startStream": self._start_stream,
            "chat.appendStream": self._append_stream,
            "chat.stopStream": self._stop_stream,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.open": self._open,
            "conversations.info": self._info,
            "assistant.threads.setStatus": self._set_status,
            "assistant.threads.setSuggestedPrompts": self._set_prompts,
            "agents.sessions.setStatus": self._set_session,
            "views.open": self._open_view,
            "views.publish": self._publish_view,
            "files.info": self._file_info,
            "files.getUploadURLExternal": self._upload_url,
            "files.completeUploadExternal": self._complete_upload,
        }

    def say(self, text: str, *, channel: str = CHANNEL, thread_ts: str | None = None) -> Posted:
        """A person writes."""
        posted = Posted(channel, self.next_ts(), text, thread_ts=thread_ts, user="U0ADA")
        self.messages.append(posted)
        return posted

    def next_ts(self) -> str:
        """The time of the next message."""
        self._last = max(self._last + 1, int(self.now() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def trigger(self) -> str:
        """A trigger that is good for three seconds, once."""
        name = f"{next(self._numbers)}.{TEAM}.trigger"
        self.triggers[name] = self.now()
        return name

    def hold_file(self, data: bytes, name: str = "notes.txt") -> str:
        """A person's file is there; its id."""
        file = f"F{next(self._numbers):08d}"
        self.files[file] = Upload(name, len(data), data)
        return file

    def visible(self, channel: str | None = None) -> list[Posted]:
        """What the bot has posted, oldest first."""
        return [m for m in self.messages if m.user == BOT and channel in {None, m.channel}]

    # ---- messages

    def _auth_test(self, _: Args) -> Answer:
        return {
            "user_id": BOT,
            "team_id": self.team,
            "bot_id": "B0BOT",
            "url": "https://example.slack.com/",
        }

    def _post(self, args: Args) -> Answer:
        self._enter(args["channel"])
        _fit(args)
        posted = self.keep(args)
        return {"channel": posted.channel, "ts": posted.ts, "message": posted.json(metadata=True)}

    def _post_ephemeral(self, args: Args) -> Answer:
        self._enter(args["channel"])
        _fit(args)
        return {"message_ts": self.keep(args, only_for=args["user"]).ts}

    def _update(self, args: Args) -> Answer:
        posted = self._own(args)
        if posted.streaming:
            raise SlackSays("streaming_state_conflict")
        _fit(args)
        posted.text = args.get("text", posted.text)
        posted.blocks = args.get("blocks", posted.blocks)
        posted.markdown = "\n".join(rules.markdown_of(args))
        posted.metadata = args.get("metadata", posted.metadata)
        return {"channel": posted.channel, "ts": posted.ts, "text": posted.text}

    def _start_stream(self, args: Args) -> Answer:
        self._enter(args["channel"])
        if not self.streams_in(args["channel"]):
            raise SlackSays("channel_type_not_supported")
        if not args.get("thread_ts"):
            raise SlackSays("invalid_thread_ts")
        for name in ("recipient_team_id", "recipient_user_id"):
            if not args["channel"].startswith("D") and not args.get(name):
                raise SlackSays(f"missing_{name}")
        posted = self.keep(args)
        posted.streaming = True
        _take_tasks(posted, args)
        return {"channel": posted.channel, "ts": posted.ts}

    def _append_stream(self, args: Args) -> Answer:
        posted = self._stream(args)
        if not args.get("markdown_text") and not args.get("chunks"):
            raise SlackSays("no_text")
        posted.markdown += args.get("markdown_text", "")
        _take_tasks(posted, args)
        return {"channel": posted.channel, "ts": posted.ts}

    def _stop_stream(self, args: Args) -> Answer:
        posted = self._stream(args)
        posted.markdown += args.get("markdown_text", "")
        posted.blocks = args.get("blocks", [])
        posted.metadata = args.get("metadata", posted.metadata)
        posted.streaming = False
        _take_tasks(posted, args)
        if posted.thread_ts and "session_status" in args:
            self.sessions[posted.channel, posted.thread_ts] = args["session_status"]
        return {"channel": posted.channel, "ts": posted.ts}

    def _history(self, args: Args) -> Answer:
        self._enter(args["channel"])
        tops = [m for m in self.messages if m.thread_ts in {None, m.ts}]
        return self._listed(args, list(reversed(tops)))

    def _replies(self, args: Args) -> Answer:
        self._enter(args["channel"])
        thread = [m for m in self.messages if args["ts"] in {m.ts, m.thread_ts}]
        if not thread:
            raise SlackSays("thread_not_found")
        return self._listed(args, thread)

    def _listed(self, args: Args, messages: list[Posted]) -> Answer:
        oldest, latest = float(args.get("oldest", 0)), float(args.get("latest", "inf"))
        found = [
            m.json(metadata=args.get("include_all_metadata") == "1")
            for m in messages
            if m.channel == args["channel"] and m.only_for is None
            if oldest <= float(m.ts) <= latest
        ]
        at, size = int(args.get("cursor") or 0), int(args.get("limit", 100))
        more = str(at + size) if at + size < len(found) else ""
        return {"messages": found[at : at + size], "response_metadata": {"next_cursor": more}}

    # ---- channels, people

    def _open(self, args: Args) -> Answer:
        if not args["users"].startswith("U"):
            raise SlackSays("user_not_found")
        channel = "D" + args["users"][1:]
        self.channels.add(channel)
        return {"channel": {"id": channel}}

    def _info(self, args: Args) -> Answer:
        channel = args["channel"]
        if channel not in self.channels:
            raise SlackSays("channel_not_found")
        known = {
            "id": channel,
            "name": channel.lower(),
            "is_member": channel not in self.absent,
            "is_archived": channel in self.archived,
            "is_ext_shared": False,
        }
        return {"channel": known | self.details.get(channel, {})}

    def _set_status(self, args: Args) -> Answer:
        self._enter(args["channel_id"])
        self.statuses[args["channel_id"], args["thread_ts"]] = args["status"]
        return {}

    def _set_prompts(self, args: Args) -> Answer:
        self._enter(args["channel_id"])
        self.prompts[args["channel_id"]] = args["prompts"]
        return {}

    def _set_session(self, args: Args) -> Answer:
        self._enter(args["channel_id"])
        self.sessions[args["channel_id"], args.get("thread_ts", "")] = args["status"]
        return {"status": args["status"]}

    # ---- views

    def _open_view(self, args: Args) -> Answer:
        trigger = args["trigger_id"]
        if trigger in self._used:
            raise SlackSays("exchanged_trigger_id")
        if self.now() - self.triggers.get(trigger, self.now()) > _TRIGGER_SECONDS:
            raise SlackSays("expired_trigger_id")
        self._used.add(trigger)
        self.forms.append(args["view"])
        return {"view": {**args["view"], "id": f"V{next(self._numbers):08d}"}}

    def _publish_view(self, args: Args) -> Answer:
        if not args["user_id"].startswith("U"):
            raise SlackSays("user_not_found")
        self.homes[args["user_id"]] = args["view"]
        return {"view": args["view"]}

    # ---- files

    def _file_info(self, args: Args) -> Answer:
        file = args["file"]
        if file not in self.files:
            raise SlackSays("file_not_found")
        address = f"{self.base}/files/{file}"
        return {"file": {"id": file, "name": self.files[file].name, "url_private": address}}

    def _upload_url(self, args: Args) -> Answer:
        file = f"F{next(self._numbers):08d}"
        self.files[file] = Upload(args["filename"], int(args["length"]))
        return {"upload_url": f"{self.base}/upload/{file}", "file_id": file}

    def _complete_upload(self, args: Args) -> Answer:
        ids = [each["id"] for each in args["files"]]
        for file in ids:
            upload = self.files.get(file)
            if upload is None or upload.data is None or len(upload.data) != upload.length:
                raise SlackSays("file_not_found")
        if args.get("channel_id"):
            self._enter(args["channel_id"])
            posted = self.keep({**args, "text": ""}, channel=args["channel_id"])
            posted.files = ids
            titles = {each["id"]: each.get("title") for each in args["files"]}
            posted.shown_files = [
                {
                    "id": file,
                    "name": self.files[file].name,
                    "title": titles[file] or self.files[file].name,
                    "size": self.files[file].length,
                }
                for file in ids
            ]
        return {"files": [{"id": file} for file in ids]}

    # ---- state

    def _enter(self, channel: str) -> None:
        if channel not in self.channels:
            raise SlackSays("channel_not_found")
        if channel in self.archived:
            raise SlackSays("is_archived")
        if channel in self.absent:
            raise SlackSays("not_in_channel")

    def keep(
        self, args: Args, *, channel: str | None = None, only_for: str | None = None
    ) -> Posted:
        """Keep a message of the bot."""
        posted = Posted(
            channel or args["channel"],
            self.next_ts(),
            args.get("text", ""),
            "\n".join(rules.markdown_of(args)),
            args.get("blocks", []),
            args.get("thread_ts"),
            args.get("metadata"),
            only_for=only_for,
        )
        self.messages.append(posted)
        return posted

    def _own(self, args: Args) -> Posted:
        self._enter(args["channel"])
        for posted in self.messages:
            if (posted.channel, posted.ts) == (args["channel"], args["ts"]):
                if posted.user != BOT:
                    raise SlackSays("cant_update_message")
                return posted
        raise SlackSays("message_not_found")

    def _stream(self, args: Args) -> Posted:
        posted = self._own(args)
        if not posted.streaming:
            raise SlackSays("message_not_in_streaming_state")
        if len(posted.markdown) + len(args.get("markdown_text", "")) > rules.MARKDOWN_LIMIT:
            raise SlackSays("msg_too_long")
        return posted


def _fit(args: Args) -> None:
    text = len(args.get("text", ""))
    markdown = sum(map(len, rules.markdown_of(args)))
    if markdown > rules.MARKDOWN_LIMIT or text > rules.MESSAGE_LIMIT:
        raise SlackSays("msg_too_long")


def _take_tasks(posted: Posted, args: Args) -> None:
    for chunk in args.get("chunks") or []:
        posted.tasks[chunk["id"]] = (chunk["title"], chunk["status"])
