"""What a schedule's run asks is asked in the team's channel for that, where there is one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from runtime.approvals import cards
from runtime.approvals.elsewhere import Elsewhere
from runtime.errors import Permanent, Retryable
from runtime.ids import MessageId
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.approval import Approval, ApprovalState
from runtime.model.events import ChannelChange
from runtime.model.outbox import OutboxItem
from runtime.model.team import ChannelRule, Listen, Member, MemberRole
from runtime.ports import AuditQuery
from tests.scenario.test_approvals_runs import scheduled
from tests.support.approving import BOB, MEL, Asking, World, people
from tests.support.build import ANN, DM, OPS, QUIET, TERMINAL
from tests.support.chat import MemoryChat, Shown
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


async def test_owners_who_cannot_be_written_to_leave_it_to_the_next_group(world: World) -> None:
    world.chat = WithoutAnn()
    world.members = replace(world.members, approvals=None)
    async with world.life() as life:
        await asked_by_a_run(life)
        assert card_places(life) == ["dm-bob", "dm-cid"]


@dataclass(slots=True)
class Refusing(MemoryChat):
    """Takes no message in some channels, as a person's own one who blocked the bot.

    Attributes:
        closed: the channels.
        own: somebody's own conversation with the bot, where it is another one than is usual.
    """

    closed: Sequence[str] = ()
    own: Mapping[Principal, ThreadRef] = field(default_factory=dict)

    async def direct(self, who: Principal) -> ThreadRef:
        return self.own.get(who) or ThreadRef(
            ChannelRef(self.platform, who.workspace, f"dm-{who.user}")
        )

    async def send(self, item: OutboxItem) -> MessageId:
        if item.thread.channel.channel in self.closed and not item.only_for:
            raise Permanent("the bot was blocked")
        self.shown.append(Shown(item, item.draft or MessageId(f"m{len(self.shown) + 1}")))
        return self.shown[-1].message


async def moved_from(life: Asking) -> list[object]:
    """The channels that the audit log says did not take a card, in order."""
    found = await life.desk.desk.parts.store.audit.find(AuditQuery(kind="approval.moved"))
    return [one.facts()["channel"] for one in reversed(found)]


@pytest.mark.parametrize("channel", [OPS.channel, None])
async def test_direct_messages_that_all_refuse_it_leave_it_to_the_next_group(
    world: World, channel: ChannelRef | None
) -> None:
    world.chat = Refusing(closed=("ops", "dm-ann"))
    world.members = replace(world.members, approvals=channel)
    async with world.life() as life:
        await asked_by_a_run(life)
        assert card_places(life) == ["dm-bob", "dm-cid"]
        refused = ["terminal/local/ops"] if channel else []
        assert await moved_from(life) == [*refused, "terminal/local/dm-ann"]
        why = "This could not be asked in the direct messages of those before you, so it is asked"
        assert sum(text.startswith(why) for text in life.desk.chat.texts) == 2


@pytest.mark.parametrize(
    ("closed", "asked"),
    [
        (("dm-bob",), ["dm-cid"]),
        (("dm-bob", "dm-cid"), ["dm-ann"]),
        (("dm-bob", "dm-cid", "dm-ann"), []),
    ],
)
async def test_the_next_group_is_asked_when_nobody_of_the_last_could_be(
    world: World, closed: Sequence[str], asked: Sequence[str]
) -> None:
    world.chat = Refusing(closed=(DM.channel.channel, *closed))
    async with world.life() as life:
        await life.asked()
        assert card_places(life) == asked
        assert len(await moved_from(life)) == {"dm-cid": 1, "dm-ann": 2}.get("".join(asked), 2)


async def test_operators_who_cannot_be_asked_for_a_member_leave_it_to_the_owners(
    world: World,
) -> None:
    """Where the member writes people see the card; none of them may decide."""
    world.chat = Refusing(closed=("dm-bob", "dm-cid"))
    async with world.life() as life:
        await life.asked(sender=MEL)
        assert card_places(life) == [DM.channel.channel, "dm-ann"]


async def test_who_cannot_be_asked_where_they_wrote_is_not_asked_there_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A sole operator's own conversation refuses the card, so the owner is asked."""
    world.chat = Refusing(closed=(DM.channel.channel,), own={BOB: DM})
    few = tuple(one for one in world.members.members if one.name in ("Ann", "Bob"))
    world.members = replace(world.members, members=few)
    async with world.life() as life:
        approval = await life.asked(sender=BOB)
        assert card_places(life) == ["dm-ann"]
        assert len(await moved_from(life)) == 1
        assert caplog.messages.count("approval.asked_elsewhere") == 1
        again = Elsewhere(life.desk.desk.asks.book)
        await again(approval.id, DM, "again, after a crash")
        assert len(await moved_from(life)) == 1


async def test_nobody_else_is_no_other_place(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.chat = Refusing(closed=(DM.channel.channel,), own={BOB: DM})
    alone = Member(name="Bob", role=MemberRole.OWNER, principals=(BOB,))
    world.members = replace(world.members, members=(alone,))
    async with world.life() as life:
        await life.asked(sender=BOB)
        assert card_places(life) == []
        assert await moved_from(life) == []
        assert "approval.card_refused" in caplog.messages
        assert "approval.asked_elsewhere" not in caplog.messages


async def test_the_owners_are_asked_though_the_channel_is_configured_no_more(world: World) -> None:
    async with world.life() as life:
        await planned(life, "push it")
        world.chat.faults.append(Retryable("busy", after=HOUR / 60))
        await life.desk.fire()
        life.desk.team = replace(life.desk.team, approvals=None)
        world.chat.faults.append(Permanent("channel_not_found"))
        await life.desk.clock.advance(HOUR / 30)
        await life.desk.quiet()
        assert card_places(life) == ["dm-ann"]


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
