"""How often a program is answered in a row."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runtime.ids import TurnId
from runtime.loops import MOST_IN_A_ROW, WINDOW, is_spent
from runtime.model.address import Principal
from runtime.model.conversation import Entry, Role
from runtime.model.team import Member, MemberRole, Team
from runtime.model.tools import ToolCall
from tests.support.build import ANN, T0, TERMINAL, team

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
            sender=one,
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
    steps = [replace(step, tool_calls=(call,)), replace(step, role=Role.TOOL)] * 5
    first, answer, last = said(PAGER, None, PAGER)
    assert not is_spent([first, *steps, answer, last], ours, now=T0)
