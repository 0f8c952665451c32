"""A yes for a time: what its card said, by tools that leave arguments open, and nothing else."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.approvals import cards
from runtime.forms import CHANGES
from runtime.ids import AgentName, ApprovalId
from runtime.model.approval import GRANTED_FOR, ApprovalState, Grant
from runtime.model.tools import Json, Risk
from runtime.policy.book import PolicyBook
from runtime.policy.engine import RulePolicy
from runtime.policy.rules import Comparison, Condition, Layer, Permission, Preset, Rule
from runtime.ports import Judged, Verdict
from tests.support.approving import BOB, CID, Asking, World
from tests.support.questions import PUSHED

WEEK = 7 * 24 * 3600.0
ASK = Rule(name="team rule 9", tools="git.*", permission=Permission.APPROVAL)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, varies=frozenset({"force"}))


def rule(argument: str, value: Json, permission: Permission, people: int | None = None) -> Rule:
    condition = Condition(argument=argument, test=Comparison.IS, value=value)
    name = f"rule on {argument}"
    return Rule(
        name=name, tools="git.push", when=(condition,), permission=permission, people=people
    )


def rules(world: World, *extra: Rule) -> RulePolicy:
    layer = Layer(name="team", preset=Preset.FULL_AUTO, rules=(*extra, ASK))
    book = PolicyBook(team=layer)
    return RulePolicy(lambda: book, read=lambda call: json.loads(call.arguments), clock=world.clock)


async def pushed(life: Asking, call: dict[str, Json]) -> Sequence[str]:
    """Let the agent make that call; what ran in all."""
    life.world.calls = (call,)
    await life.desk.say("push it")
    await life.desk.quiet()
    return life.world.ran


async def test_very_many_are_shown_a_page_at_a_time(world: World) -> None:
    async with world.life() as life:
        store, now = life.desk.desk.parts.store, life.desk.clock.now()
        for number in range(25):
            await store.grants.add(
                Grant(
                    id=ApprovalId(f"g{number}"),
                    agent=AgentName("desk"),
                    frozen=PUSHED,
                    digest=PUSHED.digest(),
                    given_by=BOB,
                    given_at=now,
                    expires_at=now + GRANTED_FOR,
                )
            )
        first = await life.command("approve grants")
        assert first.count("may run `git.push`") == 20
        assert first.endswith("And 5 more: `/approve grants 21` shows them.")
        rest = await life.command("approve grants 21")
        assert rest.count("may run `git.push`") == 5
        assert "more: " not in rest
        assert await life.command("approve grants 26") == (
            "Nothing is allowed for a time from number 26 on."
        )
        assert "“all” is no grant's number" in await life.command("approve grants all")


async def test_it_covers_what_the_card_said_and_is_listed_and_revoked(world: World) -> None:
    async with world.life() as life:
        approval = await life.asked()
        said = 'Always: `git.push` with `branch` = `"main"`, whatever the `force`, for 7 days.'
        assert said in life.card(approval).text
        await life.press(approval, cards.ALWAYS)
        assert "Always: " not in life.card(approval).text

    async with world.life() as life:
        assert await pushed(life, {"branch": "main", "force": True}) == ["main", "main"]
        assert await pushed(life, {"branch": "main", "force": False}) == ["main"] * 3
        assert await life.waiting() == []
        assert await pushed(life, {"branch": "Main"}) == ["main"] * 3
        [other] = await life.waiting()
        await life.command(f"approve deny {other.id[:8]} not that one")

        listed = await life.command("approve grants")
        assert (
            'allowed by Bob: `git.push` with `branch` = `"main"`, whatever the `force`.' in listed
        )
        assert '"branch": "main"' in listed
        assert "covers nothing" not in listed
        await life.command("approve revoke 1")
        assert await pushed(life, {"branch": "main", "force": True}) == ["main"] * 3
        assert len(await life.waiting()) == 1


async def test_it_ends_with_its_time(world: World) -> None:
    async with world.life() as life:
        await life.press(await life.asked(), cards.ALWAYS)
        await life.desk.clock.advance(WEEK)
        assert await pushed(life, {"branch": "main", "force": True}) == ["main"]


async def test_a_tool_that_leaves_less_open_since_is_asked_for(world: World) -> None:
    async with world.life() as life:
        await life.press(await life.asked(), cards.ALWAYS)
    world.varies = frozenset()
    async with world.life() as life:
        assert await pushed(life, {"branch": "main"}) == ["main"]
        [asked] = await life.waiting()
        assert "Always: exactly this, for 7 days." in life.card(asked).text
        assert "**It covers nothing now**: the tool, the policy" in await life.command(
            "approve grants"
        )


async def test_exactly_this_stays_so_where_the_tool_leaves_more_open_since(world: World) -> None:
    world.varies = frozenset()
    async with world.life() as life:
        await life.press(await life.asked(), cards.ALWAYS)
    world.varies = frozenset({"force"})
    async with world.life() as life:
        assert await pushed(life, {"branch": "main"}) == ["main", "main"]
        assert await pushed(life, {"branch": "main", "force": True}) == ["main", "main"]


async def test_a_tool_that_is_another_one_is_asked_for(world: World) -> None:
    async with world.life() as life:
        await life.press(await life.asked(), cards.ALWAYS)
    world.risk = Risk.WRITE
    async with world.life() as life:
        assert await pushed(life, {"branch": "main"}) == ["main"]
        assert "nothing now**: the tool is another one" in await life.command("approve grants")


async def test_what_a_rule_looks_at_does_not_vary(world: World) -> None:
    world.policy = rules(world, rule("force", True, Permission.BLOCKED))
    async with world.life() as life:
        approval = await life.asked()
        assert "Always: exactly this, for 7 days." in life.card(approval).text
        await life.press(approval, cards.ALWAYS)
        assert await pushed(life, {"branch": "main"}) == ["main", "main"]
        assert await pushed(life, {"branch": "main", "force": False}) == ["main", "main"]
        assert len(await life.waiting()) == 1


@pytest.mark.parametrize(
    "since",
    [
        rule("force", True, Permission.BLOCKED),
        rule("force", True, Permission.APPROVAL),
        rule("branch", "main", Permission.APPROVAL, people=2),
        rule("branch", "main", Permission.BLOCKED),
    ],
)
async def test_a_policy_that_changed_since_is_obeyed(world: World, since: Rule) -> None:
    world.policy = rules(world)
    async with world.life() as life:
        await life.press(await life.asked(), cards.ALWAYS)
        assert await pushed(life, {"branch": "main", "force": True}) == ["main", "main"]
    world.policy = rules(world, since)
    async with world.life() as life:
        assert await pushed(life, {"branch": "main", "force": True}) == ["main", "main"]
        assert "It covers nothing now" in await life.command("approve grants")


async def test_always_is_refused_where_less_may_vary_than_its_card_says(world: World) -> None:
    world.policy = rules(world)
    async with world.life() as life:
        approval = await life.asked()
    world.policy = rules(world, rule("force", True, Permission.APPROVAL))
    async with world.life() as life:
        assert "not what its card says" in await life.press(approval, cards.ALWAYS)
        assert await life.state(approval) is ApprovalState.PENDING
        assert await life.desk.desk.parts.store.grants.active(now=world.clock.now()) == []


async def test_what_may_vary_is_said_anew_of_what_was_edited(world: World) -> None:
    async with world.life() as life:
        old = await life.asked()
        await life.submit(old, cards.EDIT, BOB, **{CHANGES: "branch = dev"})
        (new,) = await life.waiting()
        assert '`branch` = `"dev"`, whatever the `force`' in life.card(new).text
        await life.press(new, cards.ALWAYS, who=CID)
        assert await pushed(life, {"branch": "dev", "force": True}) == ["dev", "dev"]
        assert await pushed(life, {"branch": "main"}) == ["dev", "dev"]


@pytest.mark.parametrize("needed", [1, 2])
async def test_dangerous_and_two_person_cards_offer_nothing_for_a_time(
    world: World, needed: int
) -> None:
    world.varies = frozenset()
    world.rules.needed = needed
    world.risk = Risk.DANGEROUS if needed == 1 else Risk.EXTERNAL
    async with world.life() as life:
        approval = await life.asked()
        assert life.buttons(approval) == [cards.APPROVE, cards.DENY, cards.EDIT]
        assert "Always" not in life.card(approval).text
        assert "asked for each time" in await life.press(approval, cards.ALWAYS)


async def test_what_was_asked_because_of_a_rate_is_never_offered_for_a_time_by_an_edit(
    world: World,
) -> None:
    held = Judged(verdict=Verdict.ASK, reason="too often", too_often=True)
    world.rules.words['{"branch": "main"}'] = held
    async with world.life() as life:
        old = await life.asked()
        assert cards.ALWAYS not in life.buttons(old)
        await life.submit(old, cards.EDIT, BOB, **{CHANGES: "branch = dev"})
        (new,) = await life.waiting()
        assert cards.ALWAYS not in life.buttons(new)


@pytest.mark.parametrize(
    ("risk", "varies"),
    [(Risk.DANGEROUS, {"force"}), (Risk.WRITE, {"branch", "force"}), (Risk.WRITE, {"brnch"})],
)
def test_a_tool_leaves_some_of_its_own_arguments_open(
    world: World, risk: Risk, varies: set[str]
) -> None:
    tool = world.tool()
    with pytest.raises(ValueError, match=r"git\.push: what varies is some of the arguments"):
        replace(tool, risk=risk, varies=frozenset(varies))
