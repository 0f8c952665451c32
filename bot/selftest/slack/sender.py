"""What Slack delivers to an app, signed: built from the shapes that the vendor publishes."""

import hashlib
import hmac
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp

from bot.selftest.slack.names import ADA, APP, BOT, CHANNEL, SIGNING_SECRET, TEAM
from bot.selftest.slack.sockets import Envelope
from runtime.model.value import value
from runtime.model.wire import RawRequest


def signature(body: bytes, timestamp: int, secret: str = SIGNING_SECRET) -> str:
    """Slack's signature of a body."""
    signed = b"v0:%d:%b" % (timestamp, body)
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


@value()
class Signed:
    """A request ready to be posted."""

    path: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def raw(self) -> RawRequest:
        """The request as the verifier reads it."""
        return RawRequest({n.lower(): v for n, v in self.headers.items()}, self.body)

    def again(self, number: int = 1) -> "Signed":
        """The same, as Slack delivers it when it heard no answer."""
        retry = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": "http_timeout"}
        return Signed(self.path, self.body, {**self.headers, **retry})

    @property
    def envelope(self) -> Envelope:
        """The same, as Socket Mode delivers it."""
        if self.path == "/slack/events":
            return Envelope("events_api", json.loads(self.body))
        fields = dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        if self.path == "/slack/commands":
            return Envelope("slash_commands", fields)
        return Envelope("interactive", json.loads(fields["payload"]))

    async def post(self, base: str, session: aiohttp.ClientSession) -> tuple[int, str]:
        """Post it; the status and the text of the answer."""
        async with session.post(base + self.path, data=self.body, headers=self.headers) as answer:
            return answer.status, await answer.text()


@dataclass(slots=True)
class SlackSender:
    """Slack as it speaks to us. Each event has ids of its own.

    Attributes:
        now: the time, in seconds.
        secret: signs.
        team: the workspace.
    """

    now: Callable[[], float]
    secret: str = SIGNING_SECRET
    team: str = TEAM
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def signed_event(
        self,
        text: str,
        user: str = ADA,
        channel: str = CHANNEL,
        ts: str | None = None,
        thread_ts: str | None = None,
        *,
        kind: str = "message",
        team: str = TEAM,
        **fields: Any,
    ) -> Signed:
        """Somebody writes. `kind` is `message` or `app_mention`; `fields` go into the event."""
        event = {
            "type": kind,
            "user": user,
            "text": text,
            "ts": ts or self.next_ts(),
            "channel": channel,
            "team": team,
            "event_ts": ts or self.next_ts(),
        }
        if kind == "message":
            event["channel_type"] = "im" if channel.startswith("D") else "channel"
        if thread_ts:
            event["thread_ts"] = thread_ts
        return self.envelope(event | fields)

    def envelope(self, event: Mapping[str, Any], **fields: Any) -> Signed:
        """Any event in the envelope of the Events API."""
        return self.json(
            {
                "token": "legacy",
                "team_id": self.team,
                "api_app_id": APP,
                "event": event,
                "type": "event_callback",
                "event_id": f"Ev{next(self._numbers):08d}",
                "event_time": int(self.now()),
                "authorizations": [
                    {
                        "enterprise_id": None,
                        "team_id": self.team,
                        "user_id": BOT,
                        "is_bot": True,
                        "is_enterprise_install": False,
                    }
                ],
                "is_ext_shared_channel": False,
            }
            | fields
        )

    def command(
        self,
        text: str,
        *,
        reply_url: str,
        user: str = ADA,
        channel: str = CHANNEL,
        trigger: str = "",
    ) -> Signed:
        """Somebody types `/nightdesk` and the text."""
        return self.form(
            "/slack/commands",
            {
                "token": "legacy",
                "team_id": self.team,
                "team_domain": "example",
                "channel_id": channel,
                "channel_name": "ops",
                "user_id": user,
                "user_name": "ada",
                "command": "/nightdesk",
                "text": text,
                "api_app_id": APP,
                "is_enterprise_install": "false",
                "response_url": reply_url,
                "trigger_id": trigger or f"{next(self._numbers)}.1.abc",
            },
        )

    def press(
        self,
        action_id: str,
        value: str,
        *,
        message_ts: str,
        reply_url: str = "",
        thread_ts: str | None = None,
        user: str = ADA,
        channel: str = CHANNEL,
        **fields: Any,
    ) -> Signed:
        """Somebody presses a button."""
        message: dict[str, Any] = {"type": "message", "user": BOT, "ts": message_ts, "text": "..."}
        container: dict[str, Any] = {
            "type": "message",
            "message_ts": message_ts,
            "channel_id": channel,
            "is_ephemeral": False,
        }
        if thread_ts:
            message["thread_ts"] = container["thread_ts"] = thread_ts
        return self.interaction(
            {
                "type": "block_actions",
                "team": {"id": self.team, "domain": "example"},
                "user": {"id": user, "username": "ada", "team_id": self.team},
                "api_app_id": APP,
                "token": "legacy",
                "container": container,
                "trigger_id": "1.2.abc",
                "channel": {"id": channel, "name": "ops"},
                "message": message,
                "response_url": reply_url,
                "actions": [
                    {
                        "type": "button",
                        "action_id": action_id,
                        "block_id": "b1",
                        "text": {"type": "plain_text", "text": "Go"},
                        "value": value,
                        "action_ts": self.next_ts(),
                    }
                ],
            }
            | fields
        )

    def submit(
        self,
        view: Mapping[str, Any],
        answers: Mapping[str, str],
        *,
        user: str = ADA,
        response_urls: Sequence[Mapping[str, str]] = (),
        **fields: Any,
    ) -> Signed:
        """Somebody fills in the form that was opened with that view."""
        values = {
            block["block_id"]: {
                block["element"]["action_id"]: {
                    "type": "plain_text_input",
                    "value": answers.get(block["block_id"]),
                }
            }
            for block in view["blocks"]
            if block["type"] == "input"
        }
        shown = {
            "id": f"V{next(self._numbers):08d}",
            "team_id": self.team,
            "state": {"values": values},
            "hash": f"{int(self.now())}.abc",
            "app_id": APP,
            "bot_id": "B0BOT",
        }
        return self.interaction(
            {
                "type": "view_submission",
                "team": {"id": self.team, "domain": "example"},
                "user": {"id": user, "username": "ada", "name": "ada", "team_id": self.team},
                "api_app_id": APP,
                "token": "legacy",
                "trigger_id": f"{next(self._numbers)}.1.abc",
                "view": {**view, **shown},
                "response_urls": list(response_urls),
            }
            | fields
        )

    def interaction(self, payload: Mapping[str, Any]) -> Signed:
        """Any payload of interactivity."""
        return self.form("/slack/interactivity", {"payload": json.dumps(payload)})

    def json(self, body: Any, path: str = "/slack/events") -> Signed:
        """Any JSON, signed."""
        return self.sign(path, json.dumps(body).encode(), "application/json")

    def form(self, path: str, fields: Mapping[str, str]) -> Signed:
        """Any form, signed."""
        return self.sign(path, urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def sign(self, path: str, body: bytes, content_type: str) -> Signed:
        """Any body, signed."""
        timestamp = int(self.now())
        headers = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": str(timestamp),
            "X-Slack-Signature": signature(body, timestamp, self.secret),
        }
        return Signed(path, body, headers)

    def next_ts(self) -> str:
        """The time of the next message."""
        return f"{int(self.now())}.{next(self._numbers):06d}"
