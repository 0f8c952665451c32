"""`/channel`, forms that are opened and come back, and the page of a person."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from runtime.approvals.cards import short_id
from runtime.errors import Permanent, Retryable
from runtime.forms import REMINDER_SNOOZE, SCHEDULE_CREATE
from runtime.ids import (
    MessageId,
    Platform,
)
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import Approval
from runtime.model.events import (
    ButtonPress,
    ChannelChange,
    ChannelChanged,
    Command,
    FormSubmit,
    HomeOpened,
)
from runtime.model.forms import FormSpec
from runtime.model.home import HomePage
from runtime.model.outbox import OutboxState
from runtime.model.probe import Finding
from runtime.model.team import Member, MemberRole
from tests.support.build import ANN, DM, OPS, STRANGER, outbox_item, team
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.commands import CommandBench, command_bench
from tests.support.questions import question

NOBODY = replace(ANN, user="")


@dataclass
class FullChat(MemoryChat):
    """A chat with forms and pages."""

    forms: list[tuple[FormSpec, str, ThreadRef, str]] = field(default_factory=list)
    pages: list[tuple[HomePage, Principal, ThreadRef]] = field(default_factory=list)
    refuses: Exception | None = None

    async def open_form(
        self, form: FormSpec, *, trigger: str, value: str, thread: ThreadRef, reply_url: str = ""
    ) -> None:
        if self.refuses:
            raise self.refuses
        self.forms.append((form, trigger, thread, reply_url))

    async def show_home(self, page: HomePage, *, who: Principal, thread: ThreadRef) -> None:
        if self.refuses:
            raise self.refuses
        self.pages.append((page, who, thread))


@pytest.fixture
def bench() -> CommandBench:
    return command_bench(chat=FullChat())


def full(bench: CommandBench) -> FullChat:
    assert isinstance(bench.chat, FullChat)
    return bench.chat


def waiting(name: str, *, needed: int, clock: ManualClock) -> Approval:
    return question(name, needed=needed, at=clock.now(), thread=OPS)


async def changed(bench: CommandBench, change: ChannelChange, key: str = "") -> str:
    body = ChannelChanged(change=change, detail="")
    return await bench("", thread=ThreadRef(OPS.channel), sender=NOBODY, body=body, key=key)


# -------------------------------------------------------------------------------- channel


async def test_the_list_shows_what_is_known_of_each_channel(bench: CommandBench) -> None:
    shown = await bench("channel list")
    assert "#ops" in shown
    assert "posts unasked" in shown
    assert "never posts unasked" in shown
    assert "nothing sent yet" in shown
    assert "not trusted" not in shown


async def test_the_list_shows_when_something_was_sent_and_the_name_by_now(
    bench: CommandBench,
) -> None:
    item = replace(outbox_item(thread=ThreadRef(OPS.channel)), state=OutboxState.SENT)
    await bench.store.outbox.enqueue([item])
    body = ChannelChanged(change=ChannelChange.RENAMED, detail="operations")
    await bench("", thread=ThreadRef(OPS.channel), sender=NOBODY, body=body)
    shown = await bench("channels list")
    assert "last sent Fri 20 Nov" in shown
    assert "by now called #operations" in shown


async def test_a_channel_that_changed_is_shown_and_the_owners_hear_of_it_once(
    bench: CommandBench,
) -> None:
    assert await changed(bench, ChannelChange.SHARED, key="same") == ""
    assert await changed(bench, ChannelChange.SHARED, key="same") == ""
    [word] = bench.told.values()
    assert "/channel trust #ops" in word
    assert "not trusted: it was shared" in await bench("channel list")


async def test_an_owner_trusts_a_channel_again(bench: CommandBench) -> None:
    await changed(bench, ChannelChange.SHARED)
    answer = await bench("channel trust #ops")
    assert "trusted from now on" in answer
    assert not answer.startswith("("), "everybody sees it"
    assert "not trusted" not in await bench("channel list")
    assert "trusted already" in await bench("channel trust ops")
    assert "trusted already" in await bench(f"channel trust <#{OPS.channel.channel}|ops>")


@pytest.mark.parametrize("role", [role for role in MemberRole if role is not MemberRole.OWNER])
async def test_only_an_owner_trusts(role: MemberRole) -> None:
    other = replace(ANN, user="other")
    configured = replace(
        team(), members=(*team().members, Member(name="Otto", role=role, principals=(other,)))
    )
    bench = command_bench(configured=configured)
    await changed(bench, ChannelChange.SHARED)
    assert "needs the role owner" in await bench("channel trust #ops", sender=other)
    assert "not a member" in await bench("channel trust #ops", sender=STRANGER)
    assert "not trusted" in await bench("channel list")


async def test_the_test_says_what_works_and_what_is_missing(bench: CommandBench) -> None:
    assert "ok: " in await bench("channel test")
    bench.chat.found_in[OPS.channel] = Finding(
        ok=False, what="the channel: the bot is not in it", missing="membership", todo="Invite it."
    )
    shown = await bench("channel test #ops")
    assert "**not ok**: the channel: the bot is not in it" in shown
    assert "Missing: `membership`" in shown
    assert "Invite it." in shown
    assert "is no configured channel" in await bench("channel test #nowhere")


async def test_a_channel_of_a_platform_that_is_not_connected_is_refused() -> None:
    far = replace(OPS.channel, platform=Platform("discord"))
    rules = (*team().channels, replace(team().channels[0], ref=far, name="far"))
    bench = command_bench(configured=replace(team(), channels=rules))
    assert "discord is not connected" in await bench("channel test far")


async def test_without_channels_the_list_says_where_they_are_configured() -> None:
    bench = command_bench(configured=replace(team(), channels=()))
    assert "[[channels]]" in await bench("channel list")


# ---------------------------------------------------------------------------------- forms


async def test_a_command_without_its_words_opens_a_form(bench: CommandBench) -> None:
    body = Command(text="schedule create", trigger="t1", reply_url="https://hooks/1")
    assert await bench("", thread=OPS, body=body) == ""
    [(form, trigger, thread, reply_url)] = full(bench).forms
    assert form.action == SCHEDULE_CREATE
    assert (trigger, thread, reply_url) == ("t1", OPS, "https://hooks/1")


async def test_a_button_that_asks_for_a_time_opens_a_form_with_its_value(
    bench: CommandBench,
) -> None:
    press = ButtonPress(
        action=REMINDER_SNOOZE, value="7:until", message_id=MessageId("m1"), trigger="t1"
    )
    assert await bench("", body=press) == ""
    [(form, trigger, *_)] = full(bench).forms
    assert (form.action, trigger) == (REMINDER_SNOOZE, "t1")


@pytest.mark.parametrize("trouble", [Retryable("later"), Permanent("too old")])
async def test_where_no_form_opens_words_have_to_do(
    bench: CommandBench, trouble: Exception
) -> None:
    full(bench).refuses = trouble
    answer = await bench("", body=Command(text="schedule create", trigger="t1"))
    assert "Write: `/schedule create" in answer
    assert "Write: `/schedule create" in await bench("schedule create"), "no trigger, no form"


def submitted(**answers: str) -> FormSubmit:
    return FormSubmit(action=SCHEDULE_CREATE, value="", answers=tuple(answers.items()))


async def test_a_schedule_is_made_by_its_form_once(bench: CommandBench) -> None:
    form = submitted(when="every day at 9", instruction=" greet\nall ", channel="#ops", tz="")
    answer = await bench("", body=form, key="row")
    assert "**Schedule 1**" in answer
    assert "The result goes to #ops." in answer
    assert await bench("", body=form, key="row") == answer
    [schedule] = await bench.store.schedules.all()
    assert (schedule.instruction, schedule.when.zone) == ("greet\nall", "Europe/Berlin")


async def test_a_form_in_another_zone(bench: CommandBench) -> None:
    await bench("", body=submitted(when="every day at 9", instruction="x", tz="Asia/Tokyo"))
    [schedule] = await bench.store.schedules.all()
    assert schedule.when.zone == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"when": "soonish", "instruction": "x"}, "“soonish”"),
        ({"when": "", "instruction": "x"}, ""),
        ({"when": "every day at 9", "instruction": " "}, "instruction is missing"),
        ({"when": "every day at 9", "instruction": "x", "tz": "Mars/Base"}, "Mars/Base"),
        ({"when": "every day at 9", "instruction": "x", "channel": "#no"}, "no configured"),
        ({}, ""),
    ],
)
async def test_a_form_with_a_wrong_answer_is_told_privately(
    bench: CommandBench, answers: dict[str, str], said: str
) -> None:
    answer = await bench("", body=submitted(**answers))
    assert answer.startswith("(")
    assert len(answer) > 10
    assert said in answer
    assert await bench.store.schedules.all() == []


async def test_a_form_is_judged_like_the_command(bench: CommandBench) -> None:
    form = submitted(when="every day at 9", instruction="x")
    assert "not a member" in await bench("", body=form, sender=STRANGER)
    strange = FormSubmit(action="strange", value="", answers=())
    assert "no longer does anything" in await bench("", body=strange)


# ----------------------------------------------------------------------------------- home


async def test_the_page_shows_what_is_the_persons_own(bench: CommandBench) -> None:
    await bench("schedule create every day at 9 Greet everybody")
    await bench("remind me in 2 hours to call the bank")
    assert await bench("", body=HomeOpened()) == ""
    [(page, who, thread)] = full(bench).pages
    assert (who, thread) == (ANN, DM)
    titles = [section.title for section in page.sections]
    assert titles == ["Your schedules", "Approvals", "Your reminders", "Budget", "How to go on"]
    texts = {section.title: section.text for section in page.sections}
    assert "**1** Greet everybody" in texts["Your schedules"]
    assert "call the bank: in 2 h" in texts["Your reminders"]
    assert texts["Budget"].splitlines()[:2] == [
        "- 1.00 USD of 1.00 USD a day left",
        "- 10.00 USD of 10.00 USD a month left",
    ]
    assert 1 <= len(page.prompts) <= 4


async def test_the_page_lists_what_waits_for_this_person_and_counts_the_rest(
    bench: CommandBench,
) -> None:
    mine = await bench.store.approvals.ask(waiting("mine", needed=1, clock=bench.clock))
    await bench.store.approvals.ask(waiting("other", needed=2, clock=bench.clock))
    await bench("", body=HomeOpened())
    [(page, *_)] = full(bench).pages
    shown = next(section.text for section in page.sections if section.title == "Approvals")
    first, rest = shown.splitlines()
    assert "**git.push** for Ann, expires in 1 h" in first
    assert f"`/approve show {short_id(mine)}`" in first
    assert rest == "1 waits for other people."


async def test_where_one_slash_command_has_all_of_them_they_are_written_so(
    bench: CommandBench,
) -> None:
    full(bench).limits = replace(full(bench).limits, command="nightdesk")
    await bench("", body=HomeOpened())
    [(page, *_)] = full(bench).pages
    assert "`/nightdesk schedule create`" in page.sections[0].text
    in_channel = ThreadRef(OPS.channel)
    assert "`/nightdesk schedule list`" in await bench("help schedule", thread=in_channel)
    in_thread = await bench("help schedule", thread=replace(OPS, root="t1"))
    assert "`!schedule list`" in in_thread
    assert "/schedule" not in in_thread


async def test_the_page_of_a_person_without_anything_says_how_to_begin(
    bench: CommandBench,
) -> None:
    await bench("", body=HomeOpened())
    [(page, *_)] = full(bench).pages
    assert "schedule create" in page.sections[0].text
    assert "remind me" in page.sections[2].text


async def test_a_guests_page_has_no_word_of_the_teams_schedules() -> None:
    guest = replace(ANN, user="guest")
    configured = replace(
        team(), members=(Member(name="Guest", role=MemberRole.GUEST, principals=(guest,)),)
    )
    bench = command_bench(configured=configured, chat=FullChat())
    await bench("", body=HomeOpened(), sender=guest)
    [(page, *_)] = full(bench).pages
    assert [section.title for section in page.sections] == ["Your reminders", "How to go on"]


async def test_a_long_list_is_cut(bench: CommandBench) -> None:
    for number in range(23):
        await bench(f"schedule create every day at 9 Do {number} {'very ' * 50} well")
    await bench.clock.advance(timedelta(minutes=1))
    await bench("", body=HomeOpened())
    [(page, *_)] = full(bench).pages
    assert "and 3 more" in page.sections[0].text
    assert "…" in page.sections[0].text


@pytest.mark.parametrize("trouble", [Retryable("later"), Permanent("no")])
async def test_a_page_that_the_platform_refuses_stops_nothing(
    bench: CommandBench, trouble: Exception
) -> None:
    full(bench).refuses = trouble
    assert await bench("", body=HomeOpened()) == ""


async def test_a_platform_without_pages_is_shown_none() -> None:
    bench = command_bench()
    assert await bench("", body=HomeOpened()) == ""
