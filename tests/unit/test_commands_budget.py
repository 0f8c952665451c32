"""`/budget` and `/cost`: what they show, what they change, and what they say where they cannot."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runtime.ids import AgentName, HoldId, MessageId, ModelName, ScheduleId, TurnId, derived
from runtime.model.address import Principal
from runtime.model.budget import Alert, AlertId, AlertState, BudgetRules, LimitChange, LimitRule
from runtime.model.completion import Usage
from runtime.model.events import ButtonPress
from runtime.model.ledger import Call, CallState, Settlement, Spender
from runtime.model.meter import Bound, Period, Scope
from runtime.model.team import Member, MemberRole, Team
from runtime.money.cards import KEEP, RAISE, wish_of
from runtime.money.limits import MOST, LimitBook, Limits
from runtime.money.spenders import meters_of
from tests.support.build import ANN, DM, STRANGER, TERMINAL, team
from tests.support.commands import CommandBench, command_bench
from tests.support.routing import Played

BOB = Principal(TERMINAL, "local", "bob")
CID = Principal(TERMINAL, "local", "cid")
GUS = Principal(TERMINAL, "local", "gus")


def people(day: int = 1_000_000) -> Team:
    """Ann owns the team, Bob is an operator, Cid a member, Gus a guest."""
    roles = (("Bob", BOB, MemberRole.OPERATOR), ("Cid", CID, MemberRole.MEMBER))
    more = [Member(name=name, role=role, principals=(who,)) for name, who, role in roles]
    more.append(Member(name="Gus", role=MemberRole.GUEST, principals=(GUS,)))
    limits = tuple(
        LimitRule(scope=Scope.ORGANISATION, period=period, micros=micros)
        for period, micros in ((Period.DAY, day), (Period.MONTH, 10 * day))
    )
    each = LimitRule(scope=Scope.SCHEDULE, period=Period.FIRING, micros=250_000)
    budget = BudgetRules(limits=(*limits, each))
    return replace(team(), members=(*team().members, *more), budget=budget)


@pytest.fixture
def bank() -> CommandBench:
    far = Played("far", provider="openai@far.example")
    return command_bench(configured=people(), more=[Played("near", provider="acme"), far])


NUMBERS: Iterator[int] = iter(range(10_000))


async def spend(
    bank: CommandBench,
    micros: int,
    *,
    who: Principal = ANN,
    schedule: ScheduleId | None = None,
) -> None:
    """One call of the agent's that cost that."""
    now = bank.clock.now()
    spender = Spender(
        provider="acme",
        agent=AgentName("desk"),
        run=TurnId(f"run-{next(NUMBERS)}"),
        person=who,
        thread=DM,
        schedule=schedule,
    )
    call = Call(
        id=HoldId(f"call-{next(NUMBERS)}"),
        spender=spender,
        model=ModelName("fast"),
        at=now,
        expires_at=now + timedelta(hours=1),
        worst=2 * micros,
        meters=meters_of(spender, bank.teams[-1], at=now),
    )
    assert await bank.store.ledger.reserve(call, []) is None
    done = Settlement(state=CallState.SETTLED, spent=micros, usage=Usage(100, 10), at=now)
    await bank.store.ledger.settle(call.id, done)


async def test_the_budget_shows_limits_spenders_days_and_where_the_month_goes(
    bank: CommandBench,
) -> None:
    await spend(bank, 300_000)
    await spend(bank, 110_000, who=BOB)
    said = await bank("/budget", sender=CID)
    assert "**Budget of Night shift** (USD)" in said
    assert "▰▰▰▰▱▱▱▱▱▱  41 %  0.41 of 1.00 a day  the whole team" in said
    assert "0.41 of 10.00 a month" in said
    assert "each schedule: 0.25 USD a run" in said or "a schedule: 0.25 USD a run" in said
    assert "by the end of the month, within the limit of 10.00 USD" in said
    assert "█` the last 14 days, at most 0.41 USD in one" in said
    assert "People: Ann 0.30 USD, Bob 0.11 USD" in said


async def test_a_budget_of_which_nothing_was_spent_can_be_shown(bank: CommandBench) -> None:
    said = await bank("/budget")
    assert "0 %  0.00 of 1.00 a day" in said
    assert "0.00 USD spent this month so far. A forecast is given once something is spent." in said
    assert await bank("/budget forecast") == said
    assert " days, at most" not in said, "no row of bars where there is nothing to see"


async def test_a_forecast_begins_with_the_second_day_of_the_month(bank: CommandBench) -> None:
    """A few hours of the first day, taken for a month, would be any number."""
    await bank.clock.advance(
        (datetime(2026, 12, 1, 6, tzinfo=UTC) - bank.clock.now()).total_seconds()
    )
    assert "is given once something is spent, from 2 Dec on." in await bank("/budget forecast")
    await spend(bank, 300_000)
    said = await bank("/budget forecast")
    assert "0.30 USD spent this month so far. A forecast is given from 2 Dec on." in said
    assert "pace" not in said
    await bank.clock.advance(timedelta(hours=18).total_seconds())  # 25 h of 744, in Berlin
    said = await bank("/budget forecast")
    assert "At this pace: 8.93 USD by the end of the month, within the limit of 10.00 USD." in said


@pytest.mark.parametrize(
    ("text", "who", "said"),
    [
        ("/budget set team 5 day", ANN, "The limit for the whole team is 5.00 USD a day"),
        ("/budget set team 0 day", BOB, "is 0.00 USD a day"),
        ("/budget raise team 25% day", ANN, "is 1.25 USD a day. It was 1.00 USD before."),
        ("/budget raise team to 3", ANN, "is 3.00 USD a day"),
        ("/budget raise schedule each 1", ANN, "a schedule is 1.00 USD a run. It was 0.25"),
        ("/budget lower schedule each 0.10", BOB, "a schedule is 0.10 USD a run. It was 0.25"),
        ("/budget set team 0", BOB, "was 1.00 USD before. Nothing is spent until somebody raises"),
        ("/budget raise team by 3 month", ANN, "is 13.00 USD a month. It was 10.00 USD before."),
        ("/budget raise team 3 month", ANN, "is not more"),
        ("/budget lower team by 0.25", BOB, "is 0.75 USD a day. It was 1.00 USD before."),
        ("/budget lower team 100 %", BOB, "is 0.00 USD a day"),
        ("/budget raise team by 25 %", ANN, "is 1.25 USD a day"),
        ("/budget lower team 0,50", BOB, "is 0.50 USD a day"),
        ("/budget lower team 50 % month", BOB, "is 5.00 USD a month"),
        (
            "/budget set agent desk 2 day",
            BOB,
            "for the agent desk is 2.00 USD a day. There was none",
        ),
        ("/budget set agent each 2 day", BOB, "for each agent is 2.00 USD a day"),
        ("/budget set person Cid 0.10", BOB, "for Cid is 0.10 USD a day"),
        ("/budget set channel #ops 1 month", BOB, "for #ops is 1.00 USD a month"),
        ("/budget set thread 0.20", BOB, "0.20 USD a day"),
        ("/budget set run 0.05", BOB, "for one run is 0.05 USD a run"),
        ("/budget set provider openai 3 USD month", BOB, "the provider openai is 3.00 USD a month"),
        ("/budget set provider acme 3 day", BOB, "the provider acme is 3.00 USD a day"),
        (
            "/budget set provider openai@far.example 3 day",
            BOB,
            "the provider openai@far.example is 3.00 USD a day",
        ),
        ("/budget set workflow 0.05", BOB, "for one workflow is 0.05 USD in all. There was none"),
    ],
)
async def test_limits_are_set(bank: CommandBench, text: str, who: Principal, said: str) -> None:
    assert said in await bank(text, sender=who)


async def test_a_limit_of_a_vendor_does_not_lift_what_each_address_has_and_says_so(
    bank: CommandBench,
) -> None:
    each = LimitRule(scope=Scope.PROVIDER, period=Period.DAY, micros=50_000)
    bank.teams[-1] = replace(
        bank.teams[-1],
        budget=replace(bank.teams[-1].budget, limits=(*bank.teams[-1].budget.limits, each)),
    )
    said = await bank("/budget set provider acme 5 day")
    assert said.endswith(
        "There was none before. At acme@ it stays at 0.05 USD a day: "
        "`/budget set provider acme@ 5.00 day` lets it have as much."
    )
    assert (await bank("/budget set provider acme 0.05 day")).endswith("It was 5.00 USD before.")
    await bank("/budget set provider acme 5 day")
    said = await bank("/budget set provider acme@ 5.00 day")
    assert said.endswith("at its own address is 5.00 USD a day. It was 0.05 USD before.")
    said = await bank("/budget raise provider acme 20% day")
    assert "At acme@ it stays at 5.00 USD a day: `/budget set provider acme@ 6.00 day`" in said
    assert "stays" not in await bank("/budget set provider acme 5 month")


async def test_a_limit_that_was_raised_for_one_place_and_day_is_shown_on_that_day(
    bank: CommandBench,
) -> None:
    """Where a card raised it for one of those that a limit holds for, each by itself."""
    each = LimitRule(scope=Scope.PROVIDER, period=Period.DAY, micros=50_000)
    before = bank.teams[-1]
    rules = replace(before.budget, limits=(*before.budget.limits, each))
    bank.teams[-1] = replace(before, budget=rules)
    await spend(bank, 30_000)
    change = LimitChange(
        scope=Scope.PROVIDER,
        subject="acme@",
        period=Period.DAY,
        stamp="2026-11-20",
        micros=75_000,
        before=50_000,
        base=None,
        by=ANN,
        at=bank.clock.now(),
        key="raised",
    )
    await bank.store.budgets.set_limit(change)
    run = replace(change, scope=Scope.RUN, subject="r", period=Period.FIRING, stamp="r", key="run")
    await bank.store.budgets.set_limit(run)

    said = await bank("/budget")
    assert "each provider: 0.05 USD a day" in said
    assert "40 %  0.03 of 0.075 a day  the provider acme at its own address" in said
    assert "run: 0.075" not in said, "that of one run alone is not shown"
    await bank.clock.advance(timedelta(days=1).total_seconds())
    assert "acme at its own address" not in await bank("/budget")


@pytest.mark.parametrize(
    ("text", "who", "said"),
    [
        ("/budget set team 5 day", BOB, "needs the role admin"),
        ("/budget set agent desk default", BOB, "needs the role admin"),
        ("/budget lower team 0.50", CID, "needs the role operator"),
        ("/budget", GUS, "needs the role member"),
        ("/cost", GUS, "needs the role member"),
        ("/budget set team", ANN, "is missing"),
        ("/budget set team day", ANN, "How much?"),
        ("/budget set team much", ANN, "is no amount"),
        ("/budget set team -5", ANN, "is no amount"),
        ("/budget set team 5 EUR", ANN, "the team's currency is USD, and this is EUR"),
        ("/budget set team 9999999999", ANN, "is no amount"),
        ("/budget set moon 5", ANN, "is nothing that has a budget"),
        ("/budget set agent nobody 5", ANN, "There are: desk"),
        ("/budget set person Nobody 5", ANN, "Nobody is called"),
        ("/budget set schedule 9 5", ANN, "There is no schedule"),
        ("/budget set run 5 day", ANN, "has no day and no month"),
        ("/budget set workflow 5 month", ANN, "A workflow has no day and no month"),
        (
            "/budget set provider opnai 5",
            ANN,
            "There are: acme, acme@, openai, openai@far.example.",
        ),
        ("/cost workflow", ANN, "Which workflow? The id of its run is missing."),
        ("/cost workflow nowhere", ANN, "There is no run “nowhere”"),
        ("/cost run one two", ANN, "“two” is too much"),
        ("/budget set agent desk 5 each", ANN, "An agent is not limited run by run"),
        ("/budget set organisation 5 each", ANN, "The team is not limited run by run"),
        ("/budget set team 5 day month", ANN, "A limit is for one time: day, month or each."),
        ("/budget raise agent desk 25%", ANN, "There is no limit for the agent desk yet"),
        ("/budget raise team -25%", ANN, "says nothing with raise"),
        ("/budget lower team +25%", ANN, "says nothing with lower"),
        ("/budget set team 25%", ANN, "says nothing with set"),
        ("/budget raise team 0%", ANN, "that is not more"),
        ("/budget lower team 0%", ANN, "that is not less"),
        ("/budget lower team 150 %", ANN, "can be lowered by 1 to 100 %"),
        ("/budget lower team 101%", ANN, "can be lowered by 1 to 100 %"),
        ("/budget raise team 10000%", ANN, "can be raised by 1 to 9999 %"),
        ("/budget lower team 12.5 %", ANN, "write whole per cent, such as 25 %"),
        ("/budget raise team NaN%", ANN, "write whole per cent, such as 25 %"),
        ("/budget raise team to 25 %", ANN, "“to 25 %” says nothing with raise"),
        ("/budget raise team by -3", ANN, "is no amount: write an amount like 5 or 0.50"),
        ("/budget lower team by 2", ANN, "The limit is 1.00 USD a day, and 2.00 USD is more"),
        ("/budget set team by 2", ANN, "“by 2” says nothing with set"),
        ("/budget raise agent desk by 2", ANN, "There is no limit for the agent desk yet"),
        ("/budget lower agent desk by 2", ANN, "There is no limit yet"),
        ("/budget raise team NaN", ANN, "from 0 to 999999999"),
        ("/budget raise team inf", ANN, "from 0 to 999999999"),
        ("/budget raise team 1e99", ANN, "from 0 to 999999999"),
        ("/budget raise team 99999999999999999999", ANN, "from 0 to 999999999"),
        ("/budget raise team by 999999999 month", ANN, "A limit is at most 1000000000.00 USD"),
        ("/budget raise team a lot", ANN, "“a lot” is no amount"),
        ("/budget raise team 0.50", ANN, "that is not more"),
        ("/budget lower team 5", ANN, "that is not less"),
        ("/budget raise agent desk 1", ANN, "no limit for the agent desk yet"),
        (
            "/budget raise provider acme 1 month",
            ANN,
            "no limit per month for the provider acme yet",
        ),
        ("/budget set team 3 week", ANN, "not for each week: it is day, month or each"),
        ("/budget set team 3 weekly", ANN, "not for each week: it is day, month or each"),
        ("/budget set team 1,000", ANN, "write 1000 for a thousand, 1.00 for one"),
        ("/budget set team 5$0", ANN, "is no amount"),
        ("/cost run nowhere", ANN, "There is no run “nowhere”"),
        ("/budget sell", ANN, "has no “sell”"),
        ("/cost moon", ANN, "“moon” is nothing whose cost is counted."),
        ("/cost moon", ANN, "or provider. For example: /cost agent desk"),
        ("/cost run", ANN, "Which run?"),
        ("/cost agent", ANN, "Which agent? Its name is missing.\nFor example: /cost agent desk"),
    ],
)
async def test_what_cannot_be_is_refused_and_says_why(
    bank: CommandBench, text: str, who: Principal, said: str
) -> None:
    assert said in await bank(text, sender=who)
    assert "Nobody changed" in await bank("/budget history")


async def test_raise_means_each_run_as_set_does_where_both_are_limited(bank: CommandBench) -> None:
    await bank("/budget set schedule each 5 day")
    assert "a schedule is 1.00 USD a run" in await bank("/budget raise schedule each 1")


async def test_the_history_says_who_changed_what(bank: CommandBench) -> None:
    assert "Nobody changed a limit" in await bank("/budget history")
    await bank("/budget lower team 0.40", sender=BOB)
    await bank("/budget set team default")
    said = await bank("/budget history")
    assert "the whole team a day, from 1.00 USD to 0.40 USD, by Bob" in said
    assert "from 0.40 USD to the configuration's, by Ann" in said
    assert "of 1.00 a day" in await bank("/budget")


async def test_the_history_lists_what_changed_something_and_says_where_there_is_more(
    bank: CommandBench,
) -> None:
    await bank("/budget set agent desk default")
    assert "Nobody changed a limit" in await bank("/budget history")
    for cents in range(10, 31):
        await bank(f"/budget set agent desk 0.{cents}")
    said = (await bank("/budget history")).splitlines()
    assert len(said) == 22
    assert "from 0.11 USD to 0.12 USD" not in said[-1]
    assert said[-1].startswith("- and more before; `nightdesk audit show --kind budget`")


async def test_a_limit_that_is_set_anew_beside_one_for_today_is_in_the_history(
    bank: CommandBench,
) -> None:
    change = LimitChange(
        scope=Scope.ORGANISATION,
        subject="",
        period=Period.DAY,
        stamp="2026-11-20",
        micros=2_000_000,
        before=1_000_000,
        base=1_000_000,
        by=ANN,
        at=bank.clock.now(),
        key="once",
    )
    await bank.store.budgets.set_limit(change)
    await bank("/budget set team 2 day")
    assert (await bank("/budget history")).count("to 2.00 USD") == 2


@pytest.mark.parametrize("per", ["per day", "a day", "each day", "every day", "daily"])
async def test_the_time_may_have_its_word_before_it(bank: CommandBench, per: str) -> None:
    assert "is 5.00 USD a day." in await bank(f"/budget set agent desk 5 {per}")


async def test_a_limit_that_is_taken_back_is_said_to_have_been_there_or_not(
    bank: CommandBench,
) -> None:
    none = "There is no limit per day for the agent desk"
    said = await bank("/budget set agent desk default")
    assert said == f"{none}, and there was none before."
    await bank("/budget set agent desk 2")
    assert (
        await bank("/budget set agent desk default") == f"{none} any more. It was 2.00 USD before."
    )


async def test_the_file_has_the_last_word_once_it_is_changed(bank: CommandBench) -> None:
    await bank("/budget lower team 0.40")
    assert "of 0.40 a day" in await bank("/budget")
    bank.teams.append(people(day=2_000_000))
    assert "of 2.00 a day" in await bank("/budget")


async def test_the_cost_of_a_thread_an_agent_a_run_and_a_schedule(bank: CommandBench) -> None:
    assert "called no model that was counted yet" in await bank("/cost")
    await bank("/schedule create every day at 9:00 Brief us --channel #ops")
    schedule = await bank.schedules.find(1)
    assert "(Schedule 1 called no model" in await bank("/cost schedule 1")
    await spend(bank, 300_000)
    await spend(bank, 200_000, schedule=schedule.id)
    assert "This thread: " in await bank("/cost")
    assert ": 0.50 USD**; 0.50 USD of it this month; 2 calls, 220 tokens." in await bank("/cost")
    assert "The agent desk: 0.50 USD" in await bank("/cost agent desk")
    assert "The agent desk: 0.50 USD" in await bank("/cost desk")
    assert "Ann: 0.50 USD" in await bank("/cost person Ann")
    said = await bank("/cost schedule 1")
    assert "Schedule 1: 0.20 USD" in said
    assert ": 0.20 USD" in said.splitlines()[-1]
    run = said.splitlines()[-1].split("`")[1]
    assert "0.20 USD" in await bank(f"/cost run {run}")


async def test_a_schedule_can_be_limited_run_by_run(bank: CommandBench) -> None:
    made = await bank("/schedule create every day at 9:00 Brief us --channel #ops --budget 0.50")
    assert "The limit for schedule 1 is 0.50 USD a run" in made
    assert "is 0.20 USD a run. It was 0.50 USD" in await bank("/schedule budget 1 0.20")
    assert "is 0.25 USD a run" in await bank("/schedule budget 1 default")
    assert "is no amount" in await bank("/schedule budget 1 much")
    assert "no schedule" in await bank("/schedule budget 9 1")


# ---- the buttons of cards


async def card(bank: CommandBench, limit: int = 1_000_000) -> AlertId:
    """A card that says that the team's day is used up."""
    [meter] = [
        meter
        for meter in meters_of(SOMEBODY, bank.teams[-1], at=bank.clock.now())
        if (meter.scope, meter.period) == (Scope.ORGANISATION, Period.DAY)
    ]
    alert = Alert(id=AlertId("alert"), bound=Bound(meter, limit), share=100, at=bank.clock.now())
    assert await bank.store.budgets.raise_alert(alert)
    return alert.id


SOMEBODY = Spender(provider="acme", agent=AgentName("desk"), run=TurnId("run"), person=ANN)


async def press(bank: CommandBench, action: str, value: str, who: Principal = ANN) -> str:
    body = ButtonPress(action=action, value=value, message_id=MessageId("17.1"))
    return await bank("", sender=who, body=body)


async def day(bank: CommandBench) -> str:
    [line] = [line for line in (await bank("/budget")).splitlines() if "a day  the whole" in line]
    return line.split("of ")[1].split(" a day")[0]


@pytest.mark.parametrize("who", [BOB, CID, GUS, STRANGER])
async def test_only_admins_and_owners_raise_by_a_card(bank: CommandBench, who: Principal) -> None:
    said = await press(bank, RAISE, f"{await card(bank)}:100", who)
    assert "needs the role admin" in said or "You are not a member" in said
    assert await day(bank) == "1.00"
    assert "Raised to 2.00 USD" in await press(bank, RAISE, "alert:100")
    assert await day(bank) == "2.00"


@pytest.mark.parametrize("who", [CID, GUS, STRANGER])
async def test_only_those_who_decide_end_the_question(bank: CommandBench, who: Principal) -> None:
    said = await press(bank, KEEP, await card(bank), who)
    assert "needs the role operator" in said or "You are not a member" in said
    assert "Kept as it is by Bob" in await press(bank, KEEP, "alert", BOB)


async def test_a_card_is_used_once_and_says_the_truth_to_whoever_comes_later(
    bank: CommandBench,
) -> None:
    this = await card(bank)
    assert "Raised to 1.25 USD for this day by Ann." in await press(bank, RAISE, f"{this}:25")
    later = await press(bank, RAISE, f"{this}:100")
    assert "That was decided: Raised to 1.25 USD for this day by Ann." in later
    assert "That was decided: Raised" in await press(bank, KEEP, this, BOB)
    assert await day(bank) == "1.25"
    # It was for that day alone.
    await bank.clock.advance(timedelta(days=1).total_seconds())
    assert await day(bank) == "1.00"


async def test_a_press_that_is_carried_out_again_after_a_crash_raises_once(
    bank: CommandBench,
) -> None:
    this = await card(bank)
    body = ButtonPress(action=RAISE, value=f"{this}:100", message_id=MessageId("17.1"))
    # The crash came after the decision was stored and before the limit was.
    await bank.store.budgets.answer_alert(
        this, state=AlertState.RAISED, by=ANN, note="Raised to 2.00 USD for this day by Ann."
    )
    for _ in range(2):
        assert "Raised to 2.00 USD" in await bank("", key="again", body=body)
    assert await day(bank) == "2.00"


async def test_a_card_whose_limit_was_changed_since_raises_nothing(bank: CommandBench) -> None:
    this = await card(bank)
    await bank("/budget lower team 0.40")
    said = await press(bank, RAISE, f"{this}:100")
    assert "That was decided: Lowered to 0.40 USD by Ann." in said
    assert await day(bank) == "0.40"


async def test_a_card_is_not_believed_where_a_crash_hid_from_it_that_the_limit_changed(
    bank: CommandBench,
) -> None:
    this = await card(bank)
    change = LimitChange(
        scope=Scope.ORGANISATION,
        subject="",
        period=Period.DAY,
        micros=400_000,
        before=1_000_000,
        base=1_000_000,
        by=ANN,
        at=bank.clock.now(),
        key="crashed",
    )
    await bank.store.budgets.set_limit(change)
    assert "it is 0.40 USD now" in await press(bank, RAISE, f"{this}:100")
    assert await day(bank) == "0.40"


async def test_a_card_raises_to_what_is_needed(bank: CommandBench) -> None:
    this = await card(bank)
    assert "Raised to 1.03 USD for this day by Ann." in await press(bank, RAISE, f"{this}=fb770")
    assert await day(bank) == "1.03"


def test_the_value_of_every_button_fits() -> None:
    this = derived("budget.alert", "whatever")
    assert len(f"{this}={MOST:x}") <= 40
    assert wish_of(f"{this}={MOST:x}").to == MOST


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nothing",
        "nothing:25",
        "alert",
        "alert:",
        "alert:x",
        "alert:7",
        "alert:9999",
        "alert=",
        "alert=0",
        "alert=f4240",
        "alert=-1",
        "alert=xyz",
        "alert:25=f4241",
        "alert=" + "f" * 14,
        "alert.",
        "alert.25",
    ],
)
async def test_a_button_that_says_nothing_raises_nothing(bank: CommandBench, value: str) -> None:
    await card(bank)
    assert "too old for me to know" in await press(bank, RAISE, value)
    assert await day(bank) == "1.00"


async def test_the_same_command_carried_out_again_raises_once(bank: CommandBench) -> None:
    for _ in range(2):
        said = await bank("/budget raise team 100%", key="again")
        assert "is 2.00 USD a day. It was 1.00 USD before." in said
    assert await day(bank) == "2.00"


@pytest.mark.parametrize(
    ("amount", "who", "said"),
    [
        ("abc", ANN, "“abc” is no amount"),
        ("5 EUR", ANN, "the team's currency is USD"),
        ("1", BOB, "needs the role"),
    ],
)
async def test_a_schedule_whose_limit_is_refused_is_not_made(
    bank: CommandBench, amount: str, who: Principal, said: str
) -> None:
    asked = f'/schedule create every day at 10:00 Say hello --budget "{amount}"'
    answer = await bank(asked, sender=who)
    assert said in answer
    assert ("For example: --budget 0.50" in answer) == (who == ANN)
    assert "/budget set" not in answer
    assert await bank.store.schedules.all() == []


async def test_each_of_two_raises_at_once_counts(
    bank: CommandBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = LimitBook.now

    async def slowly(book: LimitBook) -> Limits:
        found = await now(book)
        await bank.clock.sleep(0)
        return found

    monkeypatch.setattr(LimitBook, "now", slowly)
    said = await asyncio.gather(
        *(bank("/budget raise team by 2", key=key) for key in ("one", "two"))
    )
    assert "is 3.00 USD a day. It was 1.00 USD before." in said[0]
    assert "It was 3.00 USD before." in said[1]
    assert await day(bank) == "5.00"
