"""Between the conversation log and the chat-completions form that providers speak. Pure.

The form is OpenAI's; LiteLLM takes it for every provider. What is written here beyond it keeps the
strictest servers content: one system message and it comes first, a result for every tool call,
tool names of letters, digits, `_` and `-`, and no message without content.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from runtime.ids import ToolCallId
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Entry, Role
from runtime.model.tools import Json, ToolCall, ToolSpec
from runtime.model.value import value

Message = dict[str, Json]

_NO_RESULT = "There is no result: it is not known whether this ran. Do not assume that it did."
_LONGEST_NAME = 64


class ToolNames:
    """The names of tools on the wire: providers take no dots.

    Two tools never share a name on the wire, and a name that none of them has comes back as the
    model spelled it, to be refused by whoever runs tools.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._wire: dict[str, str] = {}
        self._back: dict[str, str] = {}
        for name in names:
            self.to_wire(name)

    def to_wire(self, name: str) -> str:
        """The name to send."""
        if name not in self._wire:
            plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:_LONGEST_NAME] or "_"
            free = next(spelling for spelling in _spellings(plain) if spelling not in self._back)
            self._wire[name] = free
            self._back[free] = name
        return self._wire[name]

    def from_wire(self, spelled: str) -> str:
        """The tool's own name for what the model spelled."""
        return self._back.get(spelled, spelled)


def _spellings(plain: str) -> Iterator[str]:
    yield plain
    for number in range(2, 1000):
        ending = f"_{number}"
        yield plain[: _LONGEST_NAME - len(ending)] + ending


def tools(specs: Iterable[ToolSpec], names: ToolNames) -> list[Message]:
    """The tools as a provider is told of them."""
    return [
        {
            "type": "function",
            "function": {
                "name": names.to_wire(spec.name),
                "description": spec.description,
                "parameters": _schema(spec.parameters),
            },
        }
        for spec in specs
    ]


def _schema(parameters: Mapping[str, Json]) -> Json:
    return dict(parameters) if parameters else {"type": "object", "properties": {}}


def messages(request: ModelRequest, names: ToolNames) -> list[Message]:
    """The conversation as a provider is told of it, oldest first.

    A summary is a note of the user's side, not of the system's: it was written from what people
    said. Senders are named where more than one person takes part; the name carries no authority.
    `EXECUTING` entries are left out, and a tool call whose result the log lacks is given a result
    that says so, because providers refuse a call without one.
    """
    said: list[Message] = []
    if request.instructions:
        said.append({"role": "system", "content": request.instructions})
    several = len({entry.by for entry in request.entries if entry.by is not None}) > 1
    waiting: dict[ToolCallId, None] = {}
    for entry in request.entries:
        if entry.role is Role.EXECUTING:
            continue
        if entry.role is Role.TOOL:
            if entry.call in waiting:
                del waiting[entry.call]
                said.append(_result(entry.call, entry.text))
            continue
        said.extend(_result(call, _NO_RESULT) for call in waiting)
        waiting = {call.id: None for call in entry.tool_calls}
        _add(said, _message(entry, names, several=several))
    said.extend(_result(call, _NO_RESULT) for call in waiting)
    return said


_MARK: Json = {"type": "ephemeral"}
_MARKABLE = frozenset({"system", "user"})


def marked(messages: Iterable[Message]) -> list[Message]:
    """The messages, with the part marked that the next call begins with as well.

    Anthropic's way, which LiteLLM hands on:
    https://docs.claude.com/en/docs/build-with-claude/prompt-caching. A mark caches what is before
    it too, the tools included. One stands behind the instructions, which do not change for days,
    and one behind the last message of a person: the next calls of the turn go on from there.
    """
    whole = list(messages)
    spoken = [place for place, message in enumerate(whole) if message["role"] == "user"]
    for place in {0, *spoken[-1:]} if whole else ():
        message = whole[place]
        if message["role"] in _MARKABLE and message.get("content"):
            part: Json = {"type": "text", "text": message["content"], "cache_control": _MARK}
            whole[place] = {**message, "content": [part]}
    return whole


def _add(said: list[Message], message: Message) -> None:
    """Append; what the user's side says twice in a row is one message, as some servers demand."""
    last = said[-1] if said else message
    if last is not message and message["role"] == "user" == last["role"]:
        last["content"] = f"{last['content']}\n\n{message['content']}"
    else:
        said.append(message)


def _message(entry: Entry, names: ToolNames, *, several: bool) -> Message:
    if entry.role is Role.SUMMARY:
        return {"role": "user", "content": f"[Summary of the conversation so far]\n{entry.text}"}
    if entry.role is Role.NOTE:
        return {"role": "user", "content": entry.text}
    if entry.role is Role.USER:
        label = f"{entry.sender.user}: " if several and entry.sender is not None else ""
        return {"role": "user", "content": label + entry.text}
    message: Message = {"role": "assistant", "content": entry.text}
    if entry.tool_calls:
        message["tool_calls"] = [_call(call, names) for call in entry.tool_calls]
    return message


def _call(call: ToolCall, names: ToolNames) -> Json:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": names.to_wire(call.name), "arguments": _sound(call.arguments)},
    }


def _sound(arguments: str) -> str:
    """The arguments, or an empty object: some providers fail on a log that holds a broken one."""
    return arguments if is_object(arguments) else "{}"


def is_object(text: str) -> bool:
    """Whether the text is a JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _result(call: ToolCallId, text: str) -> Message:
    return {"role": "tool", "tool_call_id": call, "content": text}


@value(kw_only=True)
class CallPiece:
    """A piece of a tool call, as it is streamed.

    Attributes:
        place: which of the calls it belongs to.
        id: the call's id, where the piece has one.
        name: the tool's name, where the piece has one.
        arguments: the next characters of the arguments.
    """

    place: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class _Growing:
    place: int
    id: str
    name: str
    arguments: str = ""


@dataclass(slots=True)
class CallAssembly:
    """Puts streamed pieces of tool calls together.

    Servers differ: some send the name with every piece, some give every call the place 0 or no id.
    A piece that names a tool under another id begins a call of its own.
    """

    _calls: list[_Growing] = field(default_factory=list)

    def add(self, piece: CallPiece) -> None:
        """Take the next piece."""
        call = next((call for call in reversed(self._calls) if call.place == piece.place), None)
        if call is None or (piece.name and piece.id and call.id and piece.id != call.id):
            call = _Growing(piece.place, piece.id, piece.name)
            self._calls.append(call)
        call.id = call.id or piece.id
        call.name = call.name or piece.name
        call.arguments += piece.arguments

    def whole(self, names: ToolNames, taken: Iterable[ToolCallId]) -> tuple[ToolCall, ...]:
        """The calls in order, each under an id that is not taken."""
        used = set(taken)
        calls = []
        for call in self._calls:
            free = _free_id(call.id or "call", used)
            used.add(free)
            name = names.from_wire(call.name)
            calls.append(ToolCall(id=free, name=name, arguments=call.arguments or "{}"))
        return tuple(calls)


def _free_id(wanted: str, used: set[ToolCallId]) -> ToolCallId:
    number = 1
    free = ToolCallId(wanted)
    while free in used:
        number += 1
        free = ToolCallId(f"{wanted}-{number}")
    return free


def calls_in(request: ModelRequest) -> list[ToolCallId]:
    """The ids of every tool call in the conversation."""
    return [call.id for entry in request.entries for call in entry.tool_calls]
