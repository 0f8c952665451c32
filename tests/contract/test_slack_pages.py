"""Slack's own surfaces on the wire: forms, App Home, sessions, task cards, files, the probe."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from adapters.slack.outbound import SlackChat
from bot.selftest.slack import rules
from bot.selftest.slack.arguments import ARGUMENTS
from bot.selftest.slack.names import SCOPES
from runtime.errors import Ambiguous, Permanent, Refused, Retryable
from runtime.forms import FORMS
from runtime.ids import FileId, MessageId, OutboxId, Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.files import FileRef, OutFile
from runtime.model.forms import FormSpec
from runtime.model.home import HomePage, Prompt, Section
from runtime.model.messages import Button, Content
from runtime.model.outbox import OutboxItem
from runtime.model.probe import Finding
from runtime.model.step import Step, StepState
from runtime.ports import FetchesFiles, OpensForms, ShowsHome, ShowsSteps
from tests.support.clock import ManualClock
from tests.support.fake_slack import (
    APP_TOKEN,
    CHANNEL,
    DIRECT,
    TEAM,
    TOKEN,
    FakeSlack,
    Fault,
)
from tests.support.fake_slack_events import ADA
from tests.support.fake_slack_rules import signature

SLACK = Platform("slack")
OPS = ThreadRef(ChannelRef(SLACK, TEAM, CHANNEL))
DM = ThreadRef(ChannelRef(SLACK, TEAM, DIRECT))
PERSON = Principal(SLACK, TEAM, ADA)
CHART = OutFile(id=FileId("chart"), name="chart.png", media_type="image/png", size=5)


@pytest.fixture
async def slack(clock: ManualClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(now=lambda: clock.now().timestamp()) as fake:
        yield fake
        assert fake.violations == []


@pytest.fixture
async def chat(slack: FakeSlack, clock: ManualClock) -> AsyncIterator[SlackChat]:
    async def read(file: OutFile) -> bytes:
        return b"x" * file.size

    opened = SlackChat(
        TOKEN, base_url=slack.url, clock=clock, team=TEAM, app_token=APP_TOKEN, read_file=read
    )
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def thread(slack: FakeSlack) -> ThreadRef:
    return OPS.under(MessageId(slack.say("a question").ts))


def item(clock: ManualClock, **fields: Any) -> OutboxItem:
    row = OutboxItem(
        id=OutboxId("row1"),
        thread=OPS,
        content=Content("All is well."),
        proactive=False,
        not_before=clock.now(),
        created_at=clock.now(),
    )
    return replace(row, **fields)


def test_it_has_all_that_slack_offers(chat: SlackChat) -> None:
    forms: OpensForms = chat
    home: ShowsHome = chat
    steps: ShowsSteps = chat
    files: FetchesFiles = chat
    assert isinstance(forms, OpensForms)
    assert isinstance(home, ShowsHome)
    assert isinstance(steps, ShowsSteps)
    assert files is not None


def test_the_fakes_own_table_of_arguments_agrees_with_the_vendors() -> None:
    for method, ours in ARGUMENTS.items():
        theirs = signature(method)
        if theirs is not None:
            assert {n: k.rstrip("!") for n, k in ours.items()}.items() <= {
                n: k.rstrip("!") for n, k in {**theirs, "blocks": "array"}.items()
            }.items() | {("ts", "number"), ("thread_ts", "string")}, method


# ---------------------------------------------------------------------------------- forms


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.action)
async def test_a_form_is_opened(
    slack: FakeSlack, chat: SlackChat, thread: ThreadRef, form: FormSpec
) -> None:
    await chat.open_form(form, trigger=slack.trigger(), value="7", thread=thread)
    [shown] = slack.forms
    assert shown["callback_id"] == form.action
    assert [block["block_id"] for block in shown["blocks"]] == [f.name for f in form.fields]


async def test_a_trigger_is_good_once_and_for_three_seconds(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    trigger, late = slack.trigger(), slack.trigger()
    await chat.open_form(FORMS[0], trigger=trigger, value="", thread=OPS)
    with pytest.raises(Permanent, match="exchanged_trigger_id"):
        await chat.open_form(FORMS[0], trigger=trigger, value="", thread=OPS)
    await clock.advance(4)
    with pytest.raises(Permanent, match="expired_trigger_id"):
        await chat.open_form(FORMS[0], trigger=late, value="", thread=OPS)
    slack.faults.append(Fault("lost_answer", "views.open"))
    with pytest.raises(Retryable):
        await chat.open_form(FORMS[0], trigger=slack.trigger(), value="", thread=OPS)


# ----------------------------------------------------------------------------------- home


async def test_the_home_of_a_person_is_drawn_with_prompts(
    slack: FakeSlack, chat: SlackChat
) -> None:
    page = HomePage(
        sections=(
            Section(title="Schedules @here", text="- **1** <!channel> [x](http://a.example)"),
            Section(title="Nothing", text=""),
        ),
        prompts=tuple(Prompt(title=f"Ask {n}", message=f"What about {n}?") for n in range(6)),
    )
    await chat.show_home(page, who=PERSON, thread=DM)
    view = slack.homes[ADA]
    assert [block["type"] for block in view["blocks"]] == ["header", "markdown"] * 2
    assert len(slack.prompts[DIRECT]) == 4
    assert slack.called("assistant.threads.setSuggestedPrompts")[0].keys() == {
        "channel_id",
        "prompts",
    }


async def test_a_home_with_too_much_on_it_says_so(slack: FakeSlack, chat: SlackChat) -> None:
    long = "\n".join(f"- line {number} of many, and **more** of it" for number in range(2_000))
    page = HomePage(sections=(Section(title="A", text=long), Section(title="B", text=long)))
    await chat.show_home(page, who=PERSON, thread=DM)
    shown = rules.markdown_of({"view": slack.homes[ADA]})
    assert sum(map(len, shown)) <= 12_000
    assert all("more than fits" in text for text in shown)


async def test_prompts_that_slack_refuses_do_not_spoil_the_page(
    slack: FakeSlack, chat: SlackChat
) -> None:
    slack.faults.append(
        Fault("error", "assistant.threads.setSuggestedPrompts", error="channel_not_found")
    )
    page = HomePage(
        sections=(Section(title="A", text="b"),), prompts=(Prompt(title="c", message="d"),)
    )
    await chat.show_home(page, who=PERSON, thread=DM)
    assert ADA in slack.homes


# ------------------------------------------------------------------------------- sessions


async def test_a_session_works_until_the_answer_is_there(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    key = (CHANNEL, thread.root)
    await chat.status(thread, "is thinking…")
    assert slack.sessions[key] == "processing"
    assert slack.statuses[key] == "is thinking…"
    await chat.send(item(clock, thread=thread))
    assert slack.sessions[key] == "active"
    calls = len(slack.called("agents.sessions.setStatus"))
    await chat.send(item(clock, thread=thread, id=OutboxId("row2")))
    assert len(slack.called("agents.sessions.setStatus")) == calls


async def test_a_private_word_in_between_ends_no_session(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    await chat.status(thread, "is thinking…")
    await chat.send(item(clock, thread=thread, only_for=PERSON))
    assert slack.sessions[CHANNEL, thread.root] == "processing"


async def test_the_end_of_a_stream_ends_the_session_of_a_process_that_died(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    draft = await chat.begin_draft(thread, requester=PERSON, text="All is ")
    await chat.send(item(clock, thread=thread, draft=draft))
    assert slack.sessions[CHANNEL, thread.root] == "active"


# ---------------------------------------------------------------------------------- steps


async def test_steps_are_task_cards_of_the_stream(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    draft = await chat.begin_draft(thread, requester=PERSON, text="")
    assert draft is not None
    for state in (StepState.RUNNING, StepState.DONE):
        await chat.show_step(thread, draft, Step(id="1", title="Reads @here", state=state))
    await chat.show_step(thread, draft, Step(id="2", title="Fails", state=StepState.FAILED))
    [posted] = slack.visible()
    assert posted.tasks == {
        "1": ("Reads @\u200bhere", "complete"),
        "2": ("Fails", "error"),
    }
    await chat.grow_draft(thread, draft, "All is ")
    await chat.send(item(clock, thread=thread, draft=draft))
    assert posted.markdown == "All is well."


async def test_a_step_is_best_effort(slack: FakeSlack, chat: SlackChat, thread: ThreadRef) -> None:
    step = Step(id="1", title="Reads", state=StepState.RUNNING)
    await chat.show_step(thread, MessageId("1.2"), step)
    slack.streams_in = lambda _channel: False
    edited = await chat.begin_draft(thread, requester=PERSON, text="All is ")
    assert edited is not None
    await chat.show_step(thread, edited, step)
    slack.streams_in = lambda _channel: True
    other = OPS.under(MessageId(slack.say("more").ts))
    draft = await chat.begin_draft(other, requester=PERSON, text="All is ")
    assert draft is not None
    for fault in (Fault("rate"), Fault("lost_request"), Fault("error", error="internal_error")):
        slack.faults.append(fault)
        await chat.show_step(other, draft, step)
    slack.faults.append(Fault("error", error="message_not_in_streaming_state"))
    await chat.show_step(other, draft, step)
    calls = len(slack.calls)
    await chat.show_step(other, draft, step)
    assert len(slack.calls) == calls, "the stream is over"


# ---------------------------------------------------------------------------------- files


async def test_a_file_goes_out_before_its_text(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    content = Content("Here it is.", (Button("Ok", "ok", "1"),), (CHART,))
    assert [piece.files for piece in chat.split(content)] == [(CHART,)]
    await chat.send(item(clock, thread=thread, content=content))
    shared, said = slack.visible()
    assert [slack.files[file].data for file in shared.files] == [b"xxxxx"]
    assert shared.thread_ts == said.thread_ts == thread.root
    assert said.markdown == "Here it is."


async def test_a_picture_says_what_it_shows(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    shown = replace(CHART, alt="A bar for each day.")
    await chat.send(item(clock, content=Content("Here it is.", files=(shown, CHART))))
    asked = slack.called("files.getUploadURLExternal")
    assert [args.get("alt_txt") for args in asked] == ["A bar for each day.", None]


async def test_a_file_is_there_once_after_a_try_that_may_have_sent_it(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef
) -> None:
    first = item(clock, thread=thread, content=Content("Here.", files=(CHART,)))
    slack.faults.append(Fault("lost_answer", "files.completeUploadExternal"))
    with pytest.raises(Ambiguous):
        await chat.send(first)
    await clock.advance(5.0)
    assert await chat.find(first) is None
    await chat.send(replace(first, attempts=2))
    shared, said = slack.visible()
    assert (len(shared.files), said.markdown) == (1, "Here.")


@pytest.mark.parametrize("attempts", [1, 2])
async def test_a_file_of_the_same_name_that_somebody_else_sent_is_not_ours(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock, thread: ThreadRef, attempts: int
) -> None:
    again = replace(CHART, id=FileId("other"), size=7)
    await chat.send(item(clock, thread=thread, content=Content("First.", files=(CHART,))))
    second = item(
        clock, id=OutboxId("row2"), thread=thread, content=Content("Second.", files=(again,))
    )
    await chat.send(replace(second, attempts=attempts))
    assert sum(bool(posted.files) for posted in slack.visible()) == 2


async def test_a_file_for_one_person_goes_to_their_direct_conversation(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    content = Content("Here it is.", files=(CHART,))
    await chat.send(item(clock, only_for=PERSON, content=content))
    [shared] = [posted for posted in slack.visible() if posted.files]
    assert shared.channel == DIRECT


async def test_a_file_that_cannot_be_brought_to_slack_is_tried_again(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    slack.faults.append(Fault("rate", "files.getUploadURLExternal"))
    with pytest.raises(Retryable):
        await chat.send(item(clock, content=Content("x", files=(CHART,))))
    assert slack.visible() == []


async def _fetched(chat: SlackChat, file: FileRef, most: int = 100) -> bytes:
    return b"".join([piece async for piece in chat.fetch(file, most=most)])


async def test_a_file_is_fetched_by_its_address_or_its_id(
    slack: FakeSlack, chat: SlackChat
) -> None:
    file = slack.hold_file(b"hello")
    assert await _fetched(chat, FileRef(handle=slack.file_url(file))) == b"hello"
    assert await _fetched(chat, FileRef(handle=file)) == b"hello"


async def test_files_go_by_the_proxy_that_everything_else_goes_by(
    slack: FakeSlack, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def pump(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            asked.extend(re.findall(r"^(?:GET|POST) http://[^/]+(\S+) ", data.decode("latin-1")))
            to.write(data)
        to.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = urlsplit(slack.url)
        from_slack, to_slack = await asyncio.open_connection(place.hostname, place.port)
        await asyncio.gather(pump(reader, to_slack), pump(from_slack, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        chat = SlackChat(TOKEN, base_url=slack.url, clock=clock, team=TEAM)
        await chat.open()
        address = slack.file_url(slack.hold_file(b"hello"))
        assert await _fetched(chat, FileRef(handle=address)) == b"hello"
        await chat.close()
    assert [urlsplit(slack.url).path + "auth.test", urlsplit(address).path] == asked


async def test_a_file_may_take_longer_than_a_call(slack: FakeSlack, chat: SlackChat) -> None:
    file = slack.file_url(slack.hold_file(b"hello"))
    files = chat._opened.files if chat._opened else None
    assert files is not None
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1e-6)) as hasty:
        with pytest.raises(TimeoutError):
            await hasty.get(file)
        files._session = hasty
        assert await _fetched(chat, FileRef(handle=file)) == b"hello"


async def test_a_file_over_the_limit_is_refused_whatever_it_claims(
    slack: FakeSlack, chat: SlackChat
) -> None:
    file = slack.hold_file(b"x" * 101)
    for claimed in (None, 5, 101):
        with pytest.raises(Refused, match="the most I take"):
            await _fetched(chat, FileRef(handle=slack.file_url(file), name="a", size=claimed))
    assert len(await _fetched(chat, FileRef(handle=slack.file_url(file)), most=101)) == 101


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/x",
        "http://files.slack.com/x",
        "https://files.slack.com.evil.example/x",
        "https://files.slack.com@evil.example/x",
        "https://notslack.com/x",
        "ftp://files.slack.com/x",
        "file:///etc/passwd",
    ],
)
async def test_the_token_goes_to_slacks_own_hosts_only(chat: SlackChat, address: str) -> None:
    with pytest.raises(Refused, match="not at Slack"):
        await _fetched(chat, FileRef(handle=address))


async def test_a_file_that_is_gone_or_not_ours_to_read_is_said_so(
    slack: FakeSlack, chat: SlackChat
) -> None:
    with pytest.raises(Permanent, match="404"):
        await _fetched(chat, FileRef(handle=slack.file_url("F404")))
    with pytest.raises(Permanent, match="file_not_found"):
        await _fetched(chat, FileRef(handle="F404"))
    file = slack.hold_file(b"hello")
    slack.token = "another"
    with pytest.raises(Permanent, match="files:read"):
        await _fetched(chat, FileRef(handle=slack.file_url(file)))


# ------------------------------------------------------------------------------ the probe


async def _probed(chat: SlackChat, channel: ChannelRef | None = None) -> list[Finding]:
    return list(await chat.probe(channel))


async def test_a_good_connection_is_found_good(slack: FakeSlack, chat: SlackChat) -> None:
    found = await _probed(chat, OPS.channel)
    assert all(finding.ok for finding in found)
    assert [finding.what.partition(":")[0] for finding in found] == [
        "the bot token",
        "the permissions",
        "the app-level token",
        f"the channel {CHANNEL} (#{CHANNEL.lower()})",
    ]


@pytest.mark.parametrize("scope", SCOPES.split(","))
async def test_each_missing_permission_is_named(
    slack: FakeSlack, chat: SlackChat, scope: str
) -> None:
    slack.scopes = ",".join(set(SCOPES.split(",")) - {scope})
    [wrong] = [finding for finding in await _probed(chat) if not finding.ok]
    assert wrong.missing == scope
    assert "manifest" in wrong.todo


async def test_what_is_wrong_with_a_channel_is_named(slack: FakeSlack, chat: SlackChat) -> None:
    async def wrong(channel: str = CHANNEL) -> Finding:
        ref = ChannelRef(SLACK, TEAM, channel)
        [found] = [finding for finding in await _probed(chat, ref) if not finding.ok]
        return found

    assert "channel_not_found" in (await wrong("C0NOPE")).what
    slack.absent.add(CHANNEL)
    assert (await wrong()).missing == "membership"
    assert "/invite" in (await wrong()).todo
    slack.archived.add(CHANNEL)
    assert "archived" in (await wrong()).what


async def test_a_shared_channel_is_said_to_be_shared(slack: FakeSlack, chat: SlackChat) -> None:
    slack.details[CHANNEL] = {"is_ext_shared": True}
    found = await _probed(chat, OPS.channel)
    assert "another organisation" in found[-1].what


async def test_a_refused_token_is_the_only_finding(slack: FakeSlack, chat: SlackChat) -> None:
    slack.token = "another"
    [found] = await _probed(chat, OPS.channel)
    assert not found.ok
    assert "invalid_auth" in found.what
    assert "NIGHTDESK_SLACK__BOT_TOKEN" in found.todo


async def test_a_refused_app_level_token_is_named(slack: FakeSlack, chat: SlackChat) -> None:
    slack.app_token = "another"
    [found] = [finding for finding in await _probed(chat) if not finding.ok]
    assert "app-level" in found.what
    assert "NIGHTDESK_SLACK__APP_TOKEN" in found.todo


async def test_where_slack_is_not_reached_that_is_the_finding(
    slack: FakeSlack, chat: SlackChat
) -> None:
    slack.faults += [Fault("status", "auth.test", status=503)] * 2
    [found] = await _probed(chat)
    assert not found.ok
    await chat.close()
    [found] = await _probed(chat)
    assert "not reached" in found.what


async def test_what_one_person_was_shown_never_becomes_what_all_see(
    slack: FakeSlack, chat: SlackChat, clock: ManualClock
) -> None:
    card = item(clock, draft=MessageId("private-1796083200.000100"), content=Content("secret"))
    assert await chat.send(card) == card.draft
    assert slack.visible() == []
