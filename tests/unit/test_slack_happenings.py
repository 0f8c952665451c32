"""What Slack tells besides messages: the app's page, the stop button, channels that change, forms."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.slack.forms import view
from adapters.slack.inbound import SLACK, SlackInbound
from bot.selftest.slack import rules
from bot.selftest.slack.names import ADA, BOT, CHANNEL, DIRECT, TEAM
from bot.selftest.slack.sender import Signed, SlackSender
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.events import (
    Body,
    ChannelChange,
    ChannelChanged,
    Command,
    FormSubmit,
    HomeOpened,
    Ignored,
    Inbound,
    Parsed,
    Unknown,
)
from runtime.model.files import FileRef
from tests.support.build import form_named

NOW = 1_796_083_200.0
AT = datetime.fromtimestamp(NOW, UTC)
OPS = ChannelRef(SLACK, TEAM, CHANNEL)
sender = SlackSender(lambda: NOW)
inbound = SlackInbound()


def parse(signed: Signed) -> Parsed:
    reads = {"/slack/events": inbound.event, "/slack/interactivity": _interaction}
    return reads[signed.path](signed.body, AT)


def _interaction(body: bytes, at: datetime) -> Parsed:
    payload = Signed("/slack/interactivity", body, {}).envelope.payload
    return inbound.interaction(json.dumps(payload).encode(), at)


def told(event: dict[str, Any], **fields: Any) -> Inbound:
    parsed = parse(sender.envelope(event, **fields))
    assert isinstance(parsed, Inbound)
    return parsed


@pytest.mark.parametrize(
    ("event", "change", "detail"),
    [
        (
            {"type": "channel_shared", "channel": CHANNEL, "connected_team_id": "T0ACME"},
            ChannelChange.SHARED,
            "T0ACME",
        ),
        (
            {
                "type": "channel_unshared",
                "channel": CHANNEL,
                "previously_connected_team_id": "T0ACME",
                "is_ext_shared": False,
            },
            ChannelChange.UNSHARED,
            "T0ACME",
        ),
        (
            {"type": "channel_rename", "channel": {"id": CHANNEL, "name": "ops-two"}},
            ChannelChange.RENAMED,
            "ops-two",
        ),
        (
            {"type": "group_rename", "channel": {"id": CHANNEL, "name": "ops-two"}},
            ChannelChange.RENAMED,
            "ops-two",
        ),
        ({"type": "channel_archive", "channel": CHANNEL}, ChannelChange.ARCHIVED, ""),
        ({"type": "channel_deleted", "channel": CHANNEL}, ChannelChange.ARCHIVED, "deleted"),
        ({"type": "group_unarchive", "channel": CHANNEL}, ChannelChange.UNARCHIVED, ""),
        ({"type": "channel_left", "channel": CHANNEL}, ChannelChange.BOT_REMOVED, ""),
        (
            {"type": "member_left_channel", "channel": CHANNEL, "user": BOT},
            ChannelChange.BOT_REMOVED,
            "",
        ),
        (
            {"type": "member_joined_channel", "channel": CHANNEL, "user": BOT},
            ChannelChange.BOT_ADDED,
            "",
        ),
        (
            {
                "type": "channel_id_changed",
                "old_channel_id": CHANNEL,
                "new_channel_id": "C0NEW",
            },
            ChannelChange.MOVED,
            "C0NEW",
        ),
    ],
)
def test_a_channel_that_changes_is_told_by_nobody(
    event: dict[str, Any], change: ChannelChange, detail: str
) -> None:
    parsed = told(event | {"event_ts": "1796083100.000100"})
    assert parsed.body == ChannelChanged(change=change, detail=detail)
    assert parsed.thread == ThreadRef(OPS)
    assert parsed.sender == Principal(SLACK, TEAM, "")
    assert parsed.sent_at == datetime.fromtimestamp(1_796_083_100.0001, UTC)


@pytest.mark.parametrize(
    "event", [{"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"bot": [BOT]}}]
)
def test_an_app_that_was_removed_is_about_the_whole_workspace(event: dict[str, Any]) -> None:
    parsed = told(event)
    assert parsed.body == ChannelChanged(change=ChannelChange.BOT_REMOVED, detail=event["type"])
    assert parsed.thread == ThreadRef(ChannelRef(SLACK, TEAM, ""))


@pytest.mark.parametrize(
    "event",
    [
        {"type": "member_left_channel", "channel": CHANNEL, "user": ADA},
        {"type": "member_joined_channel", "channel": CHANNEL, "user": ADA},
        {"type": "tokens_revoked", "tokens": {"oauth": [ADA], "bot": []}},
        {"type": "tokens_revoked"},
        {"type": "file_shared", "file_id": "F1"},
        {"type": "assistant_thread_context_changed", "assistant_thread": {"user_id": ADA}},
    ],
)
def test_what_is_not_for_us_starts_nothing(event: dict[str, Any]) -> None:
    assert parse(sender.envelope(event)) == Ignored(reason="not_for_us")


@pytest.mark.parametrize(
    "event",
    [
        {"type": "app_home_opened", "user": ADA, "channel": DIRECT, "tab": "home"},
        {"type": "app_home_opened", "user": ADA, "channel": DIRECT},
        {
            "type": "assistant_thread_started",
            "assistant_thread": {"user_id": ADA, "channel_id": DIRECT, "context": {}},
        },
    ],
)
def test_the_apps_page_is_opened_by_a_person(event: dict[str, Any]) -> None:
    parsed = told(event)
    assert parsed.body == HomeOpened()
    assert parsed.thread == ThreadRef(ChannelRef(SLACK, TEAM, DIRECT))
    assert parsed.sender == Principal(SLACK, TEAM, ADA)


def test_the_stop_button_of_a_session_stops_that_thread() -> None:
    event = {
        "type": "agent_session_stopped",
        "channel": CHANNEL,
        "thread_ts": "1796083000.000100",
        "user": ADA,
        "streaming_message_ts": ["1796083001.000100"],
    }
    parsed = told(event)
    assert parsed.body == Command(text="stop")
    assert parsed.thread == ThreadRef(OPS, "1796083000.000100")
    assert parsed.sender == Principal(SLACK, TEAM, ADA)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "quantum_shift", "channel": CHANNEL},
        {"type": "quantum_shift", "channel": 7, "user": ["U1"]},
        {"type": "user_change", "user": {"id": ADA, "profile": {"display_name": "Ada"}}},
        {"type": ""},
        {},
    ],
)
def test_a_kind_that_we_do_not_know_is_kept_as_that(event: dict[str, Any]) -> None:
    body: Body = told(event).body
    assert isinstance(body, Unknown)
    assert body.kind


def test_an_event_without_any_time_was_sent_when_it_came() -> None:
    assert told({"type": "app_uninstalled"}, event_time=None).sent_at == AT
    assert told({"type": "channel_left", "channel": CHANNEL, "event_ts": "x"}).sent_at == AT


def test_a_form_comes_back_with_what_was_written_and_where_it_was_asked_for() -> None:
    form = form_named("schedule.create")
    thread = ThreadRef(OPS, "1796083000.000100")
    modal = view(form, value="7", thread=thread, reply_url="https://hooks.slack.com/c/1")
    assert list(rules.breaches("views.open", {"trigger_id": "1", "view": modal}, form=False)) == []
    signed = sender.submit(modal, {"when": " every day at 9 ", "instruction": "greet\0"})
    parsed = parse(signed)
    assert isinstance(parsed, Inbound)
    assert parsed.body == FormSubmit(
        action="schedule.create",
        value="7",
        answers=(
            ("when", "every day at 9"),
            ("instruction", "greet\ufffd"),
            ("channel", ""),
            ("tz", ""),
            ("budget", ""),
        ),
        reply_url="https://hooks.slack.com/c/1",
    )
    assert parsed.thread == thread
    assert parsed.sender == Principal(SLACK, TEAM, ADA)
    assert parsed.acknowledgement == '{"response_action":"clear"}'
    again = parse(signed)
    assert isinstance(again, Inbound)
    assert again.event_key == parsed.event_key
    another = parse(sender.submit(modal, {}))
    assert isinstance(another, Inbound)
    assert another.event_key != parsed.event_key


@pytest.mark.parametrize("metadata", ["", "{}", "strange", '{"w":1}', None])
def test_a_form_of_somebody_else_starts_nothing(metadata: str | None) -> None:
    shown: dict[str, Any] = {
        "type": "modal",
        "callback_id": "x",
        "blocks": [],
        "private_metadata": metadata,
    }
    assert parse(sender.submit(shown, {})) == Ignored(reason="unknown_kind")


def test_files_come_with_their_message() -> None:
    files = [
        {
            "id": "F1",
            "name": "../plan.pdf",
            "mimetype": "application/pdf",
            "size": 12,
            "url_private": "https://files.slack.com/1",
            "url_private_download": "https://files.slack.com/1/download",
        },
        {"id": "F2", "file_access": "check_file_info"},
        {"id": "F3", "name": "old.txt", "mode": "tombstone"},
        {"name": "nameless", "size": -1},
    ]
    parsed = parse(sender.signed_event("see", subtype="file_share", files=files))
    assert isinstance(parsed, Inbound)
    assert getattr(parsed.body, "files", None) == (
        FileRef(
            handle="https://files.slack.com/1/download",
            name="plan.pdf",
            media_type="application/pdf",
            size=12,
        ),
        FileRef(handle="F2"),
    )
