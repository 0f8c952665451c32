"""Tools as a model sees them, and calls of them."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from runtime.ids import ToolCallId
from runtime.model.ending import Ending
from runtime.model.files import OutFile
from runtime.model.value import value

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""A value that JSON can hold."""


class Risk(StrEnum):
    """What a tool can do; undeclared is `DANGEROUS`."""

    READ = "read"
    WRITE = "write"
    EXTERNAL = "external"
    DANGEROUS = "dangerous"


@value(kw_only=True)
class ToolSpec:
    """A tool offered to a model.

    Attributes:
        name: dotted, as policy names it: `schedule.create`.
        description: one sentence for the model.
        parameters: a JSON schema of the arguments object.
        risk: what it can do.
        repeatable: running it twice with the same call id has the effect of running it once.
        varies: the arguments that a yes for a time leaves open; all others stay as they were shown.
    """

    name: str
    description: str
    parameters: Mapping[str, Json] = field(default_factory=dict)
    risk: Risk = Risk.DANGEROUS
    repeatable: bool = False
    varies: frozenset[str] = frozenset()

    def __hash__(self) -> int:
        """Of the part that tells tools apart."""
        return hash(self.name)


@value(kw_only=True)
class ToolCall:
    """A model's wish to run a tool: untrusted.

    Attributes:
        id: unique within the turn.
        name: the tool, as the model spelled it.
        arguments: the JSON object the model gave, as text, exactly.
    """

    id: ToolCallId
    name: str
    arguments: str


@value(kw_only=True)
class ToolResult:
    """What a tool answered.

    Attributes:
        call: the call it answers.
        text: what the model is told.
        failed: the tool did not do what was asked; `text` says why.
        files: what it made to go out with the turn's answer; they are in the file store.
        ending: how it ends its turn, or None.
    """

    call: ToolCallId
    text: str
    failed: bool = False
    files: tuple[OutFile, ...] = ()
    ending: Ending | None = None
