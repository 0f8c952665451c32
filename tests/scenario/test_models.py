"""Models in the whole core: one turn gives one answer, whichever of them gives it."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from adapters.models.scripted import Pause, ScriptedModel, Step, ToolCalls
from runtime.errors import ModelKeyRefused, ModelOutputUnusable, ModelUnavailable
from runtime.ids import MessageId, ModelName
from runtime.model.choice import Phase, Preference
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Role
from runtime.model.team import Team
from tests.support.build import DM, OPS, team
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, passing, running_desk
from tests.support.faults import failing_once
from tests.support.routing import Played


def with_models(*models: Played, phases: tuple[tuple[Phase, ModelName], ...] = ()) -> Team:
    """Ann's team, whose agent may use those models."""
    first, *others = (model.info.name for model in models)
    base = team(model=first)
    agent = replace(base.agents[0], models=tuple(others), phases=phases)
    return replace(base, agents=(agent,))


def free(name: str, *does: Step | list[Step], clock: ManualClock | None = None) -> Played:
    return Played(name, *does, clock=clock, price=0)


async def test_a_broken_answer_is_replaced_by_that_of_the_next_model(tmp_path: Path) -> None:
    clock, chat = ManualClock(), MemoryChat(takes_drafts=True)
    broken: list[Step] = ["The disk is full, ", Pause(5.0), "so ", Pause(5.0), ModelUnavailable()]
    one = free("one", broken, clock=clock)
    two = free("two", [Pause(5.0), "All is well", Pause(5.0), "."], clock=clock)
    async with running_desk(
        tmp_path,
        model=one,
        more_models=[two],
        members=with_models(one, two),
        clock=clock,
        chat=chat,
    ) as desk:
        await desk.say("how is the disk?")
        await passing(desk, 5.0, lambda: chat.shown)
        await desk.quiet()
        assert chat.texts == ["All is well."], "one turn, one answer"
        texts = [text for _, text in chat.drafts]
        assert any(text.startswith("The disk is full") for text in texts), "it was shown"
        assert "disk" not in texts[-1], "and replaced"
        assert len({draft for draft, _ in chat.drafts}) == 1, "in the same message"
        conversations = desk.desk.parts.store.conversations
        bound = await conversations.bound(DM)
        assert bound is not None
        entries = await conversations.entries(bound)
        said = [entry.text for entry in entries if entry.role is Role.ASSISTANT]
        assert said == ["All is well."], "half an answer is in no log"
        await desk.command("/model why")
        assert "`two` answered" in chat.texts[-1]
        assert "`one` was asked before: its provider failed" in chat.texts[-1]


async def test_a_choice_outlives_the_process(tmp_path: Path) -> None:
    one, two = free("one", "From one."), free("two", "From two.")
    thread = OPS.under(MessageId("m1"))
    for life in range(2):
        async with running_desk(
            tmp_path, model=one, more_models=[two], members=with_models(one, two)
        ) as desk:
            if life == 0:
                assert await desk.ask("hello", thread=thread, mentioned=True) == "From one."
                await desk.command("/model set two", thread=thread)
                assert "answers in this thread" in desk.chat.texts[-1]
            assert await desk.ask("hello", thread=thread, mentioned=True) == "From two."
            assert await desk.ask("hello") == "From one."


async def test_a_refused_key_is_told_to_the_owner_once_and_to_no_chat(tmp_path: Path) -> None:
    refusing = free("one", ModelKeyRefused("the model's server refused the key (status 401)"))
    thread = OPS.under(MessageId("m1"))
    async with running_desk(tmp_path, model=refusing, members=with_models(refusing)) as desk:
        for _ in range(3):
            await desk.ask("hello", thread=thread, mentioned=True)
        notices = [shown for shown in desk.chat.shown if "does not take the key" in shown.text]
        assert [shown.thread.channel.channel for shown in notices] == ["dm-ann"]
        in_the_thread = [shown.text for shown in desk.chat.shown if shown.thread == thread]
        assert len(in_the_thread) == 3
        assert not any("401" in text for text in in_the_thread)
        assert len(refusing.asked) == 1, "it is asked no more"
        await desk.command("/status")
        assert "- models: not ok (one: its provider is out of service" in desk.chat.texts[-1]
        await desk.command("/model retry one")
        await desk.ask("hello", thread=thread, mentioned=True)
        assert len(refusing.asked) == 2


async def test_a_check_goes_to_what_costs_least_and_is_asked_coldly(tmp_path: Path) -> None:
    dear = Played("dear", "From the dear one.", price=0, quality=9)
    cheap = Played("cheap", "From the cheap one.", price=0, local=True)
    members = with_models(dear, cheap, phases=((Phase.BRIEFING, dear.info.name),))
    async with running_desk(tmp_path, model=dear, more_models=[cheap], members=members) as desk:
        await desk.command("/schedule create every day at 14:00 Check the disk", thread=OPS)
        await desk.command("/schedule create every day at 14:00 Post the briefing", thread=OPS)
        for number in (1, 2):
            await desk.command(f"/schedule run {number}", thread=OPS)
        await desk.quiet()
        assert [asked.entries[-1].text for asked in cheap.asked] == ["Check the disk"]
        assert [asked.temperature for asked in cheap.asked] == [0.0]
        assert [asked.entries[-1].text for asked in dear.asked] == ["Post the briefing"]
        assert [asked.temperature for asked in dear.asked] == [None]


async def test_a_model_without_a_price_is_not_called_and_the_person_reads_why(
    tmp_path: Path,
) -> None:
    odd = Played("odd", price=None)
    async with running_desk(tmp_path, model=odd, members=with_models(odd)) as desk:
        answer = await desk.ask("hello")
        assert "`odd`: its price is not known" in answer
        assert odd.asked == []


async def test_a_model_without_a_key_is_not_called_and_every_place_says_what_it_lacks(
    tmp_path: Path,
) -> None:
    keyless = Played("fast", lacks=("FAST_KEY",))
    said = "it has no key: set `FAST_KEY`"
    async with running_desk(tmp_path, model=keyless, members=with_models(keyless)) as desk:
        assert said in await desk.ask("hello")
        for command in ("/model", "/model list", "/model why", "/model set fast", "/status"):
            await desk.command(command)
            assert said in desk.chat.texts[-1], command
        assert keyless.asked == []


async def test_an_answer_that_cannot_be_used_falls_back_too(tmp_path: Path) -> None:
    one, two = free("one", ModelOutputUnusable("filtered")), free("two", "Fine.")
    async with running_desk(
        tmp_path, model=one, more_models=[two], members=with_models(one, two)
    ) as desk:
        assert await desk.ask("hello") == "Fine."


def _said(desk: DeskUnderTest, text: str) -> bool:
    return text in desk.chat.texts


async def test_what_is_always_the_same_is_not_asked_again_where_its_answer_was_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for temperature, asked in ((0.0, 2), (None, 3)):
        requests: list[ModelRequest] = []

        def by_the_log(request: ModelRequest, seen: list[ModelRequest] = requests) -> Step:
            seen.append(request)
            used = request.entries[-1].role is Role.TOOL
            return "Done." if used else ToolCalls.of("desk.facts")

        one = ScriptedModel(by_the_log)
        members = team(model=one.info.name)
        agents = (replace(members.agents[0], temperature=temperature),)
        folder = tmp_path / str(asked)
        folder.mkdir(mode=0o700)
        async with running_desk(folder, model=one, members=replace(members, agents=agents)) as desk:
            turns = desk.desk.parts.store.turns
            monkeypatch.setattr(turns, "append", failing_once(turns.append))
            await desk.say("hello")
            await passing(desk, 5.0, partial(_said, desk, "Done."))
            assert len(requests) == asked


async def test_what_answers_sooner_is_asked_first_where_that_is_preferred(tmp_path: Path) -> None:
    clock, chat = ManualClock(), MemoryChat()
    slow = free("slow", [Pause(5.0), "From the slow one."], clock=clock)
    quick = free("quick", [Pause(0.5), "From the quick one."], clock=clock)
    base = with_models(slow, quick)
    members = replace(base, agents=(replace(base.agents[0], prefer=Preference.LATENCY),))
    async with running_desk(
        tmp_path, model=slow, more_models=[quick], members=members, clock=clock, chat=chat
    ) as desk:
        for number in range(1, 4):
            await desk.say("hello")
            await passing(desk, 6.0, partial(_has, chat, number))
        assert chat.texts == ["From the slow one.", "From the quick one.", "From the quick one."]
        await desk.command("/model why")
        assert "prefers latency: `quick`, `slow`" in chat.texts[-1]
        assert "since the last start: `slow` 5.0 s, `quick` 0.5 s." in chat.texts[-1]
    async with running_desk(
        tmp_path, model=slow, more_models=[quick], members=members, clock=clock, chat=chat
    ) as desk:
        await desk.command("/model why")
        assert "`slow` not yet (taken for 2 s)" in chat.texts[-1], "it is not stored"


def _has(chat: MemoryChat, number: int) -> bool:
    return len(chat.texts) >= number


async def test_an_answer_is_no_longer_than_its_model_can(tmp_path: Path) -> None:
    short = Played("short", price=0, max_output_tokens=77)
    async with running_desk(tmp_path, model=short, members=with_models(short)) as desk:
        await desk.ask("hello")
        assert [asked.max_tokens for asked in short.asked] == [77]
