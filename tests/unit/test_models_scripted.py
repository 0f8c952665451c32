"""The scripted model, which other tests stand on."""

import pytest

from adapters.models.scripted import BreakOff, ScriptedModel, ToolCalls, in_words
from runtime.errors import ModelOutputUnusable, ModelRateLimited
from runtime.model.completion import Finished, StopReason, TextDelta, Usage
from tests.support.models import chunks_of, finished_of, request


async def test_the_script_sees_the_request_and_every_request_is_kept() -> None:
    model = ScriptedModel(lambda asked: f"You said {asked.entries[-1].text}.")
    assert (await finished_of(model, request("tea"))).text == "You said tea."
    assert (await finished_of(model, request("milk"))).text == "You said milk."
    assert [asked.entries[-1].text for asked in model.requests] == ["tea", "milk"]


async def test_text_streams_in_words_and_a_delta_in_exactly_its_piece() -> None:
    chunks = await chunks_of(
        ScriptedModel(lambda _: ["one two ", TextDelta("three four")]), request("")
    )
    assert [c.text for c in chunks[:-1]] == ["one ", "two ", "three four"]


async def test_an_error_in_the_script_is_raised_where_it_stands() -> None:
    model = ScriptedModel(lambda _: ["Hel", ModelRateLimited("slow down", after=3.0)])
    stream = model.stream(request(""))
    assert await anext(stream) == TextDelta("Hel")
    with pytest.raises(ModelRateLimited):
        await anext(stream)


async def test_breaking_off_is_an_unusable_answer() -> None:
    with pytest.raises(ModelOutputUnusable):
        await chunks_of(ScriptedModel(lambda _: ["Hel", BreakOff()]), request(""))


async def test_tool_calls_end_the_answer_with_ids_that_are_never_used_twice() -> None:
    model = ScriptedModel(lambda _: ["Wait. ", ToolCalls((("a", "{}"), ("b", "{oops")))])
    first = await finished_of(model, request(""))
    second = await finished_of(model, request(""))
    assert first.reason is StopReason.TOOL_CALLS
    assert first.text == "Wait. "
    assert [(call.name, call.arguments) for call in first.tool_calls] == [
        ("a", "{}"),
        ("b", "{oops"),
    ]
    assert len({call.id for call in first.tool_calls + second.tool_calls}) == 4


async def test_a_finished_of_the_script_is_passed_on_and_ends_the_answer() -> None:
    end = Finished(text="x", usage=Usage(None, None), reason=StopReason.LENGTH)
    assert await chunks_of(
        ScriptedModel(lambda _: [TextDelta("x"), end, "never"]), request("")
    ) == [
        TextDelta("x"),
        end,
    ]


async def test_an_answer_that_is_closed_early_is_counted_and_a_finished_one_is_not() -> None:
    model = ScriptedModel(lambda _: "one two three")
    await chunks_of(model, request(""))
    assert model.abandoned == 0
    stream = model.stream(request(""))
    await anext(stream)
    await stream.aclose()
    assert model.abandoned == 1


@pytest.mark.parametrize("text", ["", " ", "one", " one  two\n\nthree ", "a\tb", "日本 語"])
def test_words_joined_again_are_the_text(text: str) -> None:
    assert "".join(in_words(text)) == text
