"""What a schedule's run asks is asked in the team's channel for that, where there is one."""

from dataclasses import replace
from pathlib import Path

import pytest

from runtime import cards
from runtime.ids import MessageId
from runtime.model.address import ChannelRef
from runtime.model.approval import Approval, ApprovalState
from runtime.model.events import ChannelChange
from tests.scenario.test_approvals_runs import scheduled
from tests.support.approving import BOB, MEL, Asking, World, people
from tests.support.build import OPS, QUIET
from tests.support.eventually import eventually

HOUR = 3600.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, members=replace(people(), approvals=OPS.channel))


async def asked_by_a_run(life: Asking) -> Approval:
    """Let a schedule's time come; what its run asks."""
    await scheduled(life)
    [approval] = await life.waiting()
    return approval


def card_places(life: Asking, since: int = 0) -> list[str]:
    """The channels in which a card was shown since then."""
    shown = life.desk.chat.shown[since:]
    return sorted({s.thread.channel.channel for s in shown if s.item.content.buttons})


async def test_it_is_asked_there_and_whoever_may_decides_there(world: World) -> None:
    async with world.life() as life:
        approval = await asked_by_a_run(life)
        assert approval.thread is None
        assert card_places(life) == [OPS.channel.channel]
        assert life.card(approval).item.proactive
        assert "needs the role operator" in await life.press(approval, who=MEL, thread=OPS)
        await life.press(approval, who=BOB, thread=OPS, wait=False)
        await eventually(lambda: "Told: pushed main" in life.desk.chat.texts)
        await life.desk.quiet()
        assert world.ran == ["main"]
        assert await life.state(approval) is ApprovalState.DONE
        assert life.buttons(approval) == []


@pytest.mark.parametrize(
    ("word", "state"), [("/approve", ApprovalState.DONE), ("/deny", ApprovalState.DENIED)]
)
async def test_it_is_decided_by_a_reply_in_the_thread_under_its_card(
    world: World, word: str, state: ApprovalState
) -> None:
    async with world.life() as life:
        approval = await asked_by_a_run(life)
        under = OPS.under(life.card(approval).message)
        await life.desk.command("/approve", sender=BOB, thread=under)
        assert "was asked only just now" in life.desk.chat.texts[-1]
        await life.desk.clock.advance(2)
        await life.desk.command("/approve", sender=MEL, thread=under)
        assert "needs the role operator" in life.desk.chat.texts[-1]
        await life.desk.command(word, sender=BOB, thread=OPS.under(MessageId("another")))
        assert "Nothing waits for a yes or a no in this thread" in life.desk.chat.texts[-1]
        assert await life.state(approval) is ApprovalState.PENDING
        await life.desk.command(word, sender=BOB, thread=under)
        await life.desk.quiet()
        assert await life.state(approval) is state
        assert world.ran == (["main"] if state is ApprovalState.DONE else [])


async def test_nobody_decides_it_and_the_groups_are_asked_from_the_owners_on(world: World) -> None:
    async with world.life() as life:
        approval = await asked_by_a_run(life)
        said = len(life.desk.chat.shown)
        await life.desk.clock.advance(HOUR / 2)
        await life.desk.fire()
        reminded = [s for s in life.desk.chat.shown[said:] if "still waits" in s.text]
        assert [s.thread.channel for s in reminded] == [OPS.channel]
        await life.desk.clock.advance(HOUR / 6)
        await life.desk.fire()
        assert card_places(life, said) == ["dm-ann"]
        await life.desk.clock.advance(HOUR / 6)
        await life.desk.fire()
        assert card_places(life, said) == ["dm-ann", "dm-bob", "dm-cid"]
        await life.press(approval, cards.DENY, who=BOB)
        assert all("Denied by Bob" in face for face in life.faces(approval))
        assert len(life.faces(approval)) == 4


@pytest.mark.parametrize("channel", [None, QUIET.channel])
async def test_without_a_channel_that_may_be_posted_to_the_owners_are_asked(
    world: World, channel: ChannelRef | None
) -> None:
    world.members = replace(world.members, approvals=channel)
    async with world.life() as life:
        await asked_by_a_run(life)
        assert card_places(life) == ["dm-ann"]


async def test_a_channel_that_is_distrusted_is_not_asked(world: World) -> None:
    async with world.life() as life:
        await life.desk.desk.parts.store.trust.distrust(
            OPS.channel, ChannelChange.SHARED, detail="", now=life.desk.clock.now()
        )
        await asked_by_a_run(life)
        assert card_places(life) == ["dm-ann"]


async def test_a_channel_off_the_list_since_is_not_reminded(world: World) -> None:
    async with world.life() as life:
        await asked_by_a_run(life)
        said = len(life.desk.chat.shown)
        channels = tuple(replace(rule, proactive=False) for rule in life.desk.team.channels)
        life.desk.team = replace(life.desk.team, channels=channels)
        await life.desk.clock.advance(HOUR / 2)
        await life.desk.fire()
        assert not [s for s in life.desk.chat.shown[said:] if s.thread == OPS]


async def test_a_channel_that_is_configured_no_more_is_not_reminded(world: World) -> None:
    async with world.life() as life:
        await asked_by_a_run(life)
        channels = tuple(one for one in life.desk.team.channels if one.ref != OPS.channel)
        life.desk.team = replace(life.desk.team, approvals=None, channels=channels)
        said = len(life.desk.chat.shown)
        await life.desk.clock.advance(HOUR / 2)
        await life.desk.fire()
        assert not [s for s in life.desk.chat.shown[said:] if s.thread == OPS]


async def test_what_is_asked_in_a_thread_is_not_asked_in_the_channel(world: World) -> None:
    async with world.life() as life:
        await life.asked()
        assert OPS.channel.channel not in card_places(life)
