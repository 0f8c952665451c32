"""Who asked is judged at every call, as the team is then: rights lost in mid-turn are lost at once."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import pytest

from adapters.models.scripted import Step, ToolCalls
from runtime.approvals import cards
from runtime.ids import AgentName
from runtime.model.access import Action
from runtime.model.address import Principal
from runtime.model.approval import Approval, ApprovalState, Vote
from runtime.model.audit import AuditKind
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Role
from runtime.model.schedule import OccurrenceState
from runtime.model.team import Member, MemberRole
from runtime.model.tools import ToolResult
from runtime.model.turn import TurnState
from runtime.ports import Verdict
from runtime.schedules.service import NewSchedule
from runtime.tools.registry import Effect, Tool
from tests.support.approving import BOB, MEL, Asking, World, people
from tests.support.build import DM, OPS, TERMINAL
from tests.support.clock import ManualClock
from tests.support.handing import Agents, hands, in_memory, says, way
from tests.support.planning import planned

GUS = Principal(TERMINAL, "local", "gus")


@dataclass
class Needing(World):
    """A world whose tool takes a right.

    Attributes:
        needs: the right.
    """

    needs: Action = Action.POST

    def tool(self) -> Tool:
        return replace(super().tool(), needs=self.needs)


@pytest.fixture
def world(tmp_path: Path) -> Needing:
    guest = Member(name="Gus", role=MemberRole.GUEST, principals=(GUS,))
    team = replace(people(), members=(*people().members, guest))
    return Needing(tmp_path, members=team)


def become(life: Asking, name: str, role: MemberRole | None) -> None:
    """Give the person another role, or let them go."""
    kept = [m for m in life.desk.team.members if m.name != name]
    changed = [replace(m, role=role) for m in life.desk.team.members if role and m.name == name]
    life.desk.team = replace(life.desk.team, members=(*kept, *changed))


async def refusals(life: Asking) -> list[str]:
    """The rules of the audit log's refusals, oldest first."""
    records = await life.desk.desk.parts.store.audit.page()
    return [str(r.facts()["rule"]) for r in records if r.kind == AuditKind.TOOL_REFUSED]


async def test_what_who_asks_may_not_do_is_neither_run_nor_asked_for(world: Needing) -> None:
    async with world.life() as life:
        for verdict in (Verdict.ALLOW, Verdict.ASK):
            world.rules.verdict = verdict
            await life.desk.ask("push it", sender=MEL)
            said = life.desk.chat.texts[-1]
            assert said.startswith("Told: git.push was not run. Who asked for it may not")
            assert "That needs the role operator; yours is member." in said
        assert world.ran == []
        assert await life.waiting() == []
        assert (
            await refusals(life) == ["it takes the right post, which who asked does not have"] * 2
        )
        world.rules.verdict = Verdict.ALLOW
        await life.desk.ask("push it", sender=BOB)
        assert world.ran == ["main"]


async def test_a_tool_that_declares_nothing_runs_for_owners_only(world: Needing) -> None:
    world.needs = Action.ANY_TOOL
    world.rules.verdict = Verdict.ALLOW
    async with world.life() as life:
        await life.desk.ask("push it", sender=BOB)
        assert "needs the role owner" in life.desk.chat.texts[-1]
        assert world.ran == []
        await life.desk.ask("push it")
        assert world.ran == ["main"]


async def test_a_role_that_is_lost_between_two_calls_is_lost_for_the_second(world: Needing) -> None:
    world.rules.verdict = Verdict.ALLOW
    world.calls = ({"branch": "one"}, {"branch": "two"})
    async with world.life() as life:
        world.after = lambda: become(life, "Bob", MemberRole.MEMBER)
        await life.desk.ask("push them", sender=BOB)
        assert world.ran == ["one"]
        assert "Told: pushed one | git.push was not run." in life.desk.chat.texts[-1]


async def test_who_is_let_go_between_two_calls_has_no_second(world: Needing) -> None:
    world.needs = Action.CONVERSE
    world.rules.verdict = Verdict.ALLOW
    world.calls = ({"branch": "one"}, {"branch": "two"})
    async with world.life() as life:
        world.after = lambda: become(life, "Bob", None)
        await life.desk.ask("push them", sender=BOB)
        assert world.ran == ["one"]
        assert "You are not a member" in life.desk.chat.texts[-1]


async def test_what_was_approved_is_cancelled_where_who_asked_lost_the_right(
    world: Needing,
) -> None:
    async with world.life() as life:
        approval = await life.asked(sender=BOB)
        become(life, "Bob", MemberRole.MEMBER)
        await life.press(approval, who=life.desk.team.owners()[0])
        assert world.ran == []
        assert await life.state(approval) is ApprovalState.CANCELLED
        assert all("needs the role operator" in face for face in life.faces(approval))
        assert life.desk.chat.texts[-1].startswith("Told: git.push was not run. Who asked for it")
        assert await refusals(life) == ["its approval is cancelled"]


@pytest.mark.parametrize("role", [MemberRole.MEMBER, MemberRole.GUEST, None])
async def test_a_yes_to_a_run_is_cancelled_where_its_maker_lost_the_right(
    world: Needing, role: MemberRole | None
) -> None:
    async with world.life() as life:
        await planned(life, "push it", maker=BOB)
        await life.desk.fire()
        [approval] = await life.waiting()
        become(life, "Bob", role)
        await life.press(approval, who=life.desk.team.owners()[0])
        await life.desk.quiet()
        assert world.ran == []
        assert await life.state(approval) is ApprovalState.CANCELLED
        assert await life.waiting() == []
        why = "needs the role" if role else "no longer a member"
        assert all(why in face for face in life.faces(approval)), life.faces(approval)
        assert life.buttons(approval) == []
        records = await life.desk.desk.parts.store.audit.page()
        changes = [r for r in records if r.kind == AuditKind.APPROVAL_CHANGED]
        assert [r.facts()["state"] for r in changes] == ["cancelled"]


async def test_a_yes_that_came_as_its_turn_ended_is_cancelled_in_the_next_life(
    world: Needing,
) -> None:
    async with world.life() as life:
        approval = await life.asked(sender=BOB)
        store = life.desk.desk.parts.store
        vote = Vote(by=life.desk.team.owners()[0], at=world.clock.now())
        await store.approvals.vote(approval.id, vote, digest=approval.digest)
        # The process dies between the end of its turn and what follows from that.
        assert await store.turns.unpark(approval.turn)
        start = await store.turns.begin(approval.conversation, owner="dead")
        assert start is not None
        await store.turns.finish(approval.turn, start.turn.fence, state=TurnState.FAILED)
    async with world.life() as life:
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.CANCELLED


async def test_a_grant_runs_nothing_for_who_lost_the_right(world: Needing) -> None:
    async with world.life() as life:
        approval = await life.asked(sender=BOB)
        await life.press(approval, cards.ALWAYS, who=life.desk.team.owners()[0])
        assert world.ran == ["main"]
        become(life, "Bob", MemberRole.MEMBER)
        await life.desk.ask("push it", sender=BOB)
        assert "was not run" in life.desk.chat.texts[-1]
        assert world.ran == ["main"]


async def test_a_run_acts_with_the_rights_of_who_made_the_schedule(world: Needing) -> None:
    world.rules.verdict = Verdict.ALLOW
    world.needs = Action.MEMBER_WRITE
    async with world.life() as life:
        desk = life.desk
        when = desk.desk.parts.timetable.read("every hour", now=desk.clock.now(), zone="UTC")
        for key, maker in (("a", BOB), ("b", desk.team.owners()[0])):
            wish = NewSchedule(
                key=key,
                when=when,
                instruction="push it",
                agent=AgentName("desk"),
                target=OPS,
                made_by=maker,
                made_in=DM,
            )
            await desk.desk.schedules.create(wish)
        await desk.clock.advance(3600.0)
        await desk.fire()
        told = sorted(shown.text for shown in desk.chat.shown if shown.thread == OPS)
        assert world.ran == ["main"]
        assert any("needs the role admin" in text for text in told)
        done = await desk.desk.parts.store.schedules.history()
        assert {occurrence.state for occurrence in done} == {OccurrenceState.DONE}


async def test_a_guest_has_no_agent_hand_on_or_read_its_notes(clock: ManualClock) -> None:
    agents = Agents(
        in_memory(clock),
        {"desk": ["research"], "research": []},
        {"desk": hands("research"), "research": says("Because.")},
        clock=clock,
    )
    async with agents.life() as life:
        become(life, "Mel", MemberRole.GUEST)
        assert "needs the role member" in await life.desk.ask("why?", sender=MEL)
        assert await way(life) == []
        agents.say["desk"] = _notes
        assert "needs the role member" in await life.desk.ask("what did you note?", sender=MEL)
        assert "Told: Nothing is kept." in await life.desk.ask("what did you note?", sender=BOB)


class PowerCut(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("noted", [False, True], ids=["it had begun", "it had ended"])
async def test_after_a_crash_nothing_runs_again_for_who_lost_the_right(
    world: Needing, *, noted: bool
) -> None:
    world.effect, died = Effect.OWN, False
    runs: list[str] = []
    world.before = lambda: runs.append("run")

    def die() -> NoReturn:
        raise PowerCut

    try:
        async with world.life() as life:
            approval = await life.asked(sender=BOB)
            questions = life.desk.desk.asks.questions
            ended = questions.ended

            async def noted_and_dead(approval: Approval, result: ToolResult) -> Approval:
                await ended(approval, result)
                die()

            if noted:
                questions.ended = noted_and_dead  # type: ignore[method-assign] # dies after it
            else:
                world.after = die
            await life.press(approval, who=life.desk.team.owners()[0])
    except* PowerCut:
        died = True
    assert died
    world.after = lambda: None
    members = [
        replace(m, role=MemberRole.MEMBER) if m.name == "Bob" else m for m in world.members.members
    ]
    world.members = replace(world.members, members=tuple(members))
    async with world.life() as life:
        await life.desk.quiet()
        assert runs == ["run"]
        if noted:
            assert life.desk.chat.texts[-1] == "Told: pushed main"
        else:
            assert [one.state for one in await life.waiting()] == [ApprovalState.UNKNOWN]


def _notes(request: ModelRequest) -> Step:
    turn = request.entries[-1].turn
    told = [e.text for e in request.entries if e.role is Role.TOOL and e.turn == turn]
    return f"Told: {told[-1]}" if told else ToolCalls.of("state.list", "{}")


async def test_rights_lost_before_the_thread_is_handed_on_keep_it_here(clock: ManualClock) -> None:
    agents = Agents(
        in_memory(clock),
        {"desk": ["research"], "research": []},
        {"desk": hands("research"), "research": says("Because.")},
        verdict=Verdict.ASK,
        clock=clock,
    )
    async with agents.life() as life:
        approval = await life.asked("why?", sender=MEL)
        become(life, "Mel", MemberRole.GUEST)
        await life.press(approval)
        assert "needs the role member" in life.desk.chat.texts[-1]
        assert await way(life) == []
