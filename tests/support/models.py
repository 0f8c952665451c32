"""Requests for models, and reading what they stream."""

from collections.abc import Sequence

from runtime.ids import Platform, ToolCallId, TurnId
from runtime.model.address import Principal, key_of
from runtime.model.completion import Chunk, Finished, ModelRequest, TextDelta
from runtime.model.conversation import Entry, Role
from runtime.model.tools import ToolCall, ToolSpec
from runtime.ports import ModelPort
from tests.support.clock import START

ANNA = Principal(Platform("terminal"), "", "anna")
BEN = Principal(Platform("terminal"), "", "ben")

FACTS = ToolSpec(name="desk.facts", description="The state of the desk.")
SCHEDULE = ToolSpec(
    name="schedule.create",
    description="Make a schedule.",
    parameters={
        "type": "object",
        "properties": {"when": {"type": "string"}, "instruction": {"type": "string"}},
        "required": ["when", "instruction"],
    },
)
TOOLS = (FACTS, SCHEDULE)


def entry(
    role: Role,
    text: str = "",
    *,
    sender: Principal | None = None,
    calls: tuple[ToolCall, ...] = (),
    call: str | None = None,
) -> Entry:
    """An entry of the log."""
    return Entry(
        role=role,
        text=text,
        at=START,
        turn=TurnId("t1"),
        by=None if sender is None else key_of(sender),
        tool_calls=calls,
        call=ToolCallId(call) if call is not None else None,
    )


def said(text: str, sender: Principal | None = ANNA) -> Entry:
    """A person's message; with None as the sender, a schedule's instruction."""
    return entry(Role.USER, text, sender=sender)


def answered(text: str) -> Entry:
    return entry(Role.ASSISTANT, text)


def called(id_: str, name: str, arguments: str = "{}") -> ToolCall:
    return ToolCall(id=ToolCallId(id_), name=name, arguments=arguments)


def request(
    *entries: Entry | str, tools: Sequence[ToolSpec] = (), instructions: str = "Be brief."
) -> ModelRequest:
    """A request; a text stands for a message of Anna's."""
    return ModelRequest(
        instructions=instructions,
        entries=tuple(said(item) if isinstance(item, str) else item for item in entries),
        tools=tuple(tools),
    )


async def chunks_of(model: ModelPort, asked: ModelRequest) -> list[Chunk]:
    return [chunk async for chunk in model.stream(asked)]


async def finished_of(model: ModelPort, asked: ModelRequest) -> Finished:
    """The end of the answer, after checking what every port promises about an answer."""
    chunks = await chunks_of(model, asked)
    last = chunks[-1]
    assert isinstance(last, Finished), chunks
    pieces = [chunk for chunk in chunks[:-1] if isinstance(chunk, TextDelta)]
    assert len(pieces) == len(chunks) - 1, "a second Finished"
    assert "".join(piece.text for piece in pieces) == last.text
    assert all(piece.text for piece in pieces), "an empty piece"
    return last


async def answer_of(model: ModelPort, asked: ModelRequest) -> str:
    return (await finished_of(model, asked)).text
