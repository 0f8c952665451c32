"""Reminders: once each, in the person's own zone, done and snoozed by the person alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.timing.timetable import CronsimTimetable
from runtime.asking import read_sentence
from runtime.errors import NotATime, Permanent, Refused, Retryable
from runtime.forms import REMINDER_CREATE, REMINDER_SNOOZE, UNTIL, WHAT, WHEN
from runtime.ids import InboxId, MessageId
from runtime.model.address import Principal, ThreadRef
from runtime.model.events import ButtonPress, Command, FormSubmit, Lane, Received
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.reminder import Reminder
from runtime.model.team import Member, MemberRole
from runtime.reminders import DONE, SNOOZE, SNOOZE_UNTIL
from tests.support.build import ANN, DM, STRANGER, T0, TERMINAL, inbound, team
from tests.support.chat import MemoryChat
from tests.support.commands import CommandBench, command_bench

BOB = Principal(TERMINAL, "local", "bob")
HOUR = timedelta(hours=1)
TIMETABLE = CronsimTimetable()


@pytest.fixture
def give() -> CommandBench:
    base = team()
    ann = replace(base.members[0], zone="America/New_York")
    bob = Member(name="Bob", role=MemberRole.GUEST, principals=(BOB,))
    return command_bench(configured=replace(base, members=(ann, bob)))


async def sent(give: CommandBench) -> list[OutboxItem]:
    """What is on its way out, oldest first."""
    now = give.clock.now()
    return await give.store.outbox.claim(now=now, owner="here", platforms=[TERMINAL])


async def press(
    give: CommandBench, action: str, value: str, who: Principal = ANN, key: str = ""
) -> str:
    body = ButtonPress(action=action, value=value, message_id=MessageId("m"))
    return await give("", body=body, sender=who, key=key)


async def due(give: CommandBench, text: str = "/remind me in 2 hours to call Bob") -> OutboxItem:
    """The message of a reminder that has come due."""
    await give(text)
    await give.clock.advance(2 * HOUR)
    await give.reminders.tick()
    (item,) = await sent(give)
    return item


@pytest.mark.parametrize(
    ("sentence", "said", "text"),
    [
        ("in 2 hours to call Bob", "in 2 hours", "call Bob"),
        ("tomorrow at 9am that the shop opens", "tomorrow at 9am", "the shop opens"),
        ("to call Bob tomorrow at 9am", "tomorrow at 9am", "call Bob"),
        ("to buy 2 tickets in 3 hours", "in 3 hours", "buy 2 tickets"),
        ("every weekday at 8:30 stand up", "every weekday at 8:30", "stand up"),
        ("in 10 minutes stretch", "in 10 minutes", "stretch"),
    ],
)
def test_the_time_may_stand_at_either_end(sentence: str, said: str, text: str) -> None:
    when, rest = read_sentence(sentence, TIMETABLE, now=T0, zone="Europe/Berlin")
    assert (when.said, rest) == (said, text)


@pytest.mark.parametrize(
    ("sentence", "because"),
    [
        ("in 10 minutes & 20 minutes to look", "Make a reminder, or a schedule, for each."),
        ("in 30 seconds to look", "Times are kept to the minute."),
        ("every day at 9:30 and 17 to look", "cannot be kept as one"),
        ("every other day at 9 to look", "what repeats does so by the clock and the calendar"),
        ("*/10 * * * * * look", "once a minute at most"),
    ],
)
def test_a_refused_time_is_not_said_to_be_of_a_schedule(sentence: str, because: str) -> None:
    with pytest.raises(Refused) as refused:
        read_sentence(sentence, TIMETABLE, now=T0, zone="Europe/Berlin")
    answer = f"{refused.value.message} {refused.value.hint}"
    assert because in answer
    assert "chedule" not in answer.replace("a reminder, or a schedule", "")


def test_a_sentence_without_a_time_is_refused() -> None:
    with pytest.raises(NotATime):
        read_sentence("to call Bob", TIMETABLE, now=T0, zone="Europe/Berlin")


async def test_the_answer_says_when_in_the_persons_own_zone(give: CommandBench) -> None:
    answer = await give("/remind me in 2 hours to call Bob")

    assert answer.startswith("(Reminder 1: Fri 20 Nov 09:00 EST (in 2 h)")
    assert "call Bob" in answer
    assert "14:00 EST" in await give("/remind me at 2pm to eat")
    assert "20:00 CET" in await give("/remind me at 8pm to eat --tz Europe/Berlin")


@pytest.mark.parametrize(
    "text", ["/remind in 2 hours to call Bob", "/reminder in 2 hours call Bob"]
)
async def test_the_word_me_may_be_left_out(give: CommandBench, text: str) -> None:
    assert "Reminder 1" in await give(text)


async def test_a_reminder_comes_once_by_direct_message(give: CommandBench) -> None:
    await give("/remind me in 2 hours to call Bob")
    assert await give.reminders.tick() == T0 + 2 * HOUR
    await give.clock.advance(2 * HOUR)

    assert await give.reminders.tick() is None
    assert await give.reminders.tick() is None

    (item,) = await sent(give)
    assert item.thread == await give.chat.direct(ANN)
    assert item.content.text == "**Reminder:** call Bob"
    assert [button.label for button in item.content.buttons] == [
        "Done",
        "In 10 min",
        "In 1 hour",
        "In 1 day",
        "Another time…",
    ]
    assert all(len(b.value) <= 40 for b in item.content.buttons)


async def test_a_late_reminder_says_what_time_it_was_for(give: CommandBench) -> None:
    await give("/remind me in 2 hours to call Bob")
    await give.clock.advance(timedelta(hours=9))
    await give.reminders.tick()

    (item,) = await sent(give)
    assert "It was for Fri 20 Nov 09:00 EST" in item.content.text


async def test_one_that_comes_again_and_again_comes_again(give: CommandBench) -> None:
    item = await due(give, "/remind me every hour to stretch")
    next_at = await give.store.reminders.next_time()

    assert "stretch" in item.content.text
    assert next_at == T0 + 3 * HOUR
    await press(give, DONE, item.content.buttons[0].value)
    assert await give.store.reminders.next_time() == next_at


async def test_done_ends_it_and_says_so_on_the_card(give: CommandBench) -> None:
    item = await due(give)
    value = item.content.buttons[0].value

    assert await press(give, DONE, value) == ""
    assert await press(give, DONE, value) == ""
    assert "You have no reminders" in await give("/remind list")


async def test_a_snooze_button_counts_from_the_press(give: CommandBench) -> None:
    item = await due(give)
    hour = next(b for b in item.content.buttons if b.label == "In 1 hour")

    answer = await press(give, SNOOZE, hour.value, key="press")
    again = await press(give, SNOOZE, hour.value, key="press")

    assert answer == again == "(I remind you again Fri 20 Nov 10:00 EST (in 1 h).)"
    assert await give.store.reminders.next_time() == T0 + 3 * HOUR


async def test_a_snoozed_repeating_reminder_keeps_its_own_times(give: CommandBench) -> None:
    item = await due(give, "/remind me every day at 9am to stretch")
    minutes = next(b for b in item.content.buttons if b.label == "In 10 min")

    assert await press(give, SNOOZE, minutes.value) == (
        "(I remind you again Fri 20 Nov 09:10 EST (in 10 min), as reminder 2. Reminder 1 keeps its "
        "own times.)"
    )

    times = [one.next_at for one in await give.reminders.open_of(ANN)]
    assert times == [T0 + 2 * HOUR + timedelta(minutes=10), T0 + 26 * HOUR]


async def test_another_time_is_asked_for_in_words_or_by_a_form(give: CommandBench) -> None:
    item = await due(give)
    other = next(b for b in item.content.buttons if b.action == SNOOZE_UNTIL)

    assert "/remind snooze 1 tomorrow at 9am" in await press(give, SNOOZE_UNTIL, other.value)
    form = FormSubmit(action=REMINDER_SNOOZE, value=other.value, answers=((UNTIL, "in 3 hours"),))
    assert "12:00 EST" in await give("", body=form)


async def test_the_form_makes_a_reminder(give: CommandBench) -> None:
    answers = ((WHEN, "in 2 hours"), (WHAT, "call Bob"))
    form = FormSubmit(action=REMINDER_CREATE, value="", answers=answers)

    assert "09:00 EST" in await give("", body=form)
    empty = FormSubmit(action=REMINDER_CREATE, value="", answers=((WHEN, "in 2 hours"), (WHAT, "")))
    assert "Of what am I to remind you?" in await give("", body=empty)


async def test_nobody_else_can_see_or_change_it(give: CommandBench) -> None:
    item = await due(give)
    value = item.content.buttons[0].value

    assert "somebody else's" in await press(give, DONE, value, who=BOB)
    assert "You have no reminder 1" in await give("/remind cancel 1", sender=BOB)
    assert "You have no reminders" in await give("/remind list", sender=BOB)
    assert "not a member" in await press(give, DONE, value, who=STRANGER)
    assert "reminded, not done" in await give("/remind list")


@pytest.mark.parametrize("text", ["/remind cancel 1", "/remind delete 1", "/reminders rm 1"])
async def test_a_cancelled_reminder_does_not_come(give: CommandBench, text: str) -> None:
    await give("/remind me in 2 hours to call Bob")

    assert "Reminder 1 is cancelled" in await give(text)
    await give.clock.advance(3 * HOUR)
    await give.reminders.tick()
    assert await sent(give) == []
    assert "cancelled already" in await give("/remind done 1")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("/remind me", "is missing"),
        ("/remind me to call Bob", "time"),
        ("/remind me in 2 hours", "Of what am I to remind you?"),
        ("/remind me in 2 hours to", "Of what am I to remind you?"),
        ("/remind me of tomorrow at 9", "Of what am I to remind you?"),
        ("/remind me yesterday at 9am to call", "in the past"),
        ("/remind cancel two", "is no reminder's number"),
        ("/remind snooze 1 5", "“5”"),
        ("/remind cancel 7", "You have no reminder 7"),
        ("/remind me in 2 hours to call --tz Mars/Phobos", "Mars/Phobos"),
    ],
)
async def test_what_cannot_be_done_says_why(give: CommandBench, text: str, problem: str) -> None:
    await give("/remind me in 5 hours to stretch")

    answer = await give(text)

    assert problem.casefold() in answer.casefold()


async def test_a_platform_that_cannot_be_asked_is_asked_again(
    give: CommandBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await give("/remind me in 2 hours to call Bob")
    await give.clock.advance(2 * HOUR)
    direct = MemoryChat.direct

    async def away(_chat: MemoryChat, _who: Principal) -> ThreadRef:
        raise Retryable("away")

    monkeypatch.setattr(MemoryChat, "direct", away)
    assert await give.reminders.tick() == give.clock.now() + timedelta(seconds=30)
    assert await sent(give) == []
    monkeypatch.setattr(MemoryChat, "direct", direct)
    await give.clock.advance(timedelta(seconds=30))
    await give.reminders.tick()
    assert len(await sent(give)) == 1


async def test_without_a_direct_conversation_it_comes_where_it_was_asked_for(
    give: CommandBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(_chat: MemoryChat, _who: Principal) -> ThreadRef:
        raise Permanent("no direct messages")

    monkeypatch.setattr(MemoryChat, "direct", none)
    item = await due(give)

    assert item.thread == DM
    assert item.only_for == ANN


async def test_somebody_who_left_the_team_is_not_written_to(give: CommandBench) -> None:
    await give("/remind me in 2 hours to call Bob", sender=BOB)
    give.teams.append(team())
    await give.clock.advance(2 * HOUR)
    await give.reminders.tick()

    assert await sent(give) == []
    assert await give.store.outbox.count(OutboxState.PENDING) == 0


async def test_there_is_a_most(give: CommandBench) -> None:
    for _ in range(100):
        await give("/remind me in 2 hours to call Bob")
    assert "100 reminders waiting" in await give("/remind me in 2 hours to call Bob")


async def late(
    give: CommandBench, text: str = "", *, by: timedelta, body: ButtonPress | None = None
) -> str:
    """The answer to what was taken in that long ago, as after a crash."""
    row = Received(
        id=InboxId("late"),
        lane=Lane.COMMAND,
        inbound=inbound(thread=DM, sender=ANN, body=body or Command(text=text, direct=True)),
        received_at=give.clock.now() - by,
    )
    answered = await give.desk.answer(row)
    assert answered is not None
    assert answered.content is not None
    return answered.content.text


async def test_one_whose_time_passed_before_it_was_made_comes_at_once(give: CommandBench) -> None:
    by = timedelta(minutes=20)
    answer = await late(give, "/remind me in 1 minute to call Bob", by=by)

    assert answer.startswith("Reminder 1: Fri 20 Nov 06:41 EST (now), so it comes at once: call")
    await give.reminders.tick()
    (item,) = await sent(give)
    assert "It was for Fri 20 Nov 06:41 EST" in item.content.text


async def test_a_snooze_whose_time_has_passed_comes_at_once_and_only_once(
    give: CommandBench,
) -> None:
    item = await due(give)
    minutes = next(b for b in item.content.buttons if b.label == "In 10 min")
    body = ButtonPress(action=SNOOZE, value=minutes.value, message_id=MessageId("m"))
    await give.clock.advance(HOUR)

    for again in range(2):
        by = timedelta(minutes=30 + 10 * again)
        answer = await late(give, by=by, body=body)
        assert answer == "I remind you again Fri 20 Nov 09:40 EST (now)."
        await give.clock.advance(timedelta(minutes=10))
        await give.reminders.tick()
    assert await give.store.outbox.count(OutboxState.PENDING) == 1


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/remind done 1", "Reminder 1 is done."),
        ("/remind cancel 1", "Reminder 1 is cancelled."),
        ("/remind snooze 1 in 3 hours", "I remind you again Fri 20 Nov 12:00 EST (in 3 h)."),
    ],
)
async def test_what_is_said_in_the_moment_it_comes_due_is_done(
    give: CommandBench, monkeypatch: pytest.MonkeyPatch, text: str, answer: str
) -> None:
    await give("/remind me in 2 hours to call Bob")
    await give.clock.advance(2 * HOUR)
    find = give.reminders.find

    async def overtaken(number: int, person: Principal) -> Reminder:
        found = await find(number, person)
        await give.reminders.tick()
        return found

    monkeypatch.setattr(give.reminders, "find", overtaken)
    assert await give(text) == f"({answer})"


async def test_done_of_one_that_repeats_says_when_it_comes_again(give: CommandBench) -> None:
    await give("/remind me every day at 9am to stretch")

    answer = "Reminder 1 comes again Fri 20 Nov 09:00 EST (in 2 h). `/remind cancel 1` ends it."
    assert await give("/remind done 1") == f"({answer})"


@pytest.mark.parametrize(
    "words", ["in 1 hour", "1 hour", "for 1 hour", "1h", "60 minutes", "an hour"]
)
async def test_a_snooze_may_be_for_a_while(give: CommandBench, words: str) -> None:
    await give("/remind me in 2 hours to call Bob")
    assert "again Fri 20 Nov 08:00 EST (in 1 h)." in await give(f"/remind snooze 1 {words}")


async def test_a_snooze_is_to_one_time_and_its_hint_names_no_other(give: CommandBench) -> None:
    await give("/remind me in 2 hours to call Bob")

    repeats = await give("/remind snooze 1 every 15 minutes")
    unread = await give("/remind snooze 1 gestern")

    assert "put off to one time, not to one that repeats" in repeats
    assert "For every 15 minutes make another, with /remind me." in repeats
    assert "“gestern” is no time that I can read." in unread
    for answer in (repeats, unread):
        assert "Write for example: in 2 hours, tomorrow at 9am, monday at 10" in answer
    assert "every" not in unread
    assert await give.store.reminders.next_time() == T0 + 2 * HOUR
