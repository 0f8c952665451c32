"""What a schedule's run asks is asked in the team's channel for that, where there is one."""

from dataclasses import replace
from pathlib import Path

import pytest

from runtime import cards
from runtime.elsewhere import Elsewhere
from runtime.errors import Permanent
from runtime.ids import MessageId
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.approval import Approval, ApprovalState
from runtime.model.events import ChannelChange
from runtime.model.team import ChannelRule, Listen
from runtime.ports import AuditQuery
from tests.scenario.test_approvals_runs import scheduled
from tests.support.approving import BOB, MEL, Asking, World, people
from tests.support.build import ANN, OPS, QUIET, TERMINAL
from tests.support.chat import MemoryChat
from tests.support.eventually import eventually
from tests.support.planning import planned

HOUR = 3600.0
NEWS = ThreadRef(ChannelRef(TERMINAL, "local", "news"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    news = ChannelRule(ref=NEWS.channel, name="news", listen=Listen.MENTIONS, proactive=True)
    team = replace(people(), approvals=OPS.channel)
    return World(tmp_path, members=replace(team, channels=(*team.channels, news)))


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


async def test_a_channel_that_refuses_the_card_for_good_leaves_it_to_the_owners_at_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with world.life() as life:
        await planned(life, "push it", target=NEWS)
        world.chat.faults.append(Permanent("the bot is not in the channel"))
        await life.desk.fire()
        [approval] = await life.waiting()
        assert card_places(life) == ["dm-ann"]
        told = [s.text for s in life.desk.chat.shown if s.thread.channel.channel == "dm-ann"]
        why = "This could not be asked in #ops, so it is asked here. Why: the bot is not in the"
        assert any(text.startswith(why) for text in told)
        said = [s.text for s in life.desk.chat.shown if s.thread == NEWS]
        assert [text.partition(":")[0] for text in said] == ["Schedule 1 waits for a yes or a no"]
        moved = await life.desk.desk.parts.store.audit.find(AuditQuery(kind="approval.moved"))
        assert [one.facts()["channel"] for one in moved] == ["terminal/local/ops"]
        assert "approval.asked_elsewhere" in caplog.messages
        shown = len(life.desk.chat.shown)
        await Elsewhere(life.desk.desk.asks.book)(approval.id, OPS, "again, after a crash")
        await life.desk.quiet()
        assert len(life.desk.chat.shown) == shown
        store = life.desk.desk.parts.store
        assert len(await store.audit.find(AuditQuery(kind="approval.moved"))) == 1
        await life.desk.clock.advance(2 * HOUR / 3)
        await life.desk.fire()
        assert len(life.faces(approval)) == 1  # the owners are asked once
        await life.press(approval, who=ANN, wait=False)
        await eventually(lambda: world.ran == ["main"])


class WithoutAnn(MemoryChat):
    """Nobody can write to Ann directly."""

    async def direct(self, who: Principal) -> ThreadRef:
        if who == ANN:
            raise Permanent("she does not take messages")
        return await super().direct(who)


async def test_a_group_that_cannot_be_reached_either_leaves_it_to_the_next(world: World) -> None:
    world.chat = WithoutAnn()
    async with world.life() as life:
        await planned(life, "push it")
        world.chat.faults.append(Permanent("channel_not_found"))
        await life.desk.fire()
        assert card_places(life) == ["dm-bob", "dm-cid"]


async def test_a_thread_that_refuses_the_card_leaves_it_to_those_who_may_decide(
    world: World,
) -> None:
    async with world.life() as life:
        world.chat.faults.append(Permanent("the thread is gone"))
        await life.asked(sender=ANN)
        assert card_places(life) == ["dm-bob", "dm-cid"]
        assert any("asked in its thread, so it is asked here" in t for t in life.desk.chat.texts)


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
