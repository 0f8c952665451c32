"""How often a program is answered in a row."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.memory.store import MemoryStore
from runtime.ids import AgentName, ConversationId, TimeOrderedIds, TurnId
from runtime.model.address import ChannelRef, Principal, ThreadRef, key_of
from runtime.model.conversation import Entry, Role
from runtime.model.team import Member, MemberRole, Team
from runtime.model.tools import ToolCall
from runtime.model.turn import Turn, TurnStart
from runtime.turns.loops import MOST_ANSWERS, MOST_IN_A_ROW, WINDOW, Loops, is_spent
from tests.support.build import ANN, T0, TERMINAL, team
from tests.support.clock import ManualClock

PAGER = Principal(TERMINAL, "local", "pager")


@pytest.fixture
def ours() -> Team:
    pager = Member(name="Pager", role=MemberRole.MEMBER, principals=(PAGER,), bot=True)
    return replace(team(), members=(*team().members, pager))


def said(*who: Principal | None, step: timedelta = timedelta(0)) -> list[Entry]:
    """What was said, in order; None is our answer. The last is now."""
    return [
        Entry(
            role=Role.ASSISTANT if one is None else Role.USER,
            text="x",
            at=T0 - step * (len(who) - 1 - place),
            turn=TurnId("t"),
            by=None if one is None else key_of(one),
        )
        for place, one in enumerate(who)
    ]


def test_a_program_is_answered_three_times_in_a_row_and_not_a_fourth(ours: Team) -> None:
    exchange = [PAGER, None] * 3
    for count in range(1, len(exchange) + 1, 2):
        assert not is_spent(said(*exchange[:count]), ours, now=T0)
    assert is_spent(said(*exchange, PAGER), ours, now=T0)
    assert is_spent(said(None, *exchange, PAGER), ours, now=T0)


def test_after_our_own_first_word_there_are_six_too(ours: Team) -> None:
    assert not is_spent(said(None, *[PAGER, None] * 2, PAGER)[1:], ours, now=T0)
    assert is_spent(said(None, *[PAGER, None] * 2, PAGER), ours, now=T0)


def test_a_person_in_between_begins_anew(ours: Team) -> None:
    many = [PAGER, None] * 10
    assert not is_spent(said(*many, ANN, None, PAGER), ours, now=T0)
    assert not is_spent(said(*many, ANN, None, PAGER, None, PAGER), ours, now=T0)
    assert is_spent(said(*many, ANN, *[None, PAGER] * 3), ours, now=T0)


def test_a_person_is_always_answered(ours: Team) -> None:
    assert not is_spent(said(*[ANN, None] * 50, ANN), ours, now=T0)
    assert not is_spent(said(*[PAGER, None] * 50, ANN), ours, now=T0)
    assert not is_spent([], ours, now=T0)


def test_what_was_long_ago_does_not_count(ours: Team) -> None:
    hourly = said(*[PAGER, None] * 20, PAGER, step=WINDOW)
    assert not is_spent(hourly, ours, now=T0)
    fast = said(*[PAGER, None] * 20, PAGER, step=WINDOW / (2 * MOST_IN_A_ROW))
    assert is_spent(fast, ours, now=T0)


def test_steps_on_the_way_to_an_answer_are_no_messages(ours: Team) -> None:
    call = ToolCall(id="c", name="x", arguments="{}")  # type: ignore[arg-type]
    [step] = said(None)
    steps = [step._replace(tool_calls=(call,)), step._replace(role=Role.TOOL)] * 5
    first, answer, last = said(PAGER, None, PAGER)
    assert not is_spent([first, *steps, answer, last], ours, now=T0)


def start(number: int, turn: str, clock: ManualClock) -> TurnStart:
    """A turn of the pager's in a channel of that number."""
    thread = ThreadRef(ChannelRef(TERMINAL, "local", f"c{number}"), turn)
    begun = Turn(
        id=TurnId(turn),
        conversation=ConversationId(turn),
        inbox=None,
        thread=thread,
        requester=PAGER,
        attempt=1,
        fence=1,
        draft=None,
        started_at=clock.now(),
    )
    asked = said(PAGER)[0]._replace(at=clock.now())
    return TurnStart(turn=begun, agent=AgentName("desk"), entries=(asked,))


@pytest.fixture
def loops(ours: Team, clock: ManualClock) -> Loops:
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    return Loops(store.states, lambda: ours, clock)


async def test_new_threads_of_one_channel_count_together(loops: Loops, clock: ManualClock) -> None:
    spent = [await loops.is_spent(start(1, f"t{turn}", clock)) for turn in range(5)]
    assert spent == [False] * MOST_ANSWERS + [True] * (5 - MOST_ANSWERS)
    assert not await loops.is_spent(start(2, "elsewhere", clock))
    await clock.advance(WINDOW.total_seconds())
    assert not await loops.is_spent(start(1, "later", clock))


async def test_a_turn_that_is_taken_up_again_counts_once(loops: Loops, clock: ManualClock) -> None:
    for turn in ("a", "a", "b", "b", "b"):
        assert not await loops.is_spent(start(1, turn, clock))
    assert await loops.is_spent(start(1, "c", clock))


async def test_what_is_over_makes_room(
    loops: Loops, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.turns.loops._MOST_PAIRS", 3)
    for channel in range(3):
        assert not await loops.is_spent(start(channel, f"t{channel}", clock))
    assert await loops.is_spent(start(9, "full", clock))
    await clock.advance(WINDOW.total_seconds())
    assert not await loops.is_spent(start(9, "room", clock))
