"""What a stop holds: its agent, or everything, and the messages of both, until it is lifted."""

from dataclasses import replace

import pytest

from adapters.memory.audit import MemoryAudit
from adapters.memory.stops import MemoryStops
from adapters.memory.tables import Tables
from runtime.errors import Conflict
from runtime.halt import Halt, how_to_resume, in_words, refusal, what_is_stopped
from runtime.ids import AgentName, ConversationId, MessageId, StopId, TurnId, following
from runtime.model.address import ThreadRef
from runtime.model.messages import Content
from runtime.model.stop import Stop, StopKind
from runtime.model.turn import Turn
from runtime.outbox import whole
from tests.support.build import ANN, DM, T0, outbox_item, team
from tests.support.clock import ManualClock

DESK, NIGHT = AgentName("desk"), AgentName("night")
OF_DESK = Stop(id=StopId("s1"), kind=StopKind.AGENT, agent=DESK, by=ANN, at=T0)
OF_ALL = Stop(id=StopId("s2"), kind=StopKind.EVERYTHING, by=ANN, at=T0)
OF_TURNS = Stop(id=StopId("s3"), kind=StopKind.TURNS, by=ANN, at=T0)


class Written(MemoryStops):
    """The stops as the database has them."""

    def __init__(self, *stops: Stop) -> None:
        super().__init__(Tables(audit=MemoryAudit(ManualClock())))
        self.stops = list(stops)
        self.resumed = 0
        self.read: list[str] = []

    async def active(self) -> list[Stop]:
        self.read.append("active")
        return list(self.stops)

    async def lifted(self) -> int:
        self.read.append("lifted")
        return self.resumed


async def halted(*stops: Stop) -> Halt:
    halt = Halt(Written(*stops))
    await halt.refresh()
    return halt


async def test_nothing_is_held_where_nothing_was_stopped() -> None:
    halt = await halted()
    assert halt.active == ()
    assert (halt.of(DESK), halt.of(None)) == (None, None)
    assert halt.holding(outbox_item(proactive=True)) is None
    halt.require(DESK)


async def test_of_a_stopped_agent_nothing_goes_on_and_everything_else_does() -> None:
    halt = await halted(OF_DESK)
    assert halt.of(DESK) == OF_DESK
    with pytest.raises(Conflict, match=r"^the agent desk is stopped$"):
        halt.require(DESK)
    assert (halt.of(NIGHT), halt.of(None)) == (None, None)
    halt.require(NIGHT)


async def test_a_stop_of_everything_holds_every_agent_and_goes_before_one_of_an_agent() -> None:
    halt = await halted(OF_DESK, OF_ALL)
    assert halt.active == (OF_DESK, OF_ALL)
    for agent in (DESK, NIGHT, None):
        assert halt.of(agent) == OF_ALL
    for agent in (DESK, NIGHT):
        with pytest.raises(Conflict):
            halt.require(agent)


async def test_turns_that_were_ended_hold_nobody() -> None:
    halt = await halted(OF_TURNS)
    assert (halt.of(DESK), halt.of(None)) == (None, None)
    halt.require(DESK)


async def test_the_messages_of_what_is_stopped_are_held_and_answers_of_our_own_are_not() -> None:
    said, unasked, ours = (
        replace(outbox_item(), agent=DESK),
        outbox_item(proactive=True),
        outbox_item(),
    )
    one, every = await halted(OF_DESK), await halted(OF_ALL)
    assert one.holding(said) == OF_DESK
    assert one.holding(replace(said, agent=NIGHT)) is None
    assert one.holding(replace(said, proactive=True)) == OF_DESK
    assert one.holding(unasked) is None
    assert every.holding(said) == OF_ALL
    assert every.holding(unasked) == OF_ALL
    for halt in (one, every):
        assert halt.holding(ours) is None, "how else would people hear of the stop?"


async def test_what_was_stopped_or_resumed_elsewhere_is_known_once_it_is_read() -> None:
    stops, heard = Written(), list[int]()
    halt = Halt(stops)
    halt.on_change(lambda: heard.append(len(halt.active)))
    assert not await halt.refresh()
    assert (heard, halt.epoch) == ([], "0")
    stops.stops.append(OF_DESK)
    assert halt.of(DESK) is None
    assert await halt.refresh()
    assert (heard, halt.of(DESK), halt.epoch) == ([1], OF_DESK, "0")
    assert not await halt.refresh()
    stops.stops.clear()
    stops.resumed = 1
    assert await halt.refresh()
    assert (heard, halt.of(DESK), halt.epoch) == ([1, 0], None, "1")
    # Stopped and resumed between two looks: what was said before has to be said again.
    stops.resumed = 2
    assert await halt.refresh()
    assert (heard, halt.epoch) == ([1, 0, 0], "2")


async def test_a_stop_that_is_lifted_meanwhile_is_never_read_as_in_force_and_not_lifted() -> None:
    stops = Written()
    await Halt(stops).refresh()
    assert stops.read == ["lifted", "active"]


# ---- what people are told


def test_a_stop_is_said_with_who_when_and_how_it_ends() -> None:
    assert (what_is_stopped(OF_DESK), how_to_resume(OF_DESK)) == (
        "The agent `desk`",
        "/resume agent desk",
    )
    assert (what_is_stopped(OF_ALL), how_to_resume(OF_ALL)) == ("Everything", "/resume everything")
    assert in_words(OF_ALL, team(), now=T0) == (
        "Everything was stopped by Ann, Fri 20 Nov 13:00 CET. An operator can end that: "
        "`/resume everything`."
    )


def test_who_speaks_to_what_is_stopped_is_told_so_once_in_the_place_of_the_answer() -> None:
    turn = Turn(
        id=TurnId("t1"),
        conversation=ConversationId("talk"),
        inbox=None,
        thread=DM,
        requester=ANN,
        attempt=1,
        fence=1,
        started_at=T0,
        draft=MessageId("draft"),
    )
    rows = refusal(turn, OF_DESK, team(), split=whole, now=T0)
    [row] = rows
    assert row.id == following("answer", turn.id), "what the turn would have answered is not said"
    assert row.created_at == T0
    assert rows == refusal(turn, OF_DESK, team(), split=whole, now=T0), "whichever process says it"
    assert (row.thread, row.draft, row.proactive, row.agent) == (DM, turn.draft, False, None)
    assert row.content.text == (
        f"I do not answer this. {in_words(OF_DESK, team(), now=T0)} Please say it again after that."
    )
    split: list[bool] = []

    def ours(thread: ThreadRef, content: Content) -> tuple[Content, ...]:
        split.append(content.ours)
        return whole(thread, content)

    refusal(turn, OF_DESK, team(), split=ours, now=T0)
    assert split == [True], "its command is spelled as the platform takes it"
    assert refusal(replace(turn, id=TurnId("t2")), OF_DESK, team(), split=whole, now=T0) != rows
    assert refusal(replace(turn, thread=None), OF_DESK, team(), split=whole, now=T0) == []
