"""`SlackChat` over the real SDK against a strict fake of Slack's Web API.

Every request that the fake receives is checked against the published schema and PLATFORMS.md; each
test ends by asking that there was no breach.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.slack.outbound import SlackChat
from runtime.errors import Ambiguous, ConfigurationError, Permanent, Retryable
from runtime.ids import MessageId, OutboxId, Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.messages import Button, Content
from runtime.model.outbox import OutboxItem
from runtime.ports import ChatPort
from tests.support import specs
from tests.support.clock import ManualClock
from tests.support.fake_slack import (
    BOT,
    CHANNEL,
    DIRECT,
    TEAM,
    TOKEN,
    FakeSlack,
    Fault,
    Posted,
)
from tests.support.fake_slack_events import ADA

SLACK = Platform("slack")
OPS = ThreadRef(ChannelRef(SLACK, TEAM, CHANNEL))
PERSON = Principal(SLACK, TEAM, ADA)


@pytest.fixture
async def slack(clock: ManualClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(now=lambda: clock.now().timestamp()) as fake:
        yield fake
        assert fake.violations == []


@pytest.fixture
async def chat(slack: FakeSlack, clock: ManualClock) -> AsyncIterator[SlackChat]:
    opened = SlackChat(TOKEN, base_url=slack.url, clock=clock, team=TEAM)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def thread(slack: FakeSlack) -> ThreadRef:
    return OPS.under(MessageId(slack.say("a question").ts))


def item(clock: ManualClock, text: str = "All is well.", **fields: Any) -> OutboxItem:
    row = OutboxItem(
        id=OutboxId("row1"),
        thread=OPS,
        content=Content(text),
        proactive=False,
        not_before=clock.now(),
        created_at=clock.now(),
    )
    return replace(row, **fields)


def only(slack: FakeSlack) -> Posted:
    (posted,) = slack.visible()
    return posted


def test_the_schema_of_the_web_api_is_here() -> None:
    assert specs.required("slack/web-api-openapi-v2.json")["paths"]


def test_it_is_a_chat_port(chat: SlackChat) -> None:
    port: ChatPort = chat
    assert port.platform == "slack"
    assert port.limits.per_channel == 1.0
    assert port.limits.images


async def test_it_learns_who_it_is(chat: SlackChat) -> None:
    assert (chat.bot_user_id, chat.team_id) == (BOT, TEAM)


@pytest.mark.parametrize(
    ("token", "team", "scopes", "says"),
    [
        ("xoxb-other", None, "chat:write", "NIGHTDESK_SLACK__BOT_TOKEN"),
        (TOKEN, "T0ELSE", "chat:write", "T0ELSE"),
        (TOKEN, None, "commands", "chat:write"),
    ],
)
async def test_a_token_that_is_no_good_is_a_clear_error(
    slack: FakeSlack, clock: ManualClock, token: str, team: str | None, scopes: str, says: str
) -> None:
    slack.scopes = scopes
    with pytest.raises(ConfigurationError, match=says):
        await SlackChat(token, base_url=slack.url, clock=clock, team=team).open()


async def test_a_slack_that_cannot_be_reached_is_asked_again_later(clock: ManualClock) -> None:
    chat = SlackChat(TOKEN, base_url="http://127.0.0.1:1/api/", clock=clock)
    with pytest.raises(Retryable, match="reached"):
        await chat.open()
    with pytest.raises(Retryable, match="not open"):
        await chat.send(item(clock))


# ------------------------------------------------------------------------------ sending


async def test_a_message_carries_markdown_and_its_outbox_id(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    ts = await chat.send(item(clock, "# Report\n\n**3** runs <!channel> & more"))
    posted = only(slack)
    assert posted.ts == ts
    assert posted.id == "row1"
    assert posted.markdown == "# Report\n\n**3** runs <\u200b!channel> & more"
    assert posted.text == "Report\n3 runs &lt;\u200b!channel&gt; &amp; more"
    (args,) = slack.called("chat.postMessage")
    assert "thread_ts" not in args


async def test_an_answer_goes_into_its_thread(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    await chat.send(item(clock, thread=thread))
    assert only(slack).thread_ts == thread.root


async def test_buttons_stand_under_the_text(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    buttons = (Button("Yes", "answer", "1"), Button("No", "answer", "2"))
    await chat.send(item(clock, content=Content("Sure?", buttons)))
    row = only(slack).blocks[1]
    assert [(b["action_id"], b["value"]) for b in row["elements"]] == [
        ("answer#0", "1"),
        ("answer#1", "2"),
    ]


async def test_the_longest_message_is_taken(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    parts = chat.split(Content("Many words, said at length. @here " * 1000))
    for number, part in enumerate(parts):
        await chat.send(item(clock, id=OutboxId(str(number)), content=part))
    assert len(slack.visible()) == len(parts) > 2


async def test_an_empty_text_is_still_a_message(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    await chat.send(item(clock, ""))
    assert only(slack).markdown == "…"


# ------------------------------------------------------------------------- private answers


async def test_a_private_answer_goes_to_the_commands_own_address(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    await chat.send(item(clock, only_for=PERSON, reply_url=slack.response_url()))
    (body,) = slack.called("response_url")
    assert body["response_type"] == "ephemeral"
    assert body["replace_original"] is False
    assert slack.called("chat.postEphemeral") == []


@pytest.mark.parametrize("case", ["old", "used up", "absent", "not slack's"])
async def test_a_private_answer_without_a_good_address_is_shown_to_the_person(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef, case: str
) -> None:
    url = "" if case == "absent" else slack.response_url()
    if case == "not slack's":
        url = "https://hooks.slack.com.evil.example/x"
    if case == "used up":
        slack.answered["one"] = 5
    row = item(clock, only_for=PERSON, reply_url=url, thread=thread)
    if case == "old":
        await clock.advance(timedelta(minutes=26))
    await chat.send(row)
    (args,) = slack.called("chat.postEphemeral")
    assert (args["user"], args["thread_ts"]) == (ADA, thread.root)


@pytest.mark.parametrize("channel", [CHANNEL, "D0TWOOTHERS"])
async def test_a_command_is_answered_for_all_to_see_where_the_bot_is_not(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, channel: str
) -> None:
    slack.absent.add(CHANNEL)
    place = ThreadRef(ChannelRef(SLACK, TEAM, channel))
    await chat.send(item(clock, thread=place, reply_url=slack.response_url()))
    (body,) = slack.called("response_url")
    assert body["response_type"] == "in_channel"
    with pytest.raises(Permanent):
        await chat.send(item(clock, thread=place))


async def test_in_a_direct_message_everything_is_private_already(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    direct = ThreadRef(ChannelRef(SLACK, TEAM, DIRECT))
    await chat.send(item(clock, only_for=PERSON, thread=direct))
    assert only(slack).id == "row1"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("status", status=500), Ambiguous),
        (Fault("status", status=429), Retryable),
        (Fault("lost_request"), Ambiguous),
        (Fault("lost_answer"), Ambiguous),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_the_commands_own_address_fails_like_slack_does(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, fault: Fault, error: type[Exception]
) -> None:
    slack.faults.append(fault)
    row = item(clock, only_for=PERSON, reply_url=slack.response_url())
    with pytest.raises(error):
        await chat.send(row)
    with pytest.raises(Permanent):
        await chat.find(row)


# ------------------------------------------------------------------------------- failures


async def test_too_many_messages_to_look_through_is_no_guess(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.slack.history._PAGE", 1)
    for number in range(26):
        slack.say(f"message {number}")
    with pytest.raises(Permanent, match="look through"):
        await chat.find(item(clock))


async def test_slack_says_how_long_to_wait(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    slack.faults.append(Fault("rate", retry_after=17))
    with pytest.raises(Retryable) as caught:
        await chat.send(item(clock))
    assert caught.value.after == 17
    assert slack.visible() == []


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("channel_not_found", "nightdesk.toml"),
        ("not_in_channel", "/invite"),
        ("is_archived", "unarchive"),
        ("msg_too_long", "longer"),
        ("invalid_auth", "NIGHTDESK_SLACK__BOT_TOKEN"),
        ("missing_scope", "nightdesk slack manifest"),
        ("something_new", "something_new"),
    ],
)
async def test_a_refusal_says_what_to_do(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, code: str, advice: str
) -> None:
    slack.faults.append(Fault("error", error=code))
    with pytest.raises(Permanent, match=advice) as caught:
        await chat.send(item(clock))
    assert code in str(caught.value)


async def test_the_state_of_a_channel_is_permanent(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    slack.archived.add(CHANNEL)
    with pytest.raises(Permanent, match="is_archived"):
        await chat.send(item(clock))
    elsewhere = ThreadRef(ChannelRef(SLACK, TEAM, "C0ELSE"))
    with pytest.raises(Permanent, match="channel_not_found"):
        await chat.send(item(clock, thread=elsewhere))


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=500),
        Fault("status", status=503),
        Fault("status", status=403),
        Fault("status", status=404),
        Fault("status", status=302),
        Fault("error", error="internal_error"),
        Fault("error", error="fatal_error"),
        Fault("garbage", error="text/plain"),
        Fault("garbage", error="text/html"),
        Fault("garbage", error="application/json"),
        Fault("lost_request"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.error or fault.status}",
)
async def test_what_may_have_happened_is_looked_for_before_it_is_sent_again(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, fault: Fault
) -> None:
    slack.faults.append(fault)
    with pytest.raises(Ambiguous):
        await chat.send(item(clock))
    assert await chat.find(item(clock)) is None


@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_lost_answer_is_found_and_not_sent_twice(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef, in_thread: bool
) -> None:
    row = item(clock, thread=thread if in_thread else OPS)
    slack.faults.append(Fault("lost_answer", method="chat.postMessage"))
    with pytest.raises(Ambiguous):
        await chat.send(row)
    # The SDK's own retry would have posted it again.
    posted = only(slack)
    assert await chat.find(row) == posted.ts
    assert await chat.find(item(clock, id=OutboxId("other"), thread=row.thread)) is None


async def test_a_message_is_found_among_hundreds(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    row = item(clock)
    ts = await chat.send(row)
    for number in range(450):
        slack.say(f"message {number}")
    assert await chat.find(row) == ts
    assert len(slack.called("conversations.history")) == 3


async def test_a_message_of_long_ago_with_the_same_id_is_not_looked_for(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    await chat.send(item(clock))
    await clock.advance(timedelta(hours=1))
    assert await chat.find(item(clock)) is None


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("rate"), Retryable),
        (Fault("status", status=500), Retryable),
        (Fault("lost_request"), Retryable),
        (Fault("error", error="missing_scope"), Permanent),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_looking_can_fail_and_changes_nothing(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, fault: Fault, error: type[Exception]
) -> None:
    slack.faults += [fault] * 2  # aiohttp repeats a lost GET once by itself
    with pytest.raises(error):
        await chat.find(item(clock))


# -------------------------------------------------------------------------------- status


async def test_a_status_is_shown_and_cleared(
    slack: FakeSlack, chat: SlackChat, thread: ThreadRef
) -> None:
    await chat.status(thread, "is thinking…")
    assert slack.statuses == {(CHANNEL, thread.root): "is thinking…"}
    await chat.status(thread, "")
    assert slack.statuses == {(CHANNEL, thread.root): ""}


async def test_a_status_is_best_effort(
    slack: FakeSlack, chat: SlackChat, thread: ThreadRef
) -> None:
    await chat.status(OPS, "is thinking…")  # Slack takes one in threads only
    for kind in ("rate", "lost_request", "status"):
        slack.faults.append(Fault(kind, "agents.sessions.setStatus"))
        slack.faults.append(Fault(kind, "assistant.threads.setStatus"))
        await chat.status(thread, "is thinking…")
    assert slack.statuses == slack.sessions == {}


async def test_where_a_status_is_not_permitted_it_is_not_tried_again(
    slack: FakeSlack, chat: SlackChat, thread: ThreadRef
) -> None:
    for method in ("agents.sessions.setStatus", "assistant.threads.setStatus"):
        slack.faults.append(Fault("error", method, error="missing_scope"))
    await chat.status(thread, "is thinking…")
    await chat.status(thread, "is thinking…")
    assert len(slack.called("assistant.threads.setStatus")) == 1
    assert len(slack.called("agents.sessions.setStatus")) == 1


async def test_an_answer_without_the_place_of_direct_messages_is_not_kept(
    chat: SlackChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def odd(**_: object) -> dict[str, object]:
        return {"ok": True, "channel": {}}

    with monkeypatch.context() as once:
        once.setattr(chat._client, "conversations_open", odd)
        with pytest.raises(Retryable):
            await chat.direct(PERSON)
    assert (await chat.direct(PERSON)).channel.channel


async def test_an_owner_is_told_in_a_direct_message(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    place = await chat.direct(PERSON)
    assert place == ThreadRef(ChannelRef(SLACK, TEAM, DIRECT))
    assert await chat.direct(PERSON) == place
    assert len(slack.called("conversations.open")) == 1
    await chat.send(item(clock, thread=place))
    with pytest.raises(Permanent, match=r"nightdesk\.toml"):
        await chat.direct(Principal(SLACK, TEAM, "B0BOT"))


# -------------------------------------------------------------------------------- drafts


async def begun(chat: SlackChat, thread: ThreadRef, text: str = "") -> MessageId:
    draft = await chat.begin_draft(thread, requester=PERSON, text=text)
    assert draft is not None
    return draft


async def test_an_answer_streams_and_becomes_the_message(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    draft = await begun(chat, thread, "The night ")
    (start,) = slack.called("chat.startStream")
    assert (start["recipient_user_id"], start["recipient_team_id"]) == (ADA, TEAM)
    await clock.advance(1)
    await chat.grow_draft(thread, draft, "The night was quiet. Nothing fai")
    assert slack.called("chat.appendStream") == [
        {"channel": CHANNEL, "ts": draft, "markdown_text": " was quiet. Nothing"}
    ]
    assert only(slack).streaming
    text = "The night was quiet. Nothing failed."
    row = item(
        clock, thread=thread, content=Content(text, (Button("More", "m", "1"),)), draft=draft
    )
    assert await chat.send(row) == draft
    posted = only(slack)
    assert (posted.markdown, posted.streaming, posted.id) == (text, False, "row1")
    assert posted.blocks[0]["type"] == "actions"
    assert slack.called("chat.update") == []
    assert await chat.find(row) == draft


async def test_growth_is_joined_and_never_faster_than_slack_likes(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    draft, text = await begun(chat, thread), ""
    for number in range(100):
        text += f"word{number} "
        await chat.grow_draft(thread, draft, text)
        await clock.advance(0.05)
    assert 5 <= len(slack.called("chat.appendStream")) <= 9
    await chat.send(item(clock, text.strip(), thread=thread, draft=draft))
    assert only(slack).markdown == text.strip()


async def test_an_answer_that_turned_out_otherwise_replaces_what_was_shown(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    draft = await begun(chat, thread, "First thought, ")
    await chat.send(item(clock, "Second thought.", thread=thread, draft=draft))
    posted = only(slack)
    assert (posted.markdown, posted.streaming, posted.id) == ("Second thought.", False, "row1")


@pytest.mark.parametrize("streams", [True, False])
async def test_a_draft_of_a_process_that_died_is_finished_by_the_next(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef, streams: bool
) -> None:
    slack.streams_in = lambda _channel: streams
    draft = await begun(chat, thread, "Half of an ")
    next_life = SlackChat(TOKEN, base_url=slack.url, clock=clock)
    await next_life.open()
    row = item(clock, "Half of an answer, and the rest.", thread=thread, draft=draft)
    assert await next_life.find(row) is None
    await next_life.grow_draft(thread, draft, "not known here, ")
    assert await next_life.send(row) == draft
    posted = only(slack)
    assert (posted.markdown, posted.streaming, posted.id) == (row.content.text, False, "row1")
    assert await next_life.find(row) == draft
    await next_life.close()


@pytest.mark.parametrize(
    "fault", [Fault("lost_answer"), Fault("lost_request"), Fault("rate"), Fault("status")]
)
@pytest.mark.parametrize("method", ["chat.stopStream", "chat.update"])
async def test_a_draft_can_be_finished_again_after_any_failure(
    slack: FakeSlack,
    chat: SlackChat,
    clock: ManualClock,
    thread: ThreadRef,
    fault: Fault,
    method: str,
) -> None:
    draft = await begun(chat, thread, "Half of an ")
    # Another beginning makes it stop and then edit; the same beginning only stop.
    text = "An answer." if method == "chat.update" else "Half of an answer."
    slack.faults.append(Fault(fault.kind, method=method))
    row = item(clock, text, thread=thread, draft=draft)
    with pytest.raises(Retryable if fault.kind == "rate" else Ambiguous):
        await chat.send(row)
    done = fault.kind == "lost_answer"
    assert await chat.find(row) == (draft if done else None)
    assert await chat.send(row) == draft
    posted = only(slack)
    assert (posted.markdown, posted.streaming, posted.id) == (text, False, "row1")


@pytest.mark.parametrize("gone", ["message_not_found", "cant_update_message"])
async def test_where_the_draft_is_gone_the_answer_is_a_message_of_its_own(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef, gone: str
) -> None:
    draft = await begun(chat, thread, "Half of an ")
    slack.faults += [Fault("error", error=gone, method="chat.stopStream")] * 2
    slack.faults.append(Fault("error", error=gone, method="chat.update"))
    row = item(clock, "The answer.", thread=thread, draft=draft)
    ts = await chat.send(row)
    assert ts != draft
    assert slack.visible()[-1].id == "row1"
    assert await chat.find(row) == ts


async def test_a_stream_that_cannot_take_the_answer_at_once_is_stopped_and_edited(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    draft = await begun(chat, thread, "Half of an ")
    slack.faults.append(Fault("error", error="invalid_blocks", method="chat.stopStream"))
    await chat.send(item(clock, "Half of an answer.", thread=thread, draft=draft))
    posted = only(slack)
    assert (posted.markdown, posted.streaming, posted.id) == ("Half of an answer.", False, "row1")


async def test_a_draft_in_a_channel_that_was_closed_cannot_be_finished(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    draft = await begun(chat, thread, "Half of an ")
    slack.archived.add(CHANNEL)
    with pytest.raises(Permanent, match="is_archived"):
        await chat.send(item(clock, "The answer.", thread=thread, draft=draft))


async def test_a_stream_that_slack_ended_goes_on_by_edits(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    draft = await begun(chat, thread, "One ")
    only(slack).streaming = False
    for text in ("One two ", "One two three ", "One two three four "):
        await clock.advance(1.5)
        await chat.grow_draft(thread, draft, text)
    assert only(slack).markdown == "One two three four"
    await chat.send(item(clock, "One two three four five", thread=thread, draft=draft))
    assert only(slack).id == "row1"


async def test_where_slack_takes_no_stream_the_draft_is_edited_once_a_second(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    slack.streams_in = lambda _channel: False
    draft = await begun(chat, thread)
    assert only(slack).markdown == "…"
    text = ""
    for number in range(60):
        text += f"word{number} "
        await chat.grow_draft(thread, draft, text)
        await clock.advance(0.05)
    assert 2 <= len(slack.called("chat.update")) <= 3
    await chat.send(item(clock, text, thread=thread, draft=draft))
    assert only(slack).id == "row1"
    await begun(chat, thread, "Again ")
    assert len(slack.called("chat.startStream")) == 1


async def test_without_the_permission_no_channel_is_asked_again(
    slack: FakeSlack, chat: SlackChat, thread: ThreadRef
) -> None:
    slack.faults.append(Fault("error", error="missing_scope", method="chat.startStream"))
    await begun(chat, thread)
    slack.channels.add("C0ELSE")
    there = ThreadRef(ChannelRef(SLACK, TEAM, "C0ELSE"), "1767600000.000001")
    await begun(chat, there)
    assert len(slack.called("chat.startStream")) == 1


async def test_a_direct_message_without_a_thread_is_edited(
    slack: FakeSlack, chat: SlackChat
) -> None:
    await begun(chat, ThreadRef(ChannelRef(SLACK, TEAM, DIRECT)), "Hello ")
    assert slack.called("chat.startStream") == []
    assert only(slack).markdown == "Hello"


@pytest.mark.parametrize("fault", [Fault("rate"), Fault("lost_request"), Fault("status")])
async def test_where_no_draft_can_be_made_there_is_none(
    slack: FakeSlack, chat: SlackChat, thread: ThreadRef, fault: Fault
) -> None:
    slack.faults += [fault] * 2
    assert await chat.begin_draft(thread, requester=PERSON, text="Hello ") is None


@pytest.mark.parametrize("kind", ["rate", "lost_request", "lost_answer", "status", "error"])
async def test_growing_never_raises_and_the_answer_is_whole_all_the_same(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef, kind: str
) -> None:
    draft = await begun(chat, thread, "One ")
    slack.faults.append(Fault(kind, method="chat.appendStream", error="invalid_arguments"))
    for text in ("One two ", "One two three "):
        await clock.advance(1)
        await chat.grow_draft(thread, draft, text)
    await chat.send(item(clock, "One two three four.", thread=thread, draft=draft))
    posted = only(slack)
    assert (posted.markdown, posted.id) == ("One two three four.", "row1")


async def test_text_of_a_model_pings_nobody_while_it_grows(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    answer = "Hey @channel and <!here>, see [this](https://e.org/x) ![i](https://e.org/i.png) now"
    draft = await begun(chat, thread)
    for at in range(1, len(answer), 7):
        await clock.advance(1)
        await chat.grow_draft(thread, draft, answer[:at])
    await chat.send(item(clock, answer, thread=thread, draft=draft))
    assert "@\u200bchannel" in only(slack).markdown
    assert slack.called("chat.update") == []


# -------------------------------------------------------------------------------- the wire


async def test_many_messages_share_few_connections(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(chat.send(item(clock, id=OutboxId(str(number)))))
    assert len(slack.visible()) == 100
    assert slack.connections <= 51


async def test_what_people_say_is_not_logged_at_the_debug_level(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await chat.send(item(clock, "canary-7f3a"))
    assert "canary-7f3a" not in caplog.text
    assert TOKEN not in caplog.text
