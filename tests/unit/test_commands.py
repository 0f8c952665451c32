"""What each command answers, who sees it, and what it does once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.commands.forms import FORMS
from gateway.commands.grammar import ParsedCommand, looks_like_command, parse
from gateway.health import Check
from runtime.ids import AgentName, ConversationId, MessageId, ModelName, Platform, RunId, ScheduleId
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.completion import FREE, Chunk, ModelInfo, ModelRequest, Price
from runtime.model.conversation import Conversation
from runtime.model.events import ButtonPress, Message
from runtime.model.schedule import OccurrenceState, Schedule, run_id_of
from runtime.model.team import ChannelRule, Member, MemberRole, Team
from tests.support.build import ANN, DM, OPS, QUIET, STRANGER, T0, TERMINAL, received, team
from tests.support.commands import CommandBench, command_bench
from tests.support.stores import begun

BRIEFING = "/schedule create every weekday at 8:30 Write the briefing"


@pytest.fixture
def give() -> CommandBench:
    return command_bench()


async def made(bench: CommandBench, number: int = 1) -> Schedule:
    schedule = await bench.store.schedules.get(number)
    assert schedule is not None
    return schedule


# ---- create: the answer


async def test_creating_repeats_the_times_the_zone_and_the_place_to_everybody(
    give: CommandBench,
) -> None:
    assert await give(BRIEFING, thread=OPS) == (
        "**Schedule 1**: at 08:30 on Monday through Friday, Europe/Berlin.\n"
        "`Write the briefing`\n"
        "Next: Mon 23 Nov 08:30 CET; Tue 24 Nov 08:30 CET; Wed 25 Nov 08:30 CET.\n"
        "The result goes to #ops."
    )


async def test_the_times_are_shown_in_the_zone_that_was_asked_for(give: CommandBench) -> None:
    answer = await give("/schedule create every day at 9 Look --tz Asia/Kolkata")
    assert "Asia/Kolkata.\n" in answer
    assert "Sat 21 Nov 09:00 IST" in answer
    assert (await made(give)).when.zone == "Asia/Kolkata"


async def test_a_single_time_is_shown_with_its_year(give: CommandBench) -> None:
    answer = await give("/schedule create 2027-01-04 14:00 Check the certificates")
    assert "once, Mon 4 Jan 2027 14:00 CET, Europe/Berlin." in answer
    assert "Next: Mon 4 Jan 2027 14:00 CET." in answer


async def test_a_zone_that_the_time_names_is_not_named_twice(give: CommandBench) -> None:
    answer = await give("/schedule create 2027-01-04 14:00 Check the certificates --tz UTC")
    assert "once, Mon 4 Jan 2027 14:00 UTC.\n" in answer
    answer = await give("/schedule create every day at 9 Look --tz UTC")
    assert "at 09:00 every day, UTC.\n" in answer


@pytest.mark.parametrize(
    "text",
    [
        "/schedule create every weekday at 8:30 Write the briefing",
        "/schedule create every weekday at 8:30 “Write the briefing”",
        '/schedule create "every weekday at 8:30" Write the briefing',
        "/schedule create “every weekday at 8:30” “Write the briefing”",
        '/schedule create "every weekday at 8:30", Write the briefing',
        '/schedule create "every weekday at 8:30", "Write the briefing"',
        "/schedule create “every weekday at 8:30”: Write the briefing",
        "/schedule create 'every weekday at 8:30', 'Write the briefing'",
        '/schedule create "every weekday at 8:30", Write the --channel ops briefing',
        "/schedule create 'every weekday at 8:30' 'Write the briefing'",
        "/schedule create --channel ops every weekday at 8:30 Write the briefing",
        "/schedule create every weekday at 8:30 Write the briefing --channel=#ops",
        "/schedule create every weekday --channel ops at 8:30 Write the --tz Europe/Berlin briefing",
        "!schedule create every weekday at 8:30 Write the briefing",
        "schedule create every weekday at 8:30 Write the briefing",
        "/nightdesk schedule create every weekday at 8:30 Write the briefing",
        "/schedules add every weekday at 8:30 Write the briefing —channel #OPS",
        "/schedule create 30 8 * * 1-5 Write the briefing",
    ],
)
async def test_the_time_and_the_instruction_come_apart_however_they_are_written(
    give: CommandBench, text: str
) -> None:
    assert (await give(text)).startswith("**Schedule 1**")
    schedule = await made(give)
    assert schedule.instruction == "Write the briefing"
    assert schedule.when.cron == "30 8 * * 1-5"
    assert schedule.target == OPS


async def test_an_instruction_keeps_its_lines_its_quotes_and_its_dashes(give: CommandBench) -> None:
    instruction = 'Look at "Project X":\n- don\'t forget `ls --all`\n- be brief'
    await give(f"/schedule create every day at 9 {instruction}")
    assert (await made(give)).instruction == instruction


@pytest.mark.parametrize("instruction", ['write "x"', 'write "x", then “y”', "«a», b"])
async def test_a_time_in_quotes_ends_before_a_comma_whatever_is_quoted_behind_it(
    give: CommandBench, instruction: str
) -> None:
    await give(f'/schedule create "every day at 9", {instruction}')
    schedule = await made(give)
    assert (schedule.when.said, schedule.instruction) == ("every day at 9", instruction)


@pytest.mark.parametrize("rest", ["write the post “Hello”, then stop", "write, then stop"])
async def test_a_quote_that_is_not_closed_around_the_time_is_refused(
    give: CommandBench, rest: str
) -> None:
    answer = await give(f'/schedule create "every day at 9 {rest}')
    assert not answer.startswith("**Schedule")
    assert "There are no schedules yet" in await give("/schedule list")


# ---- create: where the result goes


async def test_asked_in_a_listed_channel_the_result_goes_there(give: CommandBench) -> None:
    thread = OPS.under(MessageId("root"))
    assert (await give(BRIEFING, thread=thread)).endswith("The result goes to #ops.")
    assert (await made(give)).target == OPS


async def test_asked_elsewhere_it_goes_to_the_only_listed_channel_and_says_so(
    give: CommandBench,
) -> None:
    answer = await give(BRIEFING, thread=QUIET)
    assert answer.endswith("The result goes to #ops, the only channel I may post to unasked.")


async def test_with_no_one_listed_channel_it_stays_here_and_a_warning_says_that_it_is_kept() -> (
    None
):
    closed = team()
    rules = tuple(replace(rule, proactive=False) for rule in closed.channels)
    give = command_bench(configured=replace(closed, channels=rules))
    answer = await give(BRIEFING, thread=QUIET)
    assert "Careful: #quiet is not on the proactive list" in answer
    assert "`/schedule show 1`" in answer
    assert (await made(give)).target == QUIET
    assert "Careful: this conversation is not on" in await give(BRIEFING, thread=DM)


@pytest.mark.parametrize("name", ["#quiet", "quiet", "QUIET", "<#quiet>", "<#quiet|the quiet one>"])
async def test_a_channel_is_chosen_by_its_configured_name_or_id(
    give: CommandBench, name: str
) -> None:
    await give(f'/schedule create every day at 9 Look --channel "{name}"')
    assert (await made(give)).target == QUIET


async def test_an_unknown_channel_is_refused_with_those_that_are_configured(
    give: CommandBench,
) -> None:
    assert await give(f"{BRIEFING} --channel #opps") == (
        "(“#opps” is no configured channel.\nConfigured: #ops, #quiet.)"
    )
    assert await give.store.schedules.all() == []


async def test_a_name_on_several_platforms_means_the_one_asked_on() -> None:
    other = ChannelRef(Platform("slack"), "T1", "C1")
    base = team()
    rule = ChannelRule(ref=other, name="ops", proactive=True)
    give = command_bench(configured=replace(base, channels=(*base.channels, rule)))
    await give(f"{BRIEFING} --channel #ops", thread=QUIET)
    assert (await made(give)).target == OPS
    twin = ChannelRule(ref=replace(OPS.channel, channel="ops2"), name="ops")
    give = command_bench(configured=replace(base, channels=(*base.channels, twin)))
    answer = await give(f"{BRIEFING} --channel #ops", thread=QUIET)
    assert "is the name of several channels" in answer
    assert "#ops (ops), #quiet (quiet), #ops (ops2)" in answer


# ---- create: what is refused


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("/schedule create", "`<when> <instruction>` is missing."),
        ("/schedule show", "`<number>` is missing."),
        ("/schedule create every day at 9", "The instruction is missing"),
        ('/schedule create "every day at 9"', "The instruction is missing"),
        ("/schedule create soon write a report", "does not begin with a time"),
        ("/schedule create 5 write a report", "“5” alone could mean many times"),
        ("/schedule create yesterday at 9 write", "is in the past"),
        ("/schedule create 2020-01-01 10:00 write", "Wed 1 Jan 2020 10:00 CET is in the past"),
        ("/schedule create every 10 seconds ping", "more than once a minute"),
        ("/schedule create * * * * * * ping", "once a minute at most"),
        ("/schedule create 0 0 31 2 * ping", "never comes"),
        ("/schedule create every day at 25:00 ping", "is no time of day"),
        ("/schedule create every day at 9 ping --tz Mars", "There is no time zone “Mars”"),
        ("/schedule create every day at 9 ping --tz", "--tz needs a value"),
        ("/schedule create every day at 9 ping --timzone UTC", "Did you mean --timezone?"),
        ('/schedule create "every day at 9 ping', "is not closed"),
    ],
)
async def test_what_cannot_be_is_refused_privately_with_the_reason(
    give: CommandBench, text: str, because: str
) -> None:
    answer = await give(text)
    assert because in answer
    assert answer.startswith("(")
    assert await give.store.schedules.all() == []


# ---- idempotence


async def test_a_creation_carried_out_again_after_a_crash_makes_no_second_schedule(
    give: CommandBench,
) -> None:
    row_of_noon = "/schedule create in 2 hours Check the build"
    first = await give(row_of_noon, key="the row")
    again = await give(row_of_noon, key="the row")
    assert again == first
    assert len(await give.store.schedules.all()) == 1


async def test_a_run_carried_out_again_after_a_crash_starts_no_second_run(
    give: CommandBench,
) -> None:
    await give(BRIEFING)
    for _ in range(2):
        assert await give("/schedule run 1", key="the row") == (
            "Schedule 1 runs now; its result is for #ops."
        )
    assert len(give.durable.started) == 1


async def test_pause_resume_and_delete_answer_the_same_twice(give: CommandBench) -> None:
    await give(BRIEFING)
    for command in ("pause 1", "resume #1", "delete 1"):
        assert await give(f"/schedule {command}") == await give(f"/schedule {command}")


# ---- list, show, changes


async def test_the_list_shows_the_next_time_in_words_the_soonest_first(give: CommandBench) -> None:
    assert "There are no schedules yet" in await give("/schedule list")
    await give(BRIEFING)
    await give("/schedule create in 3 hours Check *the* `build` --channel #quiet")
    await give("/schedule create 0 9 * * * Look")
    await give("/schedule pause 3")
    assert await give("/schedule list") == (
        "(- **2** `in 3 hours` → #quiet, in 3 h, Fri 20 Nov 16:00 CET: `Check *the* 'build'`\n"
        "- **1** `every weekday at 8:30` → #ops, in 3 days, Mon 23 Nov 08:30 CET: "
        "`Write the briefing`\n"
        "- **3** `0 9 * * *` → #ops, paused: `Look`)"
    )


async def test_show_tells_the_last_results_and_why_one_was_kept(give: CommandBench) -> None:
    await give("/schedule create every hour Look --channel #quiet")
    assert "It has not run yet." in await give("/schedule show 1")
    schedule = await made(give)
    await give.clock.advance(timedelta(hours=3))
    await give.schedules.tick()
    assert schedule.next_at is not None
    run = run_id_of(schedule.id, schedule.next_at + timedelta(hours=2))
    assert "15:00 CET: missed; Nightdesk was not running" in await give("/schedule show 1")
    assert "16:00 CET: under way" in await give("/schedule show 1")
    await give.store.schedules.end_occurrence(
        run,
        state=OccurrenceState.DONE,
        now=give.clock.now(),
        result="All is\nwell.",
        delivery="kept, not sent: channel quiet is not proactive",
    )
    answer = await give("/schedule show 1")
    assert answer.startswith("(**Schedule 1** (active): at the start of every hour, Europe/Berlin")
    assert "Written as `every hour` by Ann, Fri 20 Nov 13:00 CET; for #quiet" in answer
    assert "Next: Fri 20 Nov 17:00 CET;" in answer
    assert (
        "- Fri 20 Nov 16:00 CET: done; kept, not sent: channel quiet is not proactive\n"
        "  > All is\n  > well." in answer
    )


async def test_the_latest_result_is_shown_whole_and_earlier_ones_in_brief(
    give: CommandBench,
) -> None:
    await give("/schedule create every hour Look")
    for letter in "ab":
        await give("/schedule run 1", key=letter)
        await give.clock.advance(60)
    for number, run in enumerate(list(give.durable.started)):
        await give.store.schedules.end_occurrence(
            RunId(run),
            state=OccurrenceState.DONE,
            now=give.clock.now(),
            result="xy"[number] * 2_000,
        )
    answer = await give("/schedule show 1")
    assert "(by hand): done" in answer
    assert "y" * 2_000 in answer
    assert "x" * 199 + "…" in answer
    assert "x" * 200 not in answer


async def test_pausing_and_resuming_tell_everybody_what_comes_next(give: CommandBench) -> None:
    await give(BRIEFING)
    assert await give("/schedule pause 1") == (
        "Schedule 1 is paused. `/schedule resume 1` goes on."
    )
    assert await give("/schedule resume 1") == (
        "Schedule 1 is active; next in 3 days, Mon 23 Nov 08:30 CET."
    )
    assert await give("/schedule delete 1") == "Schedule 1 is deleted."
    assert "was deleted" in await give("/schedule show 1")


@pytest.mark.parametrize("number", ["x", "1.5", "-1", "99999999999", "٣", "0"])
async def test_what_is_no_schedules_number_is_refused(give: CommandBench, number: str) -> None:
    answer = await give(f"/schedule show {number}")
    assert "is no schedule number" in answer or "There is no schedule" in answer


# ---- who may


def _team_with(role: MemberRole) -> Team:
    base = team()
    bob = Member(name="Bob", role=role, principals=(Principal(TERMINAL, "local", "bob"),))
    return replace(base, members=(*base.members, bob))


@pytest.mark.parametrize(
    ("role", "text", "allowed"),
    [
        (MemberRole.OPERATOR, BRIEFING, True),
        (MemberRole.MEMBER, BRIEFING, False),
        (MemberRole.MEMBER, "/schedule list", True),
        (MemberRole.GUEST, "/schedule list", False),
        (MemberRole.MEMBER, "/schedule delete 1", False),
        (MemberRole.GUEST, "/stop", True),
        (MemberRole.GUEST, "/new", True),
        (MemberRole.GUEST, "/status", False),
        (MemberRole.GUEST, "/model", False),
        (MemberRole.GUEST, "/help", True),
    ],
)
async def test_a_role_may_do_what_the_one_judge_lets_it(
    role: MemberRole, text: str, allowed: bool
) -> None:
    give = command_bench(configured=_team_with(role))
    answer = await give(text, sender=Principal(TERMINAL, "local", "bob"))
    assert ("That needs the role" in answer) is not allowed


async def test_a_stranger_may_do_nothing_that_touches_the_team(give: CommandBench) -> None:
    for form in FORMS:
        if form.noun in {"help", "link"}:  # a link code is what makes a stranger a member
            continue
        arguments = " 1" * (form.words if form.tail else form.least or int(form.most > 0))
        text = form.example or f"/{form.noun} {form.verb}{arguments}"
        answer = await give(text, sender=STRANGER)
        assert "You are not a member of Night shift" in answer, text


# ---- conversations


def _conversation(name: str, minute: int, title: str = "") -> Conversation:
    return Conversation(
        id=ConversationId(name),
        agent=AgentName("desk"),
        created_at=T0 + timedelta(minutes=minute),
        title=title,
    )


async def test_a_fresh_conversation_is_keyed_by_the_row_and_has_the_channels_agent() -> None:
    base = team()
    rules = (replace(base.channels[0], agent=AgentName("night")), *base.channels[1:])
    give = command_bench(configured=replace(base, channels=rules))
    await give("/new", thread=OPS, key="row a")
    await give("/new", thread=OPS, key="row a")
    await give("/new", thread=DM, key="row b")
    assert give.control.begun == {"row a": AgentName("night"), "row b": AgentName("desk")}


async def test_stop_says_whether_there_was_anything_to_stop(give: CommandBench) -> None:
    await begun(give.store, received())
    assert await give("stop!") == "Stopped."
    assert await give("/stop") == "(Nothing is running in this thread.)"


async def test_a_stop_between_two_turns_of_a_run_asks_to_say_it_again(give: CommandBench) -> None:
    await give("/schedule create every hour Look --channel #quiet")
    assert (await give("/stop 1")).startswith("(No run of schedule 1 is under way.")
    await give.clock.advance(timedelta(hours=1))
    await give.schedules.tick()
    assert await give("/stop 1") == (
        "(The run of schedule 1 begins at this moment, or goes to its next agent.\n"
        "Say it again in a second.)"
    )
    assert (await give("/stop 2")).startswith("(No run of schedule 2 is under way.")


async def test_resume_goes_back_to_the_only_older_conversation_once(give: CommandBench) -> None:
    give.control.bound = [_conversation("b", 5, "Today"), _conversation("a", 0, "Yesterday")]
    assert await give("/resume", key="row") == "Back in conversation 1: `Yesterday`."
    await give("/resume", key="row")
    assert give.control.bound[0].id == "a"


async def test_resume_without_a_number_shows_the_choice_where_there_is_one(
    give: CommandBench,
) -> None:
    give.control.bound = [
        _conversation("c", 9),
        _conversation("a", 0, "First"),
        _conversation("b", 5, "Second"),
    ]
    assert await give("/resume") == (
        "(Which one? Write `/resume <number>`.\n"
        "1. `First`, begun Fri 20 Nov 13:00 CET\n"
        "2. `Second`, begun Fri 20 Nov 13:05 CET\n"
        "3. nothing said yet, begun Fri 20 Nov 13:09 CET (the present one))"
    )


async def test_resume_lists_the_ten_that_were_used_last_and_takes_every_number(
    give: CommandBench,
) -> None:
    names = "abcdefghijkl"
    give.control.bound = [_conversation(name, n, name.upper()) for n, name in enumerate(names)]
    give.control.bound.reverse()
    give.control.bound.insert(0, give.control.bound.pop())  # the oldest is the present one
    said = await give("/resume")
    assert said.startswith("(This thread is in conversation 1: `A`. Which one? ")
    listed = [line for line in said.splitlines() if "begun" in line]
    assert [line.partition(".")[0] for line in listed] == ["1", *map(str, range(4, 13))]
    assert said.endswith("\nThere are 2 more: every number from 1 to 12 is one.)")
    assert await give("/resume 2") == "Back in conversation 2: `B`."


async def test_a_numbered_resume_means_the_same_conversation_when_repeated(
    give: CommandBench,
) -> None:
    give.control.bound = [_conversation(name, n) for n, name in enumerate("abc")][::-1]
    assert await give("/resume 2") == await give("/resume 2")
    assert give.control.bound[0].id == "b"


async def test_a_number_that_no_conversation_has_is_refused(give: CommandBench) -> None:
    assert "no other conversation" in await give("/resume 1")
    assert "no other conversation yet" in await give("/resume")
    give.control.bound = [_conversation("b", 5), _conversation("a", 0)]
    for wrong in ("0", "3", "x", "-1", "99999"):
        assert await give(f"/resume {wrong}") == (
            f"(There is no conversation “{wrong}” here.\nWrite /resume 1 or /resume 2.)"
        )
    give.control.bound += [_conversation(name, 9) for name in "cd"]
    assert "Write /resume with a number from 1 to 4.)" in await give("/resume 9")


# ---- model, status, help


class Silent:
    """A model of which only the description matters here."""

    def __init__(self, info: ModelInfo) -> None:
        self.info = info

    def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        raise AssertionError(request)


async def test_the_model_of_the_channels_agent_is_named() -> None:
    priced = (Price(input=1, output=2),)
    info = ModelInfo(name=ModelName("large"), context_tokens=128_000, prices=priced)
    give = command_bench(model=Silent(info))
    assert await give("/model") == "(The agent desk uses `large`: 128,000 tokens of context.)"
    local = replace(info, local=True, prices=(FREE,))
    assert "on this machine and costs nothing" in await command_bench(model=Silent(local))("/model")
    paid = replace(info, local=True)
    answer = await command_bench(model=Silent(paid))("/model")
    assert "It is called on this machine." in answer
    assert "nothing" not in answer, "a proxy may stand here"


async def test_the_offline_assistant_says_what_it_is_and_what_connects_a_model() -> None:
    info = ModelInfo(
        name=ModelName("offline"),
        context_tokens=8_000,
        language_model=False,
        how_to_connect="Set NIGHTDESK_MODEL.",
        abilities=("sing", "dance"),
    )
    answer = await command_bench(model=Silent(info))("/model")
    assert "It can\n- sing\n- dance\nSet" in answer
    assert "nothing else" not in answer
    assert "**No language model is connected.**" in answer
    assert "Set NIGHTDESK_MODEL." in answer


async def test_an_agent_whose_model_is_missing_is_named() -> None:
    give = command_bench(configured=team(model="gone"))
    assert "`gone`: it is not set up" in await give("/model")


async def test_status_shows_each_check_with_its_age_and_what_comes_next(
    give: CommandBench,
) -> None:
    assert await give("/status") == (
        "(**Everything works.**\n- database: ok (answers, 0 s ago)\nNo schedule is active.)"
    )
    await give(BRIEFING)
    give.health.checks = (
        Check(name="outbox", ok=True, detail="nothing waits"),
        Check(name="clock", ok=False, age_seconds=180.0, detail="last look"),
        Check(name="slack", ok=True, age_seconds=7_300.0, detail="last event"),
    )
    assert await give("/status") == (
        "(**Not working: clock.**\n"
        "- outbox: ok (nothing waits)\n"
        "- clock: not ok (last look, 3 min ago)\n"
        "- slack: ok (last event, 2 h ago)\n"
        "1 active schedule; next is schedule 1, in 3 days, Mon 23 Nov 08:30 CET.)"
    )


async def test_status_begins_with_all_that_is_wrong(give: CommandBench) -> None:
    await give("/stop agent desk")
    answer = await give("/status")
    assert answer.startswith("(**Stopped: the agent `desk`.**\nThe agent `desk` was stopped by ")
    give.health.checks = (Check(name="clock", ok=False, detail="last look"),)
    await give("/stop everything")
    answer = await give("/status")
    assert answer.startswith("(**Not working: clock. Stopped: the agent `desk`, everything.**\n")
    assert "Everything works" not in answer


@pytest.mark.parametrize("verb", ["stop", "resume"])
async def test_an_agent_without_its_name_is_asked_for(give: CommandBench, verb: str) -> None:
    assert await give(f"/{verb} agent") == "(Which agent?\nThere is desk.)"


@pytest.mark.parametrize("what", ["run", "schedule"])
async def test_a_run_without_its_id_is_asked_for(give: CommandBench, what: str) -> None:
    asked = f"(Which {what}?\n/status shows what runs, with its id.)"
    assert await give(f"/stop {what}") == asked


@pytest.mark.parametrize("sign", ["/", "!"])
async def test_help_takes_a_command_with_its_sign(give: CommandBench, sign: str) -> None:
    assert await give(f"/help {sign}schedule") == await give("/help schedule")
    assert looks_like_command(f"help {sign}schedule")


@pytest.mark.parametrize("what", ["agent desk", "everything"])
async def test_schedules_say_that_they_are_stopped(give: CommandBench, what: str) -> None:
    await give(BRIEFING)
    await give(f"/stop {what}")
    stopped = f"An operator can end that: `/resume {what}`. Times that come before that are missed."
    assert stopped in (await give("/schedule list")).splitlines()[0]
    assert stopped in (await give("/schedule show 1")).splitlines()[0]
    assert stopped in (await give(BRIEFING)).splitlines()[-1]
    assert stopped in await give("/schedule resume 1")
    await give(f"/resume {what}")
    assert "missed" not in await give("/schedule list")


async def test_a_stop_is_not_said_where_no_schedule_meets_it(give: CommandBench) -> None:
    await give(BRIEFING)
    await give("/schedule pause 1")
    await give("/stop everything")
    assert "resume everything" not in await give("/schedule list")


async def test_help_is_made_from_the_table_of_commands(give: CommandBench) -> None:
    everything = await give("/help")
    for form in FORMS:
        assert f"`{form.usage}`" in everything
    one = await give("/help schedule pause")
    assert "`/schedule pause <number>`" in one
    assert "/schedule list" not in one
    assert "--tz Area/City" in await give("!help schedules")
    assert "There is no command “frobnicate”" in await give("/help frobnicate")
    lost = await give("/help schedule foo")
    assert lost.startswith("(“schedule” has no “foo”. It has:\n\n`/schedule create ")
    assert "`/schedule delete <number>`" in lost


async def test_help_says_where_slash_commands_do_not_reach(give: CommandBench) -> None:
    assert "slash commands do not reach" not in await give("/help")
    give.chat.limits = replace(give.chat.limits, command="nightdesk")
    assert "In a thread, where slash commands do not reach, write `!" in await give("/help")


@pytest.mark.parametrize("example", [form.example for form in FORMS if form.example])
async def test_the_examples_in_help_work(example: str) -> None:
    fast = ModelInfo(
        name=ModelName("fast"), context_tokens=8_000, provider="openai", unpriced_allowed=True
    )
    give = command_bench(more=[Silent(fast)])
    for _ in range(3):
        await give("/remind me in 5 hours to stretch")
        await give(BRIEFING)

    answer = await give(example)

    assert isinstance(parse(example), ParsedCommand)
    assert "Write:" not in answer
    if "3f9k2m1a" in example or example.startswith("/approve revoke"):
        assert "There is no " in answer  # what waits here was given other ids
    else:
        assert not answer.startswith(("(You ", "(There "))


def test_whatever_takes_arguments_has_an_example_in_help() -> None:
    assert [form.usage for form in FORMS if form.arguments and not form.example] == []
    for form in FORMS:
        words = form.example.split()
        assert not words or words[0] == f"/{form.noun}", form.usage
        command = parse(form.example) if words else None
        assert command is None or isinstance(command, ParsedCommand), form.usage
        assert command is None or (command.noun, command.verb) == (form.noun, form.verb)


# ---- messages and buttons


async def test_a_message_that_is_a_command_is_answered_like_one(give: CommandBench) -> None:
    message = Message(text="schedule list", message_id=MessageId("m"), mentioned=True)
    assert "There are no schedules yet" in await give("", body=message)


async def test_an_unknown_button_says_that_it_does_nothing(give: CommandBench) -> None:
    press = ButtonPress(action="approve", value="42", message_id=MessageId("m"))
    assert await give("", body=press) == "(This button no longer does anything.)"


async def test_a_private_thread_of_a_channel_off_the_configuration_is_named_by_its_id(
    give: CommandBench,
) -> None:
    elsewhere = ThreadRef(ChannelRef(TERMINAL, "local", "random"))
    closed = team()
    rules = tuple(replace(rule, proactive=False) for rule in closed.channels)
    give = command_bench(configured=replace(closed, channels=rules))
    await give(BRIEFING, thread=elsewhere)
    assert "→ `random`" in await give("/schedule list")


async def test_who_left_the_team_is_not_named(give: CommandBench) -> None:
    await give(BRIEFING)
    schedule = await made(give)
    left = replace(schedule, id=ScheduleId("other"), made_by=STRANGER)
    await give.store.schedules.add(left)
    assert "by somebody who left" in await give("/schedule show 2")
    assert schedule.made_by == ANN
