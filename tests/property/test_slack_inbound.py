"""25,000 signed requests with something wrong inside: each is read, ignored or refused, none raises."""

import copy
import json
import random
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from adapters.slack import wire
from adapters.slack.forms import view
from adapters.slack.inbound import SLACK, SlackInbound
from bot.selftest.slack.names import ADA, BOT, CHANNEL, DIRECT, TEAM
from bot.selftest.slack.sender import SlackSender
from runtime.errors import Malformed
from runtime.forms import FORMS
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.events import Challenge, Ignored, Inbound, Parsed

CASES = 25_000
AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
sender = SlackSender(AT.timestamp)
inbound = SlackInbound()

EVENTS: list[dict[str, Any]] = [
    {"type": "app_mention", "user": ADA, "text": f"<@{BOT}> hi", "ts": "1.2", "channel": CHANNEL},
    {
        "type": "message",
        "subtype": "file_share",
        "user": ADA,
        "text": "see",
        "ts": "1.2",
        "thread_ts": "1.1",
        "channel": DIRECT,
        "channel_type": "im",
        "files": [{"id": "F1", "name": "a", "size": 3, "url_private": "https://files.slack.com/1"}],
        "attachments": [{"text": "shared", "fields": [{"title": "a", "value": "b"}]}],
    },
    {"type": "message", "subtype": "bot_message", "bot_id": "B1", "text": "x", "ts": "1.2"},
    {"type": "message", "subtype": "message_changed", "message": {"text": "x"}, "channel": "C1"},
    {"type": "app_home_opened", "user": ADA, "channel": DIRECT, "tab": "home"},
    {"type": "agent_session_stopped", "user": ADA, "channel": CHANNEL, "thread_ts": "1.1"},
    {"type": "assistant_thread_started", "assistant_thread": {"user_id": ADA, "channel_id": "D1"}},
    {"type": "channel_shared", "channel": CHANNEL, "connected_team_id": "T2", "event_ts": "1.2"},
    {"type": "channel_rename", "channel": {"id": CHANNEL, "name": "new", "created": 1}},
    {"type": "channel_id_changed", "old_channel_id": CHANNEL, "new_channel_id": "C2"},
    {"type": "member_left_channel", "user": BOT, "channel": CHANNEL},
    {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [BOT]}},
    {"type": "user_change", "user": {"id": ADA, "profile": {}}},
]
STRANGE: list[Any] = [
    None, True, -1, 10**30, 1.5, "", "\0", "x" * 5_000, "\ud7ff<@|>&lt;", "1e400", [], {}, [[]],
    {"id": None}, {"id": ["x"]}, ["C1"], "<@>", "<!|>", "nan",
]  # fmt: skip


def _payloads() -> list[tuple[str, Any]]:
    made: list[tuple[str, Any]] = [
        ("event", json.loads(sender.envelope(event).body)) for event in EVENTS
    ]
    command = sender.command("schedule list", reply_url="https://hooks.slack.com/1")
    made.append(("command", dict(command.envelope.payload)))
    press = sender.press("go#0", "v", message_ts="1.2", thread_ts="1.1")
    made.append(("interaction", dict(press.envelope.payload)))
    thread = ThreadRef(ChannelRef(SLACK, TEAM, CHANNEL), "1.1")
    for form in FORMS:
        shown = view(form, value="7", thread=thread, reply_url="")
        sent = sender.submit(shown, {field.name: "x" for field in form.fields})
        made.append(("interaction", dict(sent.envelope.payload)))
    return made


def _broken(payload: Any, chance: random.Random) -> Any:
    """The payload with one to three values that are gone, or of another kind."""
    changed = copy.deepcopy(payload)
    for _ in range(chance.randint(1, 3)):
        places = [*_places(changed)]
        if not places:
            break
        holder, key = chance.choice(places)
        if chance.random() < 0.3:
            del holder[key]
        else:
            holder[key] = copy.deepcopy(chance.choice(STRANGE))
    return changed


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        found.append((value, key))
        if isinstance(inner, dict | list):
            found += _places(inner)
    return found


def _read(kind: str, payload: Any) -> Parsed:
    body = json.dumps(payload).encode()
    if kind == "event":
        return inbound.event(body, AT)
    if kind == "command":
        return inbound.command(wire.fields_of(body), AT)
    return inbound.interaction(body, AT)


def test_whatever_is_signed_is_read_ignored_or_refused() -> None:
    chance = random.Random(20261121)
    payloads = _payloads()
    outcomes: Counter[str] = Counter()
    for _ in range(CASES):
        kind, payload = chance.choice(payloads)
        try:
            parsed = _read(kind, _broken(payload, chance))
        except Malformed:
            outcomes["malformed"] += 1
            continue
        assert isinstance(parsed, Inbound | Ignored | Challenge)
        outcomes[type(parsed).__name__] += 1
        if isinstance(parsed, Inbound):
            assert parsed.event_key
            assert "\0" not in parsed.event_key + parsed.thread.root
            assert parsed.thread.channel.workspace
            assert parsed.thread.platform == parsed.sender.platform == SLACK
    assert sum(outcomes.values()) == CASES
    assert min(outcomes[kind] for kind in ("malformed", "Inbound", "Ignored")) > CASES / 50


def test_the_payloads_are_good_before_they_are_broken() -> None:
    kinds = Counter(type(_read(kind, payload)).__name__ for kind, payload in _payloads())
    assert kinds["Ignored"] == 2, "a bot's message and an edit"
    assert kinds["Inbound"] == len(_payloads()) - 2
