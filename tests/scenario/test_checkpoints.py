"""Checkpoints: an agent stops at a gate, and goes past it only with a person's yes."""

# ruff: noqa: RUF001 - phones and models write typographic marks

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from adapters.models.scripted import Step, ToolCalls
from runtime.approvals import cards
from runtime.forms import CHANGES
from runtime.model.approval import GRANTED_FOR, Approval, ApprovalState, Grant, pattern_of
from runtime.model.audit import AuditKind
from runtime.model.checkpoint import LONGEST_TITLE, YES
from runtime.model.completion import ModelRequest
from runtime.model.team import Member, MemberRole
from runtime.model.tools import Json
from runtime.policy.book import PolicyBook
from runtime.policy.engine import RulePolicy
from runtime.policy.rules import Layer, Permission, Preset, Rule
from runtime.ports import AuditQuery, Policy, Verdict
from tests.scenario.test_approvals_crash import Fuse, PowerCut
from tests.support.approving import BOB, MEL, Asking
from tests.support.build import ANN, OPS
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.handing import Agents, answers_of, asked_of, in_memory
from tests.support.planning import planned

GATE: dict[str, Json] = {
    "title": "2.4 is ready",
    "done": "Staging runs it.",
    "then": "Deploy 2.4.",
}
STAY = "Nobody said yes, so do not go past this checkpoint: stop there, and say so."
HOUR = 3600.0


def rules(*, preset: Preset = Preset.READ_ONLY, more: Sequence[Rule] = ()) -> Policy:
    book = PolicyBook(team=Layer(name="team", preset=preset, rules=tuple(more)))
    return RulePolicy(
        lambda: book, read=lambda call: json.loads(call.arguments), clock=ManualClock()
    )


def rule(permission: Permission, tools: str = "*", people: int | None = None) -> Rule:
    return Rule(name="team rule 1, line 3", tools=tools, permission=permission, people=people)


def asks(request: ModelRequest) -> Step:
    """An agent that stops at the gate, and tells what it heard there."""
    if told := answers_of(request):
        return f"Told: {told[-1]}"
    said = asked_of(request)
    wanted = json.loads(said) if said.startswith("{") else GATE
    return ToolCalls.of("checkpoint.ask", json.dumps(wanted))


def world(clock: ManualClock, policy: Policy | None = None) -> Agents:
    agents = Agents(in_memory(clock), {"desk": ()}, {"desk": asks}, clock=clock)
    agents.policy = policy or rules()
    return agents


async def told(life: Asking) -> str:
    """What the agent was told at the gate."""
    await life.desk.quiet()
    return next(text for text in reversed(life.desk.chat.texts) if text.startswith("Told: "))


@pytest.mark.parametrize("preset", Preset)
@pytest.mark.parametrize("more", [(), (rule(Permission.AUTONOMOUS),)])
async def test_a_person_is_asked_whatever_the_rules_say(
    clock: ManualClock, preset: Preset, more: Sequence[Rule]
) -> None:
    async with world(clock, rules(preset=preset, more=more)).life() as life:
        approval = await life.asked("go")
        face = life.card(approval).text
        assert face.startswith("**Checkpoint: `checkpoint.ask`** (read)\n")
        assert '"then": "Deploy 2.4."' in face
        assert life.buttons(approval) == [cards.APPROVE, cards.DENY, cards.EDIT]
        assert "must be asked for each time" in await life.press(approval, cards.ALWAYS)
        assert not any(text.startswith("Told: ") for text in life.desk.chat.texts)
        await life.press(approval)
        assert await told(life) == (
            f"Told: {YES}Bob at the checkpoint “2.4 is ready”. What comes next:\nDeploy 2.4.\n"
            "Go on with that, and no further without another yes."
        )
        assert await life.state(approval) is ApprovalState.DONE


async def test_after_a_no_the_agent_is_told_who_said_it_why_and_to_stay(
    clock: ManualClock,
) -> None:
    async with world(clock).life() as life:
        approval = await life.asked("go")
        await life.command(f"approve deny {approval.id[:8]} {YES}not on a Friday")
        assert "Denied: the agent does not go on." in life.desk.chat.texts
        said = await told(life)
        assert said.startswith(f"Told: Bob said no to checkpoint.ask: {YES}not on a Friday.")
        assert said.endswith(STAY)


async def test_a_bare_reply_in_the_thread_decides_it(clock: ManualClock) -> None:
    async with world(clock).life() as life:
        await life.asked("go")
        await life.desk.clock.advance(2)
        await life.command("approve")
        assert "Approved: the agent goes on." in life.desk.chat.texts
        assert (await told(life)).startswith(f"Told: {YES}Bob")


async def test_when_nobody_decides_people_are_reminded_and_it_is_a_no(clock: ManualClock) -> None:
    async with world(clock).life() as life:
        approval = await life.asked("go")
        await clock.advance(HOUR / 2)
        await life.desk.fire()
        assert any("of `checkpoint.ask` still waits" in text for text in life.desk.chat.texts)
        await clock.advance(HOUR / 2)
        await life.desk.fire()
        said = await told(life)
        assert "nobody decided in time" in said
        assert said.endswith(STAY)
        assert await life.state(approval) is ApprovalState.EXPIRED


async def test_people_change_what_comes_next_and_nothing_else(clock: ManualClock) -> None:
    async with world(clock).life() as life:
        approval = await life.asked("go")
        await life.submit(approval, cards.EDIT, BOB, **{CHANGES: "done = Everything."})
        assert "only what comes next can be changed, not its done" in life.desk.chat.texts[-1]
        await life.submit(approval, cards.EDIT, BOB, **{CHANGES: "then = " + "x" * 401})
        assert "has 401 characters, and 400 is the most" in life.desk.chat.texts[-1]
        await life.submit(approval, cards.EDIT, BOB, **{CHANGES: "then = Deploy to one host."})
        (another,) = await life.waiting()
        await life.press(another)
        assert "What comes next, as people changed it:\nDeploy to one host.\n" in await told(life)


async def test_what_is_as_long_as_may_be_has_a_button_for_a_yes_also_when_edited(
    clock: ManualClock,
) -> None:
    gate: dict[str, str] = {
        "title": "Ready: “2.4” – the rest…".ljust(100, "x"),
        "done": ("Staging runs it – “green”. " * 20)[:500].strip(),
        "then": ("Deploy 2.4 to “prod” – then watch… " * 12)[:400].strip(),
    }
    async with world(clock).life() as life:
        approval = await life.asked(json.dumps(gate))
        face = life.card(approval).text
        assert all(said in face for said in gate.values())
        assert life.buttons(approval) == [cards.APPROVE, cards.DENY, cards.EDIT]
        another = ("Deploy 2.4 to “one host” – and wait… " * 12)[:400].strip()
        await life.submit(approval, cards.EDIT, BOB, **{CHANGES: f"then = {another}"})
        (edited,) = await life.waiting()
        face = life.card(edited).text
        assert another in face
        assert '- then: "Deploy 2.4 to “prod” – then watch' in face
        assert life.buttons(edited) == [cards.APPROVE, cards.DENY, cards.EDIT]
        assert len(face) <= 2_000


@pytest.mark.parametrize("line", ['- did "it"\n', "\u202e" * 9 + "\n"])
async def test_what_is_too_long_when_it_is_shown_is_refused(clock: ManualClock, line: str) -> None:
    then, done = (line * 40)[:400].strip(), (line * 50)[:500].strip()
    async with world(clock).life() as life:
        gate = {"title": "2.4", "done": done, "then": then}
        said = await life.desk.ask(json.dumps(gate))
        assert "characters as people are shown it, and 1,100 is the most" in said
        assert await life.waiting() == []


async def test_a_rule_may_ask_two_people_or_block_it(clock: ManualClock) -> None:
    two = rule(Permission.APPROVAL, "checkpoint.*", people=2)
    async with world(clock, rules(more=[two])).life() as life:
        approval = await life.asked("go", sender=MEL)
        await life.press(approval)
        assert await life.state(approval) is ApprovalState.PENDING
        await life.press(approval, who=ANN)
        assert (await told(life)).startswith(f"Told: {YES}Bob and Ann at")
    async with world(clock, rules(more=[rule(Permission.BLOCKED)])).life() as life:
        said = await life.desk.ask("go")
        assert "policy does not allow checkpoint.ask" in said
        assert said.endswith(STAY)


async def test_no_yes_for_a_time_answers_it(clock: ManualClock) -> None:
    async with world(clock).life() as life:
        approval = await life.asked("go")
        pattern = pattern_of(approval.frozen, ())
        await life.desk.desk.parts.store.grants.add(
            Grant(
                id=approval.id,
                agent=approval.agent,
                frozen=pattern.frozen,
                digest=pattern.digest(),
                given_by=BOB,
                given_at=clock.now(),
                expires_at=clock.now() + GRANTED_FOR,
            )
        )
        await life.press(approval, cards.DENY)
        assert (await life.asked("go")).id != approval.id


async def test_whatever_lets_it_run_unasked_there_is_no_yes(clock: ManualClock) -> None:
    agents = world(clock)
    agents.policy, agents.verdict = None, Verdict.ALLOW
    async with agents.life() as life:
        assert STAY in await life.desk.ask("go")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"title": "x" * (LONGEST_TITLE + 1)}, "title of the checkpoint has 101 characters"),
        ({"done": "  "}, "The done of the checkpoint is empty."),
        ({"then": 7}, "then must be text, not 7"),
        ({"why": "so"}, "there is no argument 'why'"),
    ],
)
async def test_what_does_not_fit_is_asked_of_nobody(
    clock: ManualClock, changes: dict[str, Json], says: str
) -> None:
    async with world(clock).life() as life:
        assert says in await life.desk.ask(json.dumps({**GATE, **changes}))
        assert await life.waiting() == []


async def test_a_guest_puts_no_card_before_the_operators(clock: ManualClock) -> None:
    async with world(clock).life() as life:
        guest = Member(name="Gus", role=MemberRole.GUEST, principals=(replace(MEL, user="gus"),))
        life.desk.team = replace(life.desk.team, members=(*life.desk.team.members, guest))
        said = await life.desk.ask("go", sender=guest.principals[0])
        assert "That needs the role member" in said
        assert said.endswith(STAY)
        assert await life.waiting() == []


async def test_too_many_questions_are_no_reason_to_go_on(clock: ManualClock) -> None:
    def many(request: ModelRequest) -> Step:
        if answers := answers_of(request):
            return "Told: " + " | ".join(answers)
        gates = [{**GATE, "title": f"gate {number}"} for number in range(4)]
        return ToolCalls(tuple(("checkpoint.ask", json.dumps(gate)) for gate in gates))

    agents = world(clock)
    agents.say["desk"] = many
    async with agents.life() as life:
        await life.asked("go")
        for approval in await life.waiting():
            await life.press(approval)
        first, *others = (await told(life)).split(" | ")
        assert "3 calls of this turn wait for approval already" in first
        assert first.endswith(STAY)
        assert "Go on" not in first
        assert [YES in other for other in others] == [True, True, True]


async def test_a_run_stops_there_until_a_reply_under_its_card_in_the_channel(
    clock: ManualClock,
) -> None:
    async with world(clock).life() as life:
        life.desk.team = replace(life.desk.team, approvals=OPS.channel)
        await planned(life, "go")
        await life.desk.fire()
        (approval,) = await life.waiting()
        assert life.card(approval).thread == OPS
        await clock.advance(2)
        under = OPS.under(life.card(approval).message)
        await life.desk.command("/approve", sender=BOB, thread=under)
        await eventually(lambda: any(f"Told: {YES}Bob" in one for one in life.desk.chat.texts))


async def test_stop_takes_the_question_back(clock: ManualClock) -> None:
    async with world(clock).life() as life:
        approval = await life.asked("go")
        await life.desk.command("/stop")
        assert await life.state(approval) is ApprovalState.CANCELLED
        assert life.buttons(approval) == []
        assert "already cancelled" in await life.press(approval)


async def test_after_a_stop_nobody_is_told_that_they_wait(clock: ManualClock) -> None:
    async with world(clock).life() as life:
        await life.asked("go")
        await life.desk.command("/stop")
        before = len(life.desk.chat.texts)
        await life.asked("go")
        assert not any("Queued" in text for text in life.desk.chat.texts[before:])


async def test_the_audit_log_and_why_tell_of_it(clock: ManualClock) -> None:
    async with world(clock).life() as life:
        approval = await life.asked("go")
        assert "`checkpoint.ask` (read), desk for Ann" in await life.command("approve list")
        await life.press(approval)
        found = await life.desk.desk.parts.store.audit.of_turn(approval.turn)
        asked = [one.kind for one in found if one.kind.startswith("approval.")]
        assert asked == [
            AuditKind.APPROVAL_ASKED,
            AuditKind.APPROVAL_VOTED,
            AuditKind.APPROVAL_CHANGED,
            AuditKind.APPROVAL_CHANGED,
        ]
        assert await life.desk.desk.parts.store.audit.find(AuditQuery(kind="tool.ended"))
        why = await life.command(f"why {life.desk.chat.shown[-1].message}")
        assert "checkpoint.ask" in why
        assert "Bob" in why


async def cut(agents: Agents, at: int) -> tuple[bool, Approval]:
    """A life that waits at the gate, and dies at that await of a yes."""
    fuse, watched, waited = Fuse(at), list[object](), list[Approval]()
    try:
        async with agents.life() as life:
            waited.append(await life.asked("go"))
            store = life.desk.desk.parts.store
            fuse.watch(store, store.outbox)
            watched += store.approvals, store.turns, store.grants, store.outbox
            await life.press(waited[0])
    except* PowerCut:
        pass
    # The store outlives the process, and is to count no more.
    for part in watched:
        for name in [name for name in vars(part) if not name.startswith("_")]:
            delattr(part, name)
    return fuse.dead, waited[0]


async def test_killed_at_any_await_a_yes_counts_once(clock: ManualClock) -> None:
    dead, at = True, 0
    while dead:
        at += 1
        agents = world(clock)
        dead, approval = await cut(agents, at)
        async with agents.life() as life:
            await life.desk.quiet()
            await life.desk.fire()
            if await life.state(approval) is ApprovalState.PENDING:
                await life.press(approval)
            said = [text for text in life.desk.chat.texts if text.startswith("Told: ")]
            assert len(said) == 1, f"{len(said)} answers, cut at {at}"
            assert said[0].startswith(f"Told: {YES}Bob at the checkpoint"), f"cut at {at}"
            assert await life.state(approval) is ApprovalState.DONE, f"cut at {at}"
            assert await life.waiting() == []
    assert at > 10
