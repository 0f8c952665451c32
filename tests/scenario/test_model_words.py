"""What a person is told where a model fails, for each way in which it can."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.models.scripted import BreakOff, ScriptedModel, Step
from runtime.errors import (
    ContextTooLong,
    ModelError,
    ModelKeyRefused,
    ModelMissing,
    ModelNotRunning,
    ModelOutputUnusable,
    ModelRateLimited,
    ModelTimeout,
    ModelUnavailable,
    NightdeskError,
    SpendingForbidden,
)
from runtime.model.completion import ModelInfo
from tests.support.clock import ManualClock
from tests.support.desk import passing, running_desk

BROKE_OFF = "The model's answer broke off or could not be read. Please try again."
CHECK_IT = "An owner can check it: nightdesk doctor."
CANARY = "canary: the server's own words"
WORDS: dict[type[NightdeskError], str] = {
    ModelKeyRefused: f"The model's provider refused the key. {CHECK_IT}",
    ModelMissing: f"The model is not at that server or address. {CHECK_IT}",
    ModelNotRunning: "No model's server answers on this machine. Is it running (Ollama, for "
    "example)?",
    ModelRateLimited: "The model's provider asks us to slow down. Please try again in a minute.",
    ModelTimeout: "The model did not answer in time. Please try again.",
    ModelUnavailable: "The model cannot be reached right now. Please try again in a few minutes.",
    ModelOutputUnusable: BROKE_OFF,
    ContextTooLong: "This conversation has grown too long for the model. Start afresh with /new.",
    ModelError: "The model gave no usable answer. Please try again.",
    SpendingForbidden: "Calling a paid model is switched off here (NIGHTDESK_NO_SPEND).",
}


def kinds(of: type[NightdeskError]) -> Iterator[type[NightdeskError]]:
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


def test_every_error_of_a_model_has_words_of_its_own() -> None:
    assert set(kinds(ModelError)) <= WORDS.keys()
    assert len(set(WORDS.values())) == len(WORDS)


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        *(pytest.param([kind(CANARY)], said, id=kind.__name__) for kind, said in WORDS.items()),
        pytest.param(["The disk is", BreakOff()], BROKE_OFF, id="stops in the middle"),
    ],
)
async def test_a_model_that_fails_is_told_of_in_words_and_the_next_message_is_answered(
    tmp_path: Path, failing: list[Step], words: str
) -> None:
    def answers(_: object) -> list[Step]:
        return failing if not well else ["Fine."]

    well: list[bool] = []
    async with running_desk(tmp_path, answers) as desk:
        await desk.say("how is the disk?")
        await passing(desk, 5.0, lambda: desk.chat.shown)
        await desk.quiet()
        assert desk.chat.texts == [words]
        well.append(True)
        await desk.clock.advance(3_600.0)
        await desk.say("and now?")
        await passing(desk, 5.0, lambda: len(desk.chat.shown) > 1)
        await desk.quiet()
        assert desk.chat.texts == [words, "Fine."]
    assert not any("canary" in text or "Traceback" in text for text in desk.chat.texts)


class OnThisMachine(ScriptedModel):
    """A model whose server is to run on this machine."""

    @property
    def info(self) -> ModelInfo:
        return replace(super().info, provider="ollama_chat")


async def test_while_a_server_of_this_machine_does_not_run_each_message_is_told_that(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    model = OnThisMachine(lambda _: [ModelNotRunning()], clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        for number, said in enumerate(("hello", "are you there?", "and now?")):
            await desk.say(said)
            await passing(desk, 1.0, lambda: len(desk.chat.shown) > number)  # noqa: B023 - awaited
            await desk.quiet()
        told, *later = desk.chat.texts
    assert told == WORDS[ModelNotRunning]
    for said in later:
        assert "ollama_chat on this machine does not answer (is it running?)" in said
        assert said.endswith("this one is tried again then, so please say it again.")
