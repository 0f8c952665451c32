"""Hand-offs over the whole desk: asked by an agent or a person, seen in the thread, never in a ring."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from adapters.models.scripted import Step, ToolCalls
from runtime.errors import Permanent, Retryable
from runtime.ids import ConversationId, MessageId
from runtime.model.approval import ApprovalState
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Role
from runtime.model.events import Command, Message
from runtime.model.handoff import LONGEST_TASK
from runtime.model.team import MemberRole
from runtime.model.tools import ToolCall, ToolSpec
from runtime.model.turn import TurnStart
from runtime.ports import Judged, ToolContext, Verdict
from tests.support.approving import BOB, MEL
from tests.support.build import ANN, DM, OPS
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.handing import Agents, Says, answers_of, asked_of, hands, in_memory, says, way

REACH = {"desk": ["research", "deploy"], "research": ["desk", "deploy"], "deploy": []}


@pytest.fixture
def agents(clock: ManualClock) -> Agents:
    return Agents(
        in_memory(clock),
        REACH,
        {
            "desk": hands("research", "find out why", "by noon"),
            "research": says("Because."),
            "deploy": says("Deployed."),
        },
        clock=clock,
    )


async def test_the_thread_goes_to_the_other_agent_which_answers_and_keeps_it(
    agents: Agents,
) -> None:
    async with agents.life() as life:
        await life.desk.ask("why is it slow?")
        card, answer = life.desk.chat.texts
        assert "**desk handed this to research**" in card
        assert "find out why" in card
        assert "by noon" in card
        assert answer == "Because."
        _, request = agents.requests[-1]
        opening, asked = request.entries
        assert opening.role is Role.SUMMARY
        assert "why is it slow?" in opening.text
        assert asked.text.startswith("find out why\n\n[handed over by desk; no person typed it]")
        assert asked.sender is None

        await life.desk.ask("and since when?")
        name, request = agents.requests[-1]
        assert name == "research"
        assert request.entries[-1].sender == ANN
        assert [(one.giver, one.taker, one.requester) for one in await way(life)] == [
            ("desk", "research", ANN)
        ]


@pytest.mark.parametrize("said", ["stop", "stop mine"])
async def test_a_stop_between_two_agents_takes_along_what_was_handed_on(
    agents: Agents, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    async with agents.life() as life:
        store, chat = life.desk.desk.parts.store, life.desk.chat
        begin, goes_on = store.turns.begin, asyncio.Event()

        async def after_the_stop(conversation: ConversationId, *, owner: str) -> TurnStart | None:
            if await store.handoffs.of(conversation):
                await goes_on.wait()
            return await begin(conversation, owner=owner)

        monkeypatch.setattr(store.turns, "begin", after_the_stop)
        await life.desk.say("why is it slow?")
        await eventually(lambda: chat.texts)
        await life.desk.say(body=Command(text=said))
        await eventually(lambda: len(chat.texts) > 1)
        goes_on.set()
        await life.desk.quiet()
        assert chat.texts[1:] == ["Stopped."]
        assert {name for name, _ in agents.requests} == {"desk"}


async def test_every_other_thread_stays_where_it_is(agents: Agents) -> None:
    async with agents.life() as life:
        await life.desk.ask("why?")
        agents.say["desk"] = says("Desk here.")
        assert (
            await life.desk.ask("hello", thread=OPS.under(MessageId("1")), mentioned=True)
            == "Desk here."
        )


MISTAKES: tuple[tuple[dict[str, object], str], ...] = (
    ({"agent": "desk", "task": "x"}, "nobody hands anything to themselves"),
    ({"agent": "nobody", "task": "x"}, "You may hand over to: research, deploy"),
    ({"agent": "", "task": "x"}, "There is no agent ''"),
    ({"agent": "research", "task": "  "}, "The task is empty"),
    ({"agent": "research", "task": "x" * (LONGEST_TASK + 1)}, "2,000 is the most"),
    ({"agent": "research", "task": "x", "context": "y" * 8_001}, "8,000 is the most"),
    ({"agent": "research"}, "the argument task is missing"),
    ({"agent": "research", "task": "x", "requester": "bob"}, "no argument 'requester'"),
    ({"agent": "research", "task": "x", "chain": []}, "no argument 'chain'"),
)


async def test_what_may_not_be_handed_over_is_said_to_the_agent(agents: Agents) -> None:
    async with agents.life() as life:
        for arguments, said in MISTAKES:
            agents.say["desk"] = _once(arguments)
            answer = await life.desk.ask("go")
            assert answer.startswith("Told: ")
            assert said in answer
        assert await way(life) == []
        await life.command("/handoff to deploy")
        agents.say["deploy"] = _once({"agent": "desk", "task": "x"})
        assert "no tool handoff.to" in await life.desk.ask("go")


def _once(arguments: dict[str, object]) -> Says:
    """An agent that tries that once, and tells what it was told."""

    def say(request: ModelRequest) -> Step:
        told = answers_of(request)
        return f"Told: {told[-1]}" if told else ToolCalls.of("handoff.to", json.dumps(arguments))

    return say


async def test_there_is_no_ring(agents: Agents) -> None:
    agents.say["research"] = hands("desk")
    async with agents.life() as life:
        answer = await life.desk.ask("why?")
        assert "Told: desk had this already (desk → research)." in answer
        assert [one.taker for one in await way(life)] == ["research"]


async def test_after_a_word_of_a_person_it_may_go_back(agents: Agents) -> None:
    async with agents.life() as life:
        await life.desk.ask("why?")
        agents.say["research"] = hands("desk", "tell her")
        agents.say["desk"] = says("Told her.")
        assert await life.desk.ask("let desk tell me") == "Told her."
        assert [one.taker for one in await way(life)] == ["research", "desk"]


async def test_it_goes_five_deep_and_no_deeper(clock: ManualClock) -> None:
    names = [f"a{number}" for number in range(8)]
    reach = dict.fromkeys(names, names)
    say = {name: hands(after) for name, after in pairwise(names)}
    agents = Agents(in_memory(clock), reach, say, clock=clock)
    async with agents.life() as life:
        answer = await life.desk.ask("go")
        assert "Told: This was handed over 5 times, and 5 is the most." in answer
        assert [one.taker for one in await way(life)] == names[1:6]
        assert len(agents.requests) == 7


async def test_approved_by_its_card_it_happens_and_denied_it_does_not(agents: Agents) -> None:
    agents.verdict = Verdict.ASK
    async with agents.life() as life:
        approval = await life.asked("why?")
        assert '"task": "find out why"' in life.card(approval).text
        assert await way(life) == []
        await life.press(approval)
        assert life.desk.chat.texts[-1] == "Because."
        assert [one.taker for one in await way(life)] == ["research"]

        await life.command("/handoff back")
        approval = await life.asked("again")
        await life.command(f"/approve deny {approval.id[:8]} not now")
        assert "Told: Bob said no to handoff.to: not now" in life.desk.chat.texts[-1]
        assert len(await way(life)) == 2


async def test_who_is_given_a_thread_hears_that_the_other_agent_goes_on_only_if_it_does(
    agents: Agents,
) -> None:
    agents.verdict = Verdict.ASK
    async with agents.life() as life:
        given = "**deploy** has this thread now, and knows what was said."
        await life.asked("why?")
        goes_on = " What desk is doing goes on; `/stop` stops it."
        assert await life.command("/handoff to deploy") == given + goes_on


@pytest.mark.parametrize("word", ["/approve", "!approve", "/approve this"])
async def test_a_bare_approve_in_the_thread_decides_the_one_that_waits(
    agents: Agents, word: str
) -> None:
    agents.verdict = Verdict.ASK
    async with agents.life() as life:
        approval = await life.asked("why?")
        await life.desk.clock.advance(2)
        await life.desk.say(word, sender=BOB)
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.DONE
        assert [one.taker for one in await way(life)] == ["research"]


async def test_a_bare_approve_is_no_yes_to_what_may_not_have_been_seen(agents: Agents) -> None:
    agents.verdict = Verdict.ASK
    async with agents.life() as life:
        approval = await life.asked("why?")
        assert "asked only just now" in await life.command("/approve")
        await life.desk.clock.advance(5)
        await life.command(f"/approve edit {approval.id[:8]} task = something else")
        await life.desk.clock.advance(5)
        [other] = await life.waiting()
        said = await life.command("/approve")
        assert "edited since it was asked" in said
        assert other.id[:8] in said
        assert await life.state(other) is ApprovalState.PENDING
        await life.command(f"/approve accept {other.id[:8]}")
        assert await life.state(other) is ApprovalState.DONE
        assert [one.task for one in await way(life)] == ["something else"]


async def test_a_bare_approve_is_no_yes_to_a_card_that_never_arrived(agents: Agents) -> None:
    agents.verdict = Verdict.ASK
    async with agents.life() as life:
        life.desk.chat.faults.append(Permanent("the platform refused it"))
        approval = await life.asked("why?")
        await life.desk.clock.advance(60)
        said = await life.command("/approve")
        assert "has not arrived in this thread" in said
        assert f"/approve show {approval.id[:8]} shows it" in said
        assert await life.state(approval) is ApprovalState.PENDING
        await life.command(f"/approve accept {approval.id[:8]}")
        assert await life.state(approval) is ApprovalState.DONE


async def test_a_bare_approve_is_no_yes_to_a_card_that_arrived_only_just_now(
    agents: Agents,
) -> None:
    agents.verdict = Verdict.ASK
    async with agents.life() as life:
        life.desk.chat.faults.append(Retryable("slowly", after=60))
        approval = await life.asked("why?")
        assert not (await life.now(approval)).cards
        await life.desk.clock.advance(61)
        await life.desk.quiet()
        assert (await life.now(approval)).cards
        assert "asked only just now" in await life.command("/approve")
        assert await life.state(approval) is ApprovalState.PENDING
        await life.desk.clock.advance(3)
        await life.command("/approve")
        assert await life.state(approval) is ApprovalState.DONE


@pytest.mark.parametrize("word", ["/deny", "!deny", "/deny not today"])
async def test_a_bare_deny_likewise(agents: Agents, word: str) -> None:
    agents.verdict = Verdict.ASK
    async with agents.life() as life:
        approval = await life.asked("why?")
        await life.desk.say(word, sender=BOB)
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.DENIED
        assert await way(life) == []
        assert (await life.now(approval)).note == " ".join(word.split()[1:])


@pytest.mark.parametrize("to", REACH["desk"])
async def test_with_several_it_asks_which_one_and_with_none_it_says_so(
    agents: Agents, to: str
) -> None:
    agents.verdict = Verdict.ASK
    agents.say["desk"] = lambda request: (
        "Done."
        if answers_of(request)
        else ToolCalls(
            tuple(("handoff.to", json.dumps({"agent": to, "task": "x"})) for to in REACH["desk"])
        )
    )
    async with agents.life() as life:
        assert "Nothing waits for a yes or a no in this thread" in await life.command("/approve")
        await life.asked("why?")
        waiting = await life.waiting()
        assert len(waiting) == 2
        for word in ("/approve", "/deny"):
            said = await life.command(word)
            assert "2 things wait in this thread. Which one?" in said
            assert all(one.id[:8] in said for one in waiting)
        assert [await life.state(one) for one in waiting] == [ApprovalState.PENDING] * 2
        one, other = sorted(waiting, key=lambda each: to not in each.frozen.arguments)
        await life.command(f"/approve accept {one.id[:8]}")
        assert [each.taker for each in await way(life)] == [to]
        assert await life.state(one) is ApprovalState.DONE
        assert await life.state(other) is ApprovalState.CANCELLED
        assert life.desk.chat.texts[-1] == agents.say[to](agents.requests[-1][1])


async def test_who_may_not_decide_decides_nothing_with_a_bare_approve(agents: Agents) -> None:
    agents.verdict = Verdict.ASK
    async with agents.life() as life:
        approval = await life.asked("why?", sender=MEL)
        await life.desk.clock.advance(2)
        assert "needs the role operator" in await life.command("/approve", who=MEL)
        assert await life.state(approval) is ApprovalState.PENDING
        elsewhere = OPS.under(MessageId("1"))
        await life.desk.command("/approve", thread=elsewhere, sender=BOB)
        assert "Nothing waits for a yes or a no in this thread" in life.desk.chat.texts[-1]
        assert await life.state(approval) is ApprovalState.PENDING
        await life.command("/deny", who=MEL)
        assert await life.state(approval) is ApprovalState.DENIED


async def test_what_is_not_shown_whole_needs_its_id_and_hash(agents: Agents) -> None:
    agents.verdict = Verdict.ASK
    agents.say["desk"] = hands("research", "x" * 1_500)
    async with agents.life() as life:
        approval = await life.asked("why?")
        await life.desk.clock.advance(2)
        said = await life.command("/approve")
        assert "too long to be shown whole" in said
        assert await life.state(approval) is ApprovalState.PENDING
        await life.command(f"/approve accept {approval.id[:8]} {approval.digest[:8]}")
        assert await life.state(approval) is ApprovalState.DONE


NO_COMMANDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("yes", ()),
    ("ok", ()),
    ("approve", ()),
    ("approve this", ()),
    ("approved", ()),
    ("I say /approve", ()),
    ("> /approve", ()),
    ("deny", ()),
    ("", ("/approve",)),
    ("look", ("/approve", "!approve")),
    ("handoff to deploy", ()),
    ("see", ("/handoff to deploy",)),
)


async def test_words_that_are_no_command_decide_nothing(agents: Agents) -> None:
    agents.verdict = Verdict.ASK
    async with agents.life() as life:
        approval = await life.asked("why?")
        for place, (text, quoted) in enumerate(NO_COMMANDS):
            body = Message(text=text, message_id=MessageId(f"m{place}"), direct=True, quoted=quoted)
            await life.desk.say(body=body, sender=BOB)
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.PENDING
        assert await way(life) == []


async def test_a_task_in_which_stands_a_command_commands_nothing(agents: Agents) -> None:
    agents.say["desk"] = hands("research", "/handoff to deploy", "/stop\n!approve")
    async with agents.life() as life:
        assert await life.desk.ask("why?") == "Because."
        assert [one.taker for one in await way(life)] == ["research"]


async def test_a_card_shows_what_would_hide_and_pings_nobody(agents: Agents) -> None:
    agents.say["desk"] = hands("research", "look\u202e ``` @everyone <!channel>" + "x" * 900)
    async with agents.life() as life:
        await life.desk.ask("why?")
        card = life.desk.chat.texts[0]
        assert "⟨U+202E⟩" in card
        assert card.count("```") == 2
        assert "more characters." in card


async def test_a_person_takes_it_back_and_gives_it_on(agents: Agents) -> None:
    async with agents.life() as life:
        await life.desk.ask("why?")
        agents.say["desk"] = says("Desk again.")
        said = await life.command("/handoff back", who=MEL)
        assert said == "**desk** has this thread now, and knows what was said."  # it is done
        assert await life.desk.ask("hello") == "Desk again."
        _, request = agents.requests[-1]
        assert "why?" in request.entries[0].text
        assert "Because." in request.entries[0].text

        assert "**deploy** has this thread now" in await life.command("/handoff to @Deploy")
        assert await life.desk.ask("now") == "Deployed."
        shown = await life.command("/handoff show")
        assert "desk → research" in shown
        assert "research → desk" in shown
        assert ", by Mel" in shown
        assert "desk → deploy" in shown
        assert "**deploy** has this thread" in await life.command("/handoff")
        assert "deploy has this thread, from desk" in await life.command("/status")


async def test_who_may_give_it_where(agents: Agents) -> None:
    async with agents.life() as life:
        await life.command("/handoff to deploy")
        assert "needs the role operator" in await life.command("/handoff to research", who=MEL)
        assert "**desk** has this thread now" in await life.command("/handoff to desk", who=MEL)
        assert "**research** has this thread" in await life.command("/handoff to research", who=MEL)
        guest = [
            replace(m, role=MemberRole.GUEST) if m.name == "Mel" else m
            for m in life.desk.team.members
        ]
        life.desk.team = replace(life.desk.team, members=tuple(guest))
        assert "needs the role member" in await life.command("/handoff back", who=MEL)


async def test_bad_commands_are_answered_with_what_would_be_right(agents: Agents) -> None:
    async with agents.life() as life:
        assert "desk has had this thread from the start" in await life.command("/handoff back")
        assert "There is no agent “nobody”. " in (await life.command("/handoff to nobody")).replace(
            "\n", " "
        )
        assert "desk has this thread already" in await life.command("/handoff to desk")
        assert "/handoff to <agent>" in await life.command("/handoff to")
        assert "handoff" in await life.command("/handof to x")


async def test_a_done_task_gives_the_thread_back(agents: Agents) -> None:
    agents.say["research"] = lambda _request: ToolCalls.of(
        "task.complete", json.dumps({"outcome": "It was the disk."})
    )
    async with agents.life() as life:
        await life.desk.ask("why?")
        assert life.desk.chat.texts[-1].startswith("It was the disk.")
        assert "desk has the thread again" in life.desk.chat.texts[-1]
        agents.say["desk"] = says("So it was.")
        assert await life.desk.ask("thanks") == "So it was."
        _, request = agents.requests[-1]
        assert "It was the disk." in request.entries[0].text


async def test_a_done_task_without_a_handoff_is_the_answer(agents: Agents) -> None:
    agents.say["desk"] = lambda _request: ToolCalls.of(
        "task.complete", json.dumps({"outcome": "Done."})
    )
    async with agents.life() as life:
        assert await life.desk.ask("do it") == "Done."
        assert await way(life) == []


async def test_what_is_called_behind_a_handoff_is_not_run(agents: Agents) -> None:
    agents.say["desk"] = lambda _request: ToolCalls(
        (
            ("handoff.to", json.dumps({"agent": "research", "task": "x"})),
            ("handoff.to", json.dumps({"agent": "deploy", "task": "y"})),
            ("state.set", json.dumps({"key": "k", "value": "v"})),
        )
    )
    async with agents.life() as life:
        await life.desk.ask("why?")
        assert [one.taker for one in await way(life)] == ["research"]
        store = life.desk.desk.parts.store
        first = (await way(life))[0].before
        said = [e.text for e in await store.conversations.entries(first) if e.role is Role.TOOL]
        assert said[1:] == ["not run: the turn had ended by then"] * 2


async def test_what_people_write_meanwhile_is_answered_by_who_has_it_then(agents: Agents) -> None:
    agents.verdict = Verdict.ASK
    agents.say["research"] = lambda request: f"Re: {asked_of(request).splitlines()[0]}"
    async with agents.life() as life:
        approval = await life.asked("why?")
        await life.desk.say("and hurry")
        await life.desk.quiet()
        await life.press(approval)
        assert life.desk.chat.texts[-2:] == ["Re: find out why", "Re: and hurry"]


async def test_among_many_processes_too(agents: Agents) -> None:
    agents.alone = False
    async with agents.life() as life:
        await life.desk.ask("why?")
        assert life.desk.chat.texts[-1] == "Because."
        assert await life.desk.ask("and?") == "Because."


async def test_an_agent_that_left_the_configuration_is_handed_nothing(agents: Agents) -> None:
    agents.verdict = Verdict.ASK
    async with agents.life() as life:
        approval = await life.asked("why?")
        rest = [a for a in life.desk.team.agents if a.name != "research"]
        life.desk.team = replace(life.desk.team, agents=tuple(rest))
        await life.press(approval)
        assert "no agent 'research'" in life.desk.chat.texts[-1]
        assert await way(life) == []


async def test_a_thread_that_was_moved_meanwhile_stays_there(agents: Agents) -> None:
    agents.verdict = Verdict.ASK
    async with agents.life() as life:
        approval = await life.asked("why?")
        await life.command("/handoff to deploy")
        await life.press(approval)
        assert "gave this thread to another agent meanwhile" in life.desk.chat.texts[-1]
        assert [one.taker for one in await way(life)] == ["deploy"]
        assert await life.desk.ask("now") == "Deployed."
        assert DM.root == ""


async def test_a_stopped_thread_hands_nothing_over(agents: Agents) -> None:
    agents.verdict = Verdict.ASK
    async with agents.life() as life:
        approval = await life.asked("why?")
        await life.command("/stop")
        assert await life.state(approval) is ApprovalState.CANCELLED
        await life.command(f"/approve accept {approval.id[:8]}")
        assert await way(life) == []
        assert await life.desk.ask("why?") != "Because."


@dataclass
class Noting:
    """A policy that lets everything run, and notes in whose name."""

    seen: list[ToolContext] = field(default_factory=list)

    async def judge(
        self, call: ToolCall, spec: ToolSpec, context: ToolContext, *, counted: bool = True
    ) -> Judged:
        del call, spec, counted
        self.seen.append(context)
        return Judged(verdict=Verdict.ALLOW)


async def test_the_person_travels_and_nobody_counts_as_talking(agents: Agents) -> None:
    agents.say["research"] = hands("deploy")
    agents.policy = noting = Noting()
    async with agents.life() as life:
        await life.desk.ask("why?", sender=MEL)
        assert [(c.agent, c.chain, c.requester, c.attended) for c in noting.seen] == [
            ("desk", (), MEL, True),
            ("research", ("desk",), MEL, False),
        ]
        assert life.desk.chat.texts[-1] == "Deployed."


async def test_who_left_the_team_meanwhile_is_served_by_no_agent(agents: Agents) -> None:
    agents.verdict = Verdict.ASK
    async with agents.life() as life:
        approval = await life.asked("why?", sender=MEL)
        rest = [m for m in life.desk.team.members if m.name != "Mel"]
        life.desk.team = replace(life.desk.team, members=tuple(rest))
        await life.press(approval)
        assert await way(life) == []
        assert "Because." not in life.desk.chat.texts
