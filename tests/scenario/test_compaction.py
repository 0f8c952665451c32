"""A conversation that outgrows its model: the oldest turns are summarised, and it goes on."""

from pathlib import Path

from adapters.models.scripted import Script, ScriptedModel, Step
from runtime.context import tokens_of
from runtime.errors import ModelTimeout
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Role
from tests.support.build import DM
from tests.support.desk import running_desk

CONTEXT = 4_000
LONG = "word " * 200


def answering(request: ModelRequest) -> Step:
    """Summarise where a summary is asked for (it comes without instructions), else answer."""
    return "They talked about words." if not request.instructions else "Noted."


def small_model(script: Script = answering) -> ScriptedModel:
    """A model with a small context."""
    return ScriptedModel(script, context_tokens=CONTEXT)


async def test_the_oldest_turns_become_a_summary_and_every_call_fits(tmp_path: Path) -> None:
    model = small_model()
    async with running_desk(tmp_path, model=model) as desk:
        for number in range(12):
            assert await desk.ask(f"{number} {LONG}") == "Noted."
        answered = [request for request in model.requests if request.instructions]
        assert all(sum(map(tokens_of, request.entries)) < CONTEXT for request in answered)
        assert answered[-1].entries[0].role is Role.SUMMARY
        assert answered[-1].entries[0].text == "They talked about words."
        assert answered[-1].entries[-1].text.startswith("11 ")


async def test_a_summary_is_kept_in_the_log_and_made_once(tmp_path: Path) -> None:
    model = small_model()
    async with running_desk(tmp_path, model=model) as desk:
        for number in range(8):
            await desk.ask(f"{number} {LONG}")
        summaries = [request for request in model.requests if not request.instructions]
        conversation = await desk.desk.parts.store.conversations.bound(DM)
        assert conversation is not None
        entries = await desk.desk.parts.store.conversations.entries(conversation)
    assert [entry.role for entry in entries].count(Role.SUMMARY) == 1
    assert len(summaries) < 4


async def test_later_summaries_stand_for_the_earlier_ones_too(tmp_path: Path) -> None:
    model = small_model()
    async with running_desk(tmp_path, model=model) as desk:
        for number in range(30):
            await desk.ask(f"{number} {LONG}")
        conversation = await desk.desk.parts.store.conversations.bound(DM)
        assert conversation is not None
        first, *rest = await desk.desk.parts.store.conversations.entries(conversation)
        assert first.role is Role.SUMMARY
        assert all(entry.seq > first.covers for entry in rest)
        spoken = [entry.text.split()[0] for entry in rest if entry.role is Role.USER]
        assert spoken == sorted(spoken, key=int)
        assert spoken[-1] == "29"


async def test_every_message_is_either_shown_or_stood_for_by_the_summary(tmp_path: Path) -> None:
    def said(request: ModelRequest) -> list[int]:
        """The numbers of the messages that a request shows."""
        spoken = [entry.text for entry in request.entries if entry.role is Role.USER]
        return [int(text.split()[0]) for text in spoken]

    def counting(request: ModelRequest) -> Step:
        """Say how far the summary reaches, in the summary itself."""
        if request.instructions:
            return "Noted."
        lines = request.entries[0].text.splitlines()
        people = [line.removeprefix("Person: ") for line in lines if line.startswith("Person: ")]
        return f"{LONG * 3} up to {people[-1].split()[0]}"

    model = small_model(counting)
    async with running_desk(tmp_path, model=model) as desk:
        for number in range(40):
            await desk.ask(f"{number} {LONG}")
    for number, request in enumerate(each for each in model.requests if each.instructions):
        first = request.entries[0]
        covered = int(first.text.split()[-1]) if first.role is Role.SUMMARY else -1
        assert said(request) == list(range(covered + 1, number + 1))


async def test_where_the_model_cannot_summarise_an_extract_stands_in(tmp_path: Path) -> None:
    def failing(request: ModelRequest) -> Step:
        return "Noted." if request.instructions else ModelTimeout("busy")

    model = small_model(failing)
    async with running_desk(tmp_path, model=model) as desk:
        for number in range(8):
            assert await desk.ask(f"{number} {LONG}") == "Noted."
        answered = [request for request in model.requests if request.instructions]
        assert answered[-1].entries[0].role is Role.SUMMARY
        assert "Person: 0 word" in answered[-1].entries[0].text
