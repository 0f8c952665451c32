"""The offline assistant in conversation."""

import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.models.offline import HOW_TO_CONNECT, OfflineModel
from runtime.ids import AgentName, InboxId, MessageId, ModelName
from runtime.model.checkpoint import CHECKPOINT, GO_ON, LONGEST_THEN, NOT_AGAIN, STAY, YES
from runtime.model.completion import Finished, StopReason, Usage
from runtime.model.conversation import Entry, Role
from runtime.model.ending import Handed
from runtime.model.events import Message
from runtime.model.facts import DeskFacts, LeftOut, LimitFact, RunFact, ScheduleFact
from runtime.model.files import FileRef
from runtime.model.meter import Period
from runtime.model.schedule import OccurrenceState, ScheduleState
from runtime.model.tools import ToolSpec
from runtime.model.turn import words_of
from tests.support.models import FACTS, SCHEDULE, TOOLS, answered, entry, finished_of, request, said

NOW = datetime(2026, 1, 5, 7, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _run(
    state: OccurrenceState, hours_ago: float, error: str = "", delivery: str = "sent"
) -> RunFact:
    return RunFact(
        schedule=2,
        instruction="Check the backups",
        planned_at=NOW - hours_ago * HOUR,
        state=state,
        error=error,
        delivery=delivery,
    )


BRIEFING = ScheduleFact(
    number=1,
    when="at 08:30 on Monday through Friday",
    instruction="Post the morning briefing",
    channel="#ops",
    state=ScheduleState.ACTIVE,
    next_at=NOW + 24 * HOUR,
)
BACKUPS = ScheduleFact(
    number=2,
    when="every hour",
    instruction="Check the backups",
    channel="#dev",
    state=ScheduleState.ACTIVE,
    next_at=NOW + HOUR / 2,
)
PAUSED = ScheduleFact(
    number=3,
    when="every day at noon",
    instruction="Water the plants",
    channel="#ops",
    state=ScheduleState.PAUSED,
    next_at=None,
)
PAST = replace(PAUSED, number=4, instruction="Say hello", state=ScheduleState.FINISHED)
FULL = DeskFacts(
    now=NOW,
    zone="Europe/Berlin",
    team="Acme",
    agent=AgentName("desk"),
    model=ModelName("offline"),
    since=NOW - 24 * HOUR,
    schedules=(BACKUPS, BRIEFING, PAUSED, PAST),
    runs=(
        _run(OccurrenceState.MISSED, 20, delivery=""),
        _run(OccurrenceState.DONE, 5),
        _run(OccurrenceState.FAILED, 4, error="the model timed out", delivery=""),
    ),
    waiting_approvals=2,
    dead_letters=1,
    spent_micros=1_230_000,
    limits=(
        LimitFact(
            whose="the whole team",
            period=Period.DAY,
            when="a day",
            limit_micros=5_000_000,
            spent_micros=730_000,
            held_micros=100_000,
        ),
        LimitFact(
            whose="the whole team",
            period=Period.MONTH,
            when="a month",
            limit_micros=None,
            spent_micros=12_300_000,
        ),
        LimitFact(
            whose="each person",
            period=Period.DAY,
            when="a day",
            limit_micros=1_000_000,
            spent_micros=None,
        ),
        LimitFact(
            whose="schedule 2",
            period=Period.FIRING,
            when="a run",
            limit_micros=50_000,
            spent_micros=None,
            schedule=2,
        ),
        LimitFact(
            whose="one workflow",
            period=Period.FIRING,
            when="in all",
            limit_micros=2_000_000,
            spent_micros=None,
        ),
    ),
    under_way=(_run(OccurrenceState.DUE, 26),),
)
QUIET = replace(
    FULL,
    schedules=(),
    runs=(),
    under_way=(),
    waiting_approvals=0,
    dead_letters=0,
    spent_micros=0,
)


@dataclass
class Chat:
    """A conversation with the assistant, with tools that answer at once.

    Attributes:
        answers: what each tool answers.
        tools: what is offered.
        log: everything said.
        calls: the tools that were called, with their arguments.
    """

    answers: dict[str, str] = field(default_factory=dict)
    tools: tuple[ToolSpec, ...] = TOOLS
    log: list[Entry] = field(default_factory=list)
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    model: OfflineModel = field(default_factory=OfflineModel)

    async def say(self, text: str, *, instruction: bool = False) -> str:
        """Say it, as a person or as a schedule, and return the answer."""
        self.log.append(said(text, None) if instruction else said(text))
        for _ in range(3):
            end = await finished_of(self.model, request(*self.log, tools=self.tools))
            self.log.append(entry(Role.ASSISTANT, end.text, calls=end.tool_calls))
            if not end.tool_calls:
                return end.text
            for call in end.tool_calls:
                self.calls.append((call.name, json.loads(call.arguments)))
                self.log.append(entry(Role.EXECUTING, call.name, call=call.id))
                self.log.append(entry(Role.TOOL, self.answers[call.name], call=call.id))
        raise AssertionError("it goes on calling tools")


def _chat(facts: DeskFacts = FULL, made: str = "Schedule #4 is made.") -> Chat:
    return Chat({"desk.facts": msgspec.json.encode(facts).decode(), "schedule.create": made})


async def _on(chat: Chat, text: str) -> str:
    """Say it in a conversation that has begun."""
    await chat.say("hello")
    return await chat.say(text)


# -------------------------------------------------------------------------------- honest about it


@pytest.mark.parametrize("text", ["hello", "tell me a joke", "thanks", "what is next?"])
async def test_the_first_answer_says_that_no_model_is_connected_and_what_connects_one(
    text: str,
) -> None:
    answer = await _chat().say(text)
    assert "No language model is connected" in answer
    assert answer.count(HOW_TO_CONNECT) == 1
    assert "NIGHTDESK_MODEL" in HOW_TO_CONNECT


async def test_later_answers_do_not_repeat_it() -> None:
    chat = _chat()
    await chat.say("hello")
    assert HOW_TO_CONNECT not in await chat.say("what is next?")


async def test_a_file_beside_a_question_does_not_hide_the_question() -> None:
    file = FileRef(handle="F1", name="plan.csv")
    message = Message(text="what is next?", message_id=MessageId("1"), files=(file,))
    with_file = words_of(message, InboxId("row1"))
    assert with_file != message.text
    assert await _on(_chat(), with_file) == await _on(_chat(), message.text)


async def test_after_a_summary_the_conversation_is_no_new_one() -> None:
    chat = _chat()
    chat.log.append(entry(Role.SUMMARY, "They greeted each other."))
    assert HOW_TO_CONNECT not in await chat.say("what is next?")


async def test_asked_about_the_model_it_says_what_it_is_and_the_setting_it_was_given() -> None:
    chat = _chat()
    chat.model = OfflineModel(ModelName("spare"), how_to_connect="Set MODEL=x.")
    answer = await _on(chat, "which model are you?")
    assert "No language model is connected" in answer
    assert "Set MODEL=x." in answer
    assert chat.model.info.how_to_connect == "Set MODEL=x."
    assert not chat.model.info.language_model
    assert chat.model.info.local


async def test_what_it_says_that_it_can_is_what_its_description_says_and_works() -> None:
    chat = _gated("The team said no.")
    said = await _on(chat, "help")
    abilities = chat.model.info.abilities
    assert abilities
    assert all(f"- {each}\n" in said for each in abilities)
    for each in abilities:
        for example in re.findall('"([^"]+)"', each):
            assert "needs a language model" not in await _on(_gated("No."), example), example


async def test_it_costs_nothing_and_says_so() -> None:
    end = await finished_of(OfflineModel(), request("hello"))
    assert end.usage == Usage(0, 0)
    assert end.model == "offline"


async def test_the_same_conversation_gets_the_same_answer() -> None:
    assert [await _on(_chat(), "status") for _ in range(3)] == [await _on(_chat(), "status")] * 3


async def test_what_it_cannot_do_it_does_not_pretend_to() -> None:
    answer = await _on(_chat(), "What is the capital of France?")
    assert "needs a language model" in answer
    assert "Paris" not in answer


# ------------------------------------------------------------------------------------ from facts


async def test_a_question_about_the_desk_is_answered_from_the_facts_tool() -> None:
    chat = _chat()
    assert await _on(chat, "What failed last night?") == (
        "Failed since yesterday 08:30:\n- 04:30 #2 Check the backups: the model timed out"
    )
    assert chat.calls == [("desk.facts", {})]


APPROVALS = "Waiting:\n- 2 approvals for a person\n`/approve list` shows them."
BUDGET = (
    "The budget (USD):\n"
    "- the whole team: 4.17 left of 5.00 a day, 0.73 spent today, 0.10 held\n"
    "- the whole team: no limit for a month, 12.30 spent this month\n"
    "- each person: 1.00 a day\n"
    "- schedule 2: 0.05 a run\n"
    "- one workflow: 2.00 in all\n"
    "`/budget` tells more."
)
BACKUPS_LIMIT = "What may be spent (USD):\n- schedule 2: 0.05 a run\n`/budget` tells more."
OTHER_PERIOD = (
    "I know no other period than these:\n"
    "- Spent today: 0.73 USD.\n"
    "- Spent this month: 12.30 USD.\n"
    "- Spent since yesterday 08:30: 1.23 USD.\n"
    "`/budget` shows the last days."
)
TELLS_HOW = "A command does that, and this one tells how: `/help {}`"
ANSWERS = {
    "what is scheduled?": (
        "These are the schedules:\n"
        "- 09:00 #2 Check the backups (every hour, to #dev)\n"
        "- tomorrow 08:30 #1 Post the morning briefing"
        " (at 08:30 on Monday through Friday, to #ops)\n"
        "- #3 Water the plants (every day at noon, to #ops, paused)"
    ),
    "what ran overnight?": (
        "Since yesterday 08:30: 1 done, 1 failed, 1 missed.\n"
        "- 03:30 #2 Check the backups\n"
        "- failed: 04:30 #2 Check the backups: the model timed out\n"
        "- missed: yesterday 12:30 #2 Check the backups"
    ),
    "what was missed?": "Missed since yesterday 08:30:\n- yesterday 12:30 #2 Check the backups",
    "any approvals?": APPROVALS,
    "which approvals are open?": APPROVALS,
    "what is waiting for me?": APPROVALS,
    "what needs a decision?": APPROVALS,
    "what is the budget?": BUDGET,
    "how much budget is left?": BUDGET,
    "is there any budget left?": BUDGET,
    "what are the limits?": BUDGET,
    "what is the limit per person?": BUDGET,
    "how much money is left?": BUDGET,
    "how much is left?": BUDGET,
    "are we over budget?": BUDGET,
    "how much can we still spend today?": BUDGET,
    "what was spent today?": "Spent today: 0.73 USD.",
    "what was spent this month?": "Spent this month: 12.30 USD.",
    "how much did we spend last month?": OTHER_PERIOD,
    "what did we spend this week?": OTHER_PERIOD,
    "what did the backups cost?": "A command tells what that cost: `/cost schedule 2`",
    "is anything running right now?": "Under way:\n- yesterday 06:30 #2 Check the backups",
    "is schedule 2 running?": "Under way:\n- yesterday 06:30 #2 Check the backups",
    "is schedule 1 running?": "Nothing of schedule 1 runs at the moment. `/status` tells more.",
    "is the briefing job number 1 running?": (
        "Nothing of schedule 1 runs at the moment. `/status` tells more."
    ),
    "what is the limit for schedule 2?": BACKUPS_LIMIT,
    "how much budget is left for the backups?": BACKUPS_LIMIT,
    "what's the budget of job #2?": BACKUPS_LIMIT,
    "what is the limit for schedule 1?": (
        "No limit is set for schedule 1 alone.\n`/budget` tells more."
    ),
    "what did schedule 2 cost?": "A command tells what that cost: `/cost schedule 2`",
    "how much did we spend in the last 2 days?": OTHER_PERIOD,
    "how much was spent in the last few hours?": OTHER_PERIOD,
    "how much did we spend in the past two weeks?": OTHER_PERIOD,
    "what was spent in the last 24 hours?": "Spent since yesterday 08:30: 1.23 USD.",
    "what will it cost next month?": OTHER_PERIOD,
    "what will it cost tomorrow?": OTHER_PERIOD,
    "what's the status of the budget?": BUDGET,
    "budget report": BUDGET,
    "what failed in the last 2 days?": (
        "Failed since yesterday 08:30:\n- 04:30 #2 Check the backups: the model timed out"
    ),
    "how do I make a schedule?": TELLS_HOW.format("schedule"),
    "how do I set a daily limit for the team?": TELLS_HOW.format("budget"),
    "how do I add a member?": TELLS_HOW.format("member"),
    "how can I trust a channel?": TELLS_HOW.format("channel"),
    "how to add a member to the team?": TELLS_HOW.format("member"),
    "how do I schedule a briefing?": TELLS_HOW.format("schedule"),
    "how do I schedule a reminder?": TELLS_HOW.format("remind"),
    "how do I create a recurring schedule?": TELLS_HOW.format("schedule"),
    "help me set a reminder": TELLS_HOW.format("remind"),
    "help with the budget": TELLS_HOW.format("budget"),
    "how can we set a limit?": TELLS_HOW.format("budget"),
    "how do I approve something?": TELLS_HOW.format("approve"),
    "how to make reminders?": TELLS_HOW.format("remind"),
    "help me with approvals": TELLS_HOW.format("approve"),
    "what did we spend?": "Spent since yesterday 08:30: 1.23 USD.",
    "anything undelivered?": (
        "Not delivered:\n- 1 message set aside, because the platform refused"
    ),
    "what time is it?": "It is Monday 5 January, 08:30 (Europe/Berlin).",
    "when is the briefing next?": (
        "Next:\n- 09:00 #2 Check the backups (every hour, to #dev)\n- tomorrow 08:30 #1 "
        "Post the morning briefing (at 08:30 on Monday through Friday, to #ops)"
    ),
    "when do the backups run next?": "Next:\n- 09:00 #2 Check the backups (every hour, to #dev)",
}  # fmt: skip


@pytest.mark.parametrize("question", ANSWERS)
async def test_it_answers(question: str) -> None:
    assert await _on(_chat(), question) == ANSWERS[question]


@pytest.mark.parametrize(
    "question",
    [
        "when does schedule 9 come?",
        "did schedule 9 fail?",
        "is schedule 9 running?",
        "show me schedule 9",
        "when does schedule 9 run?",
    ],
)
async def test_a_schedule_that_is_not_there_is_said_not_to_be(question: str) -> None:
    told = "There is no schedule 9. `/schedule list` shows those there are."
    assert await _on(_chat(), question) == told


async def test_what_the_facts_leave_out_is_counted_and_not_said_to_be_nothing() -> None:
    some = replace(FULL, left_out=LeftOut(schedules=70, failed=3, under_way=5))
    found = await _on(_chat(some), "when does schedule 9 come?")
    assert found == (
        "Schedule 9 is none of the next 4, which are all I see. `/schedule show 9` shows it."
    )
    assert "and 70 more" in await _on(_chat(some), "what is scheduled?")
    assert "and 3 more" in await _on(_chat(some), "what failed?")
    assert "1 done, 4 failed, 1 missed" in await _on(_chat(some), "what ran?")
    assert "and 5 more" in await _on(_chat(some), "what is running?")


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("cancel reminder 1", "A command does that: `/remind cancel 1`"),
        ("raise the budget to 10", "A command does that, and this one tells how: `/help budget`"),
        ("undo that", "What can be taken back says so in its answer, with the command:"),
        ("where is the documentation?", "The README lists the documentation"),
        ("is it free?", "Nightdesk is free, and so is the offline assistant."),
        ("mute #ops", "I post into a channel unasked only what a schedule has for it"),
        ("stop posting in this channel", "I post into a channel unasked only what"),
        ("be quiet", "I post into a channel unasked only what"),
        ("good night", "Until later."),
    ],
)
async def test_what_a_command_does_is_left_to_it(question: str, said: str) -> None:
    assert (await _on(_chat(), question)).startswith(said)


@pytest.mark.parametrize(
    "question",
    [
        "what did schedule 2 do?",
        "what did schedule 2 do last night?",
        "what has schedule 2 done today?",
        "did schedule 2 do anything?",
    ],
)
async def test_what_a_schedule_did_is_told_by_its_runs(question: str) -> None:
    told = await _on(_chat(), question)
    assert told.startswith("Since yesterday 08:30: 1 done, 1 failed, 1 missed")


async def test_what_a_schedule_did_that_did_nothing_names_it() -> None:
    told = await _on(_chat(), "what did schedule 1 do?")
    assert told.startswith("Nothing of schedule 1 ran since yesterday 08:30.")


async def test_what_a_schedule_did_that_was_deleted_is_still_told() -> None:
    left = replace(FULL, schedules=(BRIEFING, PAUSED), under_way=())
    for question in ("what did schedule 2 do?", "when does schedule 2 come?"):
        told = await _on(_chat(left), question)
        assert told.startswith("Schedule 2 was deleted. Since yesterday 08:30: 1 done, 1 failed, ")
        assert "- failed: 04:30 #2 Check the backups" in told


async def test_the_list_of_what_it_can_is_nothing_that_it_said_of_the_desk() -> None:
    for question in ("77", "tell me more about the first"):
        assert (await _on(_chat(), question)).startswith("There is no list in what I said above")
    assert "I said above" not in await _on(_chat(), "why does a briefing help every weekday?")
    assert "I said above" not in await _on(_chat(), "which weekday was the first of May?")


async def test_whatever_hello_offers_it_answers() -> None:
    listed = (await _chat().say("hello")).partition("say what ")[2].partition(":")[0]
    offers = [
        f"what {each.removeprefix('what ')}" for each in re.split(r", (?:or )?| and | or ", listed)
    ]
    assert len(offers) == 7
    for offer in [*offers, "what may we spend", "what can still be spent"]:
        for said_so in (offer, f"{offer}?"):
            assert "needs a language model" not in await _on(_chat(), said_so), said_so


async def test_words_that_half_of_all_it_says_has_are_no_reason_to_repeat_it() -> None:
    chat = _chat()
    await chat.say("tell me a joke")
    assert "morning briefing" in await chat.say("hello")
    assert "I said above" not in await chat.say("which reminders did the Romans schedule, and why?")


@pytest.mark.parametrize("question", ["was the last run successful?", "did the last run succeed?"])
async def test_whether_a_run_succeeded_is_answered_with_what_ran(question: str) -> None:
    assert (await _on(_chat(), question)).startswith("Since yesterday 08:30: 1 done, 1 failed")


@pytest.mark.parametrize("question", ["is everything ok?", "what's going on?", "anything new?"])
async def test_asked_how_things_are_it_gives_the_whole_briefing(question: str) -> None:
    assert (await _on(_chat(), question)).startswith("Briefing for Acme")


@pytest.mark.parametrize(
    "question",
    ["which schedules are paused?", "what is on the calendar?", "which schedules are active?"],
)
async def test_the_schedules_are_asked_for_in_other_words_too(question: str) -> None:
    assert (await _on(_chat(), question)).startswith("These are the schedules:")


@pytest.mark.parametrize(
    "question",
    ["what commands are there?", "I need help", "what are you able to do?", "what is Nightdesk?"],
)
async def test_asked_for_help_it_says_what_it_can(question: str) -> None:
    assert (await _on(_chat(), question)).startswith("I can\n")


@pytest.mark.parametrize(
    "question",
    [
        "what is left to do?",
        "what is the speed limit in France?",
        "what is the time limit?",
        "what's the time limit for runs?",
        "how much can 2 people spend?",
        f"is schedule {'1' * 5_000} running?",
        "how do I cook rice?",
        "how do I write a pull request?",
        "how do I make an HTTP request?",
        "how do I approve a mortgage?",
        "how can we grow our youtube channel?",
        "how do I raise my credit limit?",
        "how do I get along with a difficult team member?",
        "how can I improve my sleep schedule?",
        "help me write an email about the channel",
        "help me with my train schedule",
    ],
)
async def test_what_only_sounds_like_money_or_help_needs_a_model(question: str) -> None:
    assert "needs a language model" in await _on(_chat(), question)


NOTHING = {
    "what is scheduled?": "There are no schedules.",
    "what is next?": "Nothing is scheduled to come.",
    "what ran?": "Nothing ran since yesterday 08:30.",
    "what failed?": "Nothing failed since yesterday 08:30.",
    "what is running?": "No schedule runs at the moment.",
    "what was missed?": "Nothing was missed since yesterday 08:30.",
    "any approvals?": "No approval waits for anybody.",
    "what did we spend?": "Spent since yesterday 08:30: 0.00 USD.",
    "anything undelivered?": "Every message was delivered.",
}


@pytest.mark.parametrize("question", NOTHING)
async def test_where_there_is_nothing_it_says_so(question: str) -> None:
    assert (await _on(_chat(QUIET), question)).startswith(NOTHING[question])


async def test_a_question_about_something_that_the_facts_do_not_have_needs_a_model() -> None:
    assert "needs a language model" in await _on(_chat(), "did the deployment fail?")


@pytest.mark.parametrize(
    "broken", ["", "{}", "[]", '{"now": 3}', "null", "[" * 100_000, '"text"', "\ud800"]
)
async def test_facts_that_cannot_be_read_are_said_to_be_unreadable(broken: str) -> None:
    chat = Chat({"desk.facts": broken})
    assert "cannot read" in await _on(chat, "what failed?")


async def test_a_facts_tool_that_failed_is_quoted_with_its_reason() -> None:
    answer = await _on(Chat({"desk.facts": "The database is busy."}), "what failed?")
    assert answer == "I could not look that up: The database is busy."


async def test_without_the_facts_tool_it_names_the_commands() -> None:
    answer = await _on(Chat(tools=()), "what is scheduled?")
    assert "`/schedule list`" in answer


async def test_a_zone_that_is_none_is_shown_in_utc_and_breaks_nothing() -> None:
    assert "07:30" in await _on(_chat(replace(FULL, zone="Middle/Earth")), "what time is it?")


# ------------------------------------------------------------------------------------- schedules


async def test_a_reminder_is_made_through_the_tool_and_its_answer_passed_on() -> None:
    chat = _chat(made="Schedule #4: in 2 hours, at 10:30.")
    assert (
        await _on(chat, "remind me in 2 hours to call Bob") == "Schedule #4: in 2 hours, at 10:30."
    )
    assert chat.calls == [
        ("schedule.create", {"when": "in 2 hours", "instruction": "Reminder: call Bob"})
    ]


async def test_a_refusal_of_the_tool_is_passed_on_too() -> None:
    chat = _chat(made="That time has passed.")
    assert await _on(chat, "remind me yesterday at 9 to call Bob") != ""
    assert (await chat.say("remind me at 9am to call Bob")).startswith("That time has passed.")


async def test_making_a_schedule_that_needs_a_model_warns_of_it() -> None:
    answer = await _on(_chat(), "every weekday at 9am summarise Hacker News")
    assert answer.startswith("Schedule #4 is made.")
    assert "needs a language model" in answer
    assert HOW_TO_CONNECT in answer


async def test_a_schedule_that_works_without_a_model_carries_no_warning() -> None:
    answer = await _on(_chat(), "every weekday at 8:30 post the morning briefing")
    assert answer == "Schedule #4 is made."


async def test_two_times_are_said_to_be_two_schedules() -> None:
    chat = _chat()
    answer = await _on(chat, "every monday at 9 and thursday at 10 post the briefing")
    assert answer == (
        "“every monday at 9” and “thursday at 10” are 2 times, and each is a schedule or a "
        "reminder of its own. Ask for each by itself, please."
    )
    assert "schedule.create" not in dict(chat.calls)


async def test_without_a_time_it_asks_when_and_takes_the_time_alone_for_an_answer() -> None:
    chat = _chat()
    assert "When should I do that?" in await chat.say("remind me to drink tea")
    assert await chat.say("tomorrow at 9am") == "Schedule #4 is made."
    assert chat.calls == [
        ("schedule.create", {"when": "tomorrow at 9am", "instruction": "Reminder: drink tea"})
    ]


async def test_a_time_alone_after_another_models_question_needs_a_model() -> None:
    chat = _chat()
    chat.log.extend([said("do it"), answered("When should I do that?")])
    assert "needs a language model" in await chat.say("tomorrow at 9am")


@pytest.mark.parametrize("time", ["every weekday at 8:30", "tomorrow at 9am", "in 2 hours"])
async def test_a_time_alone_is_asked_what_is_to_be_done_then(time: str) -> None:
    chat = _chat()
    asked = await _on(chat, time)
    assert asked.startswith("What should I do then? Say it with the time, as in ")
    assert chat.calls == []
    examples = re.findall("“(.+?)”", asked)
    assert len(examples) == 2
    for example in examples:
        again = _chat()
        assert await _on(again, example) == "Schedule #4 is made."
        assert [given["when"] for _, given in again.calls] == [time]


async def test_without_an_instruction_it_asks_what_to_do() -> None:
    chat = _chat()
    assert "What should I do then?" in await _on(chat, "remind me in 2 hours")
    assert "handoff.to" not in dict(chat.calls)


async def test_without_the_schedule_tool_it_gives_the_command_to_use() -> None:
    chat = Chat(tools=(FACTS,))
    assert '`/schedule create "in 2 hours" Reminder: call Bob`' in await _on(
        chat, "remind me in 2 hours to call Bob"
    )


async def test_what_only_a_command_does_is_answered_with_the_command() -> None:
    assert "`/schedule delete 3`" in await _on(_chat(), "delete schedule 3")


# ------------------------------------------------------------------------------------- briefings


async def test_a_briefing_has_a_section_for_each_kind_of_fact() -> None:
    text = await _chat().say("Post the morning briefing", instruction=True)
    assert text.split("\n\n")[:-1] == [
        "Briefing for Acme, Monday 5 January, 08:30 (Europe/Berlin).",
        "**Ran**\n- 03:30 #2 Check the backups",
        "**Failed**\n- 04:30 #2 Check the backups: the model timed out",
        "**Missed**\n- yesterday 12:30 #2 Check the backups",
        "**Waits for approval**\n- 2 approvals for a person",
        "**Not delivered**\n- 1 message set aside, because the platform refused",
        "**Next**\n"
        + "- 09:00 #2 Check the backups (every hour, to #dev)\n"
        + "- tomorrow 08:30 #1 Post the morning briefing"
        + " (at 08:30 on Monday through Friday, to #ops)",
        "**Spent**\n- 1.23 USD since yesterday 08:30",
    ]
    assert "no language model is connected" in text.rsplit("\n\n", 1)[-1]


async def test_a_quiet_night_makes_a_short_briefing() -> None:
    text = await _chat(QUIET).say("Post the morning briefing", instruction=True)
    assert text.split("\n\n")[:-1] == [
        "Briefing for Acme, Monday 5 January, 08:30 (Europe/Berlin).",
        "Nothing ran since yesterday 08:30.",
    ]


async def test_a_long_night_is_cut_and_says_by_how_much() -> None:
    runs = tuple(_run(OccurrenceState.DONE, 5) for _ in range(25))
    text = await _chat(replace(FULL, runs=runs)).say("briefing", instruction=True)
    assert text.count("Check the backups\n") == 10
    assert "- and 15 more" in text


async def test_a_result_that_was_kept_back_says_why() -> None:
    runs = (_run(OccurrenceState.DONE, 5, delivery="kept, not sent: #dev is closed"),)
    text = await _chat(replace(FULL, runs=runs)).say("briefing", instruction=True)
    assert "Check the backups (kept, not sent: #dev is closed)" in text


async def test_a_long_instruction_is_one_short_line() -> None:
    run = replace(_run(OccurrenceState.DONE, 5), instruction="Do\nthis " * 60)
    text = await _chat(replace(FULL, runs=(run,))).say("briefing", instruction=True)
    line = next(line for line in text.splitlines() if "03:30" in line)
    assert line.endswith("…")
    assert len(line) < 100


async def test_a_single_time_is_said_once() -> None:
    once = replace(BACKUPS, when="once, Mon 5 Jan 2026 09:00 CET")
    answer = await _on(_chat(replace(FULL, schedules=(once,))), "what is next?")
    assert answer == "Next:\n- 09:00 #2 Check the backups (to #dev)"


async def test_a_reminder_says_exactly_what_it_was_told() -> None:
    chat = _chat()
    assert await chat.say("Reminder: call Bob", instruction=True) == "Reminder: call Bob"
    assert "handoff.to" not in dict(chat.calls)


async def test_an_instruction_that_needs_a_model_says_so_and_what_to_set() -> None:
    text = await _chat().say("Summarise yesterday's Hacker News", instruction=True)
    assert text == (
        '"Summarise yesterday\'s Hacker News" needs a language model, and none is connected, so '
        f"nothing was done. {HOW_TO_CONNECT}"
    )


async def test_an_instruction_makes_no_schedule() -> None:
    chat = _chat()
    await chat.say("remind me in 2 hours to call Bob", instruction=True)
    await chat.say("every day at 9am post the briefing", instruction=True)
    assert "schedule.create" not in [name for name, _ in chat.calls]


# ------------------------------------------------------------------ follow-ups under a briefing


async def _under_a_briefing() -> Chat:
    chat = _chat()
    await chat.say("Post the morning briefing", instruction=True)
    chat.calls.clear()
    return chat


async def test_which_of_these_failed_quotes_the_briefing_and_says_whether_it_still_holds() -> None:
    chat = await _under_a_briefing()
    assert await chat.say("which of these failed?") == (
        "The briefing above said, under Failed:\n"
        "> 04:30 #2 Check the backups: the model timed out\n\nThat still holds."
    )


async def test_what_has_changed_since_the_briefing_is_said_beside_the_quotation() -> None:
    chat = await _under_a_briefing()
    later = replace(FULL, runs=(*FULL.runs, _run(OccurrenceState.FAILED, 0.1, error="disk full")))
    chat.answers["desk.facts"] = msgspec.json.encode(later).decode()
    answer = await chat.say("what failed?")
    assert "> 04:30 #2 Check the backups: the model timed out\n\nNow: Failed" in answer
    assert answer.endswith("- 08:24 #2 Check the backups: disk full")


async def test_a_second_follow_up_still_finds_the_briefing() -> None:
    chat = await _under_a_briefing()
    await chat.say("what failed?")
    assert "The briefing above said, under Missed" in await chat.say("what was missed?")


async def test_where_the_facts_fail_the_briefing_still_answers() -> None:
    chat = await _under_a_briefing()
    chat.answers["desk.facts"] = "The database is busy."
    answer = await chat.say("what failed?")
    assert "> 04:30 #2 Check the backups" in answer
    assert "The database is busy." in answer
    chat.tools = ()
    assert "> 04:30 #2 Check the backups" in await chat.say("what failed?")


async def test_a_point_of_the_briefing_is_quoted_by_its_place() -> None:
    chat = await _under_a_briefing()
    first = await chat.say("tell me more about the first")
    assert "> 03:30 #2 Check the backups" in first
    assert "`/schedule show 2`" in first
    assert "> 1.23 USD since yesterday" in await chat.say("the last one")
    assert "no such one" in await chat.say("#40")
    chat.log.extend([said("hi"), answered("All there is:\n- One.")])
    assert await chat.say("#40") == "What I said above has 1 point; there is no such one."


async def test_where_no_list_was_said_there_is_no_point_to_quote() -> None:
    chat = _chat()
    chat.log.extend([said("hi"), answered("One.")])
    assert (await chat.say("tell me more about the first")).startswith("There is no list in what")


async def test_what_was_said_of_a_thing_is_quoted() -> None:
    chat = await _under_a_briefing()
    answer = await chat.say("what did you say about the approvals?")
    assert answer == "I said above:\n> 2 approvals for a person"


async def test_a_free_question_about_a_point_quotes_it_and_admits_the_rest() -> None:
    chat = await _under_a_briefing()
    answer = await chat.say("Why do you think the backups hang so terribly these days?")
    assert "> 04:30 #2 Check the backups: the model timed out" in answer
    assert "More than that needs a language model" in answer


async def test_repeat_that_quotes_the_last_answer() -> None:
    chat = _chat()
    chat.log.extend([said("hi"), answered("One.\n\nTwo.")])
    assert await chat.say("repeat that") == "I said:\n\n> One.\n> \n> Two."


async def test_with_nothing_said_there_is_nothing_to_repeat() -> None:
    assert (await _chat().say("repeat that")).startswith("I have said nothing")


# -------------------------------------------------------------------------------- whatever comes


async def test_an_empty_conversation_is_answered_with_what_it_can() -> None:
    assert "what failed last night" in (await finished_of(OfflineModel(), request())).text


@given(
    st.lists(
        st.builds(
            lambda role, text, person: entry(
                role, text, sender=said("").sender if person else None, call="offline-1"
            ),
            st.sampled_from(Role),
            st.one_of(
                st.text(max_size=60),
                st.sampled_from(
                    ["what failed?", "repeat that", "#2", "remind me at 9 to x", "**Failed**\n- a"]
                ),
            ),
            st.booleans(),
        ),
        max_size=8,
    ),
    st.sampled_from([(), (FACTS,), (SCHEDULE,), TOOLS]),
)
async def test_any_log_gets_an_answer_or_a_call_of_an_offered_tool(
    log: list[Entry], tools: tuple[ToolSpec, ...]
) -> None:
    end: Finished = await finished_of(OfflineModel(), request(*log, tools=tools))
    assert end.text.strip() or end.tool_calls
    assert {call.name for call in end.tool_calls} <= {tool.name for tool in tools}
    assert (end.reason is StopReason.TOOL_CALLS) == bool(end.tool_calls)


# ------------------------------------------------------------------------------------ handing on


def _hands() -> Chat:
    chat = _chat()
    chat.answers["handoff.to"] = "You may not hand anything over to x."
    chat.tools = (*TOOLS, ToolSpec(name="handoff.to", description="hand on"))
    return chat


@pytest.mark.parametrize(
    ("text", "to", "task"),
    [
        ("hand this to research", "research", "Go on with this conversation."),
        ("Hand it over to @night-shift.", "night-shift", "Go on with this conversation."),
        ("please pass that on to research: what failed?", "research", "what failed?"),
        ("give this to research, find out\nwhy", "research", "find out\nwhy"),
    ],
)
async def test_it_hands_on_what_it_is_told_to(text: str, to: str, task: str) -> None:
    chat = _hands()
    assert "I could not hand this on: You may not" in await _on(chat, text)
    assert chat.calls == [("handoff.to", {"agent": to, "task": task})]


@pytest.mark.parametrize("text", ["hand this to", "hand me the report", "who can I hand this to?"])
async def test_other_words_hand_nothing_on(text: str) -> None:
    chat = _hands()
    await _on(chat, text)
    assert "handoff.to" not in dict(chat.calls)


async def test_without_the_tool_it_names_the_command() -> None:
    assert "`/handoff to research`" in await _on(_chat(), "hand this to research")


async def test_a_task_that_was_handed_on_is_answered_like_a_person_s_question() -> None:
    handed = Message(
        text="what failed?",
        message_id=MessageId(""),
        handed=Handed(chain=(AgentName("desk"),), context="since midnight"),
    )
    chat = _chat()
    answer = await chat.say(words_of(handed, InboxId("row")), instruction=True)
    assert answer.startswith("Failed since")


# ------------------------------------------------------------------------------- asking first


def _gated(heard: str) -> Chat:
    chat = _chat()
    chat.answers[CHECKPOINT] = heard
    chat.tools = (*TOOLS, ToolSpec(name=CHECKPOINT, description="ask people"))
    return chat


_YES = f"{YES}Bob at the checkpoint “x”. What comes next:\n{{}}\n{GO_ON}"


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("ask us first, then tell me what failed", "tell me what failed"),
        ("Please stop and ask before you tell us what failed.", "tell us what failed"),
        ("ask the team and then deploy 2.4!", "deploy 2.4"),
    ],
)
async def test_it_asks_people_first_where_it_is_told_to(text: str, then: str) -> None:
    chat = _gated(f"Bob said no to checkpoint.ask: not today. {NOT_AGAIN} {STAY}")
    answer = await _on(chat, text)
    assert answer == "I stop here. Bob said no to checkpoint.ask: not today."
    [(name, said)] = chat.calls
    done = "Nothing yet: people are asked first."
    assert (name, said) == (CHECKPOINT, {"title": then, "done": done, "then": then})


async def test_after_a_yes_it_does_what_people_said_comes_next() -> None:
    changed = _gated(_YES.format("tell me what failed"))
    answer = await _on(changed, "ask us first, then tell me what was missed")
    assert answer.startswith(f"{YES}Bob.\n\nFailed since")
    needs_more = _gated(_YES.format("deploy 2.4"))
    assert "“deploy 2.4” needs a language model" in await _on(needs_more, "ask us, then deploy 2.4")
    again = _gated(_YES.format("ask us first, then tell me what failed"))
    assert "so I stop here" in await _on(again, "ask us first, then tell me what failed")


@pytest.mark.parametrize(
    "heard",
    [
        f"{YES}Ann said no to checkpoint.ask: later\nsay all is well\n{GO_ON}. {NOT_AGAIN} {STAY}",
        f"{YES}Ann looked after a crash: it did not take effect. Its own answer is lost.",
        "",
    ],
)
async def test_no_name_and_no_reason_makes_a_yes_of_a_no(heard: str) -> None:
    answer = await _on(_gated(heard), "ask us first, then say all is well")
    assert answer.startswith("I stop here.")
    assert STAY not in answer
    assert NOT_AGAIN not in answer


async def test_what_is_too_long_to_ask_about_is_not_asked() -> None:
    chat = _gated("x")
    answer = await _on(chat, "ask us first, then say " + "x" * LONGEST_THEN)
    assert "has 404 characters, and people can be asked about 400 at most" in answer
    assert CHECKPOINT not in dict(chat.calls)


async def test_a_schedule_s_instruction_asks_first_too() -> None:
    chat = _gated(_YES.format("say all is well"))
    answer = await chat.say("ask first, then say all is well", instruction=True)
    assert answer.startswith(f"{YES}Bob.\n\nall is well")


@pytest.mark.parametrize("text", ["ask", "ask me anything", "who can I ask before I go?"])
async def test_other_words_ask_nobody_first(text: str) -> None:
    chat = _gated("x")
    await _on(chat, text)
    assert CHECKPOINT not in dict(chat.calls)


async def test_without_the_tool_it_does_not_begin() -> None:
    assert "I do not begin" in await _on(_chat(), "ask us first, then tell me what failed")
