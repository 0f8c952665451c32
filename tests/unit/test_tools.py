"""Tools: a signature is the schema and the reader; whatever happens in a tool is a result."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.access import may
from runtime.errors import Conflict, Refused, StorageUnavailable
from runtime.ids import AgentName, ConversationId, TimeOrderedIds, ToolCallId, TurnId
from runtime.model.access import Action
from runtime.model.team import MemberRole
from runtime.model.tools import Risk, ToolCall, ToolResult
from runtime.ports import ToolContext
from runtime.signature import canonical, signature_of
from runtime.tools.registry import LONGEST_RESULT, Effect, Tool, Toolbox
from tests.support.build import ANN, DM
from tests.support.clock import ManualClock
from tests.support.eventually import eventually

CONTEXT = ToolContext(
    turn=TurnId("turn"),
    conversation=ConversationId("talk"),
    agent=AgentName("desk"),
    requester=ANN,
    thread=DM,
    attended=True,
)


async def look(
    _context: ToolContext,
    key: str,
    /,
    *,
    name: Annotated[str, "whose"],
    days: int = 7,
    share: float | None = None,
    deep: bool = False,
    order: Literal["new", "old"] = "new",
    tags: list[str] | None = None,
) -> str:
    return json.dumps([key, name, days, share, deep, order, tags])


def call(arguments: object, *, name: str = "look") -> ToolCall:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return ToolCall(id=ToolCallId("c1"), name=name, arguments=text)


def box(
    *tools: Tool, clock: ManualClock | None = None, **more: Callable[..., frozenset[str]]
) -> Toolbox:
    clock = clock or ManualClock()
    return Toolbox(tools, clock=clock, ids=TimeOrderedIds(clock), **more)


LOOK = Tool(name="look", about="Look.", run=look, risk=Risk.READ, effect=Effect.NONE)


def test_the_schema_comes_from_the_signature() -> None:
    assert LOOK.spec.parameters == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "whose"},
            "days": {"type": "integer"},
            "share": {"type": "number"},
            "deep": {"type": "boolean"},
            "order": {"type": "string", "enum": ["new", "old"]},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "additionalProperties": False,
        "required": ["name"],
    }


def test_what_is_not_declared_is_dangerous_and_never_repeated() -> None:
    async def act(_context: ToolContext, _key: str, /) -> str:
        return ""

    spec = Tool(name="act", about="Act.", run=act).spec
    assert spec.risk is Risk.DANGEROUS
    assert not spec.repeatable


def test_what_does_not_say_which_right_it_takes_is_an_owners() -> None:
    async def act(_context: ToolContext, _key: str, /) -> str:
        return ""

    tools = box(Tool(name="act", about="Act.", run=act), replace(LOOK, needs=Action.CONVERSE))
    assert tools.needs("act") is Action.ANY_TOOL
    assert tools.needs("nothing") is Action.ANY_TOOL
    assert tools.needs("look") is Action.CONVERSE
    assert [role for role in MemberRole if may(role, Action.ANY_TOOL)] == [MemberRole.OWNER]


def test_an_argument_that_no_model_can_give_ends_the_start() -> None:
    async def bad(_context: ToolContext, _key: str, /, *, when: complex) -> str:
        return str(when)

    with pytest.raises(TypeError, match="complex"):
        Tool(name="bad", about="Bad.", run=bad)


async def test_arguments_arrive_as_they_were_declared() -> None:
    result = await box(LOOK).run(call({"name": "Ann", "share": 1, "tags": ["a"]}), CONTEXT)

    assert json.loads(result.text) == ["turn/c1", "Ann", 7, 1.0, False, "new", ["a"]]
    assert not result.failed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "the argument name is missing"),
        ({"name": 5}, "name must be text, not 5"),
        ({"name": "x", "days": "7"}, 'days must be a whole number, not "7"'),
        ({"name": "x", "days": True}, "days must be a whole number, not true"),
        ({"name": "x", "days": 7.5}, "days must be a whole number, not 7.5"),
        ({"name": "x", "share": "1"}, "share must be a number"),
        ({"name": "x", "deep": 1}, "deep must be true or false, not 1"),
        ({"name": "x", "order": "newest"}, 'order must be "new" or "old"'),
        ({"name": "x", "tags": "a"}, "tags must be a list, each text"),
        ({"name": "x", "tags": ["a", 1]}, "tags must be a list, each text"),
        ({"name": "x", "day": 1}, "there is no argument 'day'; did you mean days?"),
        ({"name": None}, "name must be text, not null"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"name": "a", "name": "b"}', "given twice"),
        ('{"name": "x", "share": NaN}', "NaN is no number"),
        ('{"name": "\\ud800"}', "name must be text"),
        ("[" * 200_001, "longer than"),
        ("[" * 1_000 + "]" * 1_000, "nested too deeply"),
    ],
)
async def test_arguments_that_do_not_fit_are_refused_in_words(arguments: object, said: str) -> None:
    result = await box(LOOK).run(call(arguments), CONTEXT)

    assert result.failed
    assert said in result.text
    assert "It takes name: text; days: a whole number (optional)" in result.text


@given(st.text(max_size=200))
async def test_no_text_of_a_model_raises(text: str) -> None:
    assert isinstance(await box(LOOK).run(call(text), CONTEXT), ToolResult)


def test_arguments_have_one_spelling() -> None:
    read = signature_of(look).read
    one = read('{"name": "\\u00e9", "days": 7}')
    other = read('{ "days":7,\n"name":"é"}')
    assert canonical(one) == canonical(other)
    assert canonical(one) != canonical(read('{"name": "e"}'))


async def test_a_tool_that_is_not_there_or_not_granted_is_not_run() -> None:
    tools = box(LOOK, withheld=lambda agent: frozenset({"look"} if agent != "night" else ()))

    assert (await tools.run(call({"name": "x"}), CONTEXT)).text == "There is no tool look."
    assert tools.specs(AgentName("desk")) == ()
    assert [spec.name for spec in tools.specs(AgentName("night"))] == ["look"]
    assert (await tools.run(call({}, name="rm"), CONTEXT)).failed


async def test_a_tool_that_hangs_is_stopped_and_has_ended(clock: ManualClock) -> None:
    began: list[str] = []
    ended: list[str] = []

    async def hang(_context: ToolContext, _key: str, /) -> str:
        began.append("yes")
        try:
            await clock.sleep(10_000)
        finally:
            ended.append("yes")
        return ""

    results: list[ToolResult] = []
    tools = box(Tool(name="look", about="Hang.", run=hang, timeout=5.0), clock=clock)

    async def ask() -> None:
        results.append(await tools.run(call({}), CONTEXT))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask())
        await eventually(lambda: began)
        await clock.advance(5.0)
        await eventually(lambda: results)
    assert ended == ["yes"]
    assert results[0].failed
    assert "look was stopped after 5 seconds" in results[0].text
    assert "may have taken effect" in results[0].text


@pytest.mark.parametrize(
    ("effect", "unsure"), [(Effect.NONE, False), (Effect.OWN, True), (Effect.OUTSIDE, True)]
)
async def test_what_was_stopped_may_have_taken_effect_unless_it_has_none(
    clock: ManualClock, effect: Effect, *, unsure: bool
) -> None:
    async def write(_context: ToolContext, _key: str, /) -> str:
        await clock.sleep(10_000)
        return ""

    tool = Tool(name="look", about="Write.", run=write, effect=effect, timeout=5.0)
    result = await stopped(tool, clock)
    assert result.failed
    assert ("may have taken effect" in result.text) is unsure


async def test_what_ends_well_although_its_time_is_over_has_ended_well(clock: ManualClock) -> None:
    async def write(_context: ToolContext, _key: str, /) -> str:
        try:
            await clock.sleep(10_000)
        except asyncio.CancelledError:
            return "written"
        return ""

    result = await stopped(Tool(name="look", about="Write.", run=write, timeout=5.0), clock)
    assert (result.text, result.failed) == ("written", False)


async def stopped(tool: Tool, clock: ManualClock) -> ToolResult:
    """What the tool answers whose time is over."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(box(tool, clock=clock).run(call({}), CONTEXT))
        await eventually(lambda: clock.sleeping == 2)
        await clock.advance(tool.timeout)
    return running.result()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Refused("No.", hint="Yes."), "No.\nYes."),
        (Conflict("it changed"), ""),
        (ValueError("secret detail"), "It failed on our side. Reference: "),
    ],
)
async def test_a_tool_that_raises_is_a_result_without_a_trace(error: Exception, said: str) -> None:
    async def fail(_context: ToolContext, _key: str, /) -> str:
        raise error

    result = await box(Tool(name="look", about="Fail.", run=fail)).run(call({}), CONTEXT)

    assert result.failed
    assert said in result.text
    assert "secret detail" not in result.text
    assert "Traceback" not in result.text


async def test_a_database_that_takes_nothing_is_for_the_turn() -> None:
    async def fail(_context: ToolContext, _key: str, /) -> str:
        raise StorageUnavailable

    with pytest.raises(StorageUnavailable):
        await box(Tool(name="look", about="Fail.", run=fail)).run(call({}), CONTEXT)


async def test_a_result_is_bounded() -> None:
    async def much(_context: ToolContext, _key: str, /) -> str:
        return "x" * (LONGEST_RESULT + 7)

    result = await box(Tool(name="look", about="Much.", run=much)).run(call({}), CONTEXT)

    assert result.text.endswith("[cut: 7 more characters]")


def test_two_tools_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match="look"):
        box(LOOK, LOOK)
