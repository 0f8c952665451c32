"""The conversation log: the journal from which a turn goes on after a crash."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from runtime.ids import AgentName, ConversationId, ToolCallId, TurnId
from runtime.model.address import PersonKey, Principal, principal_of
from runtime.model.ending import Ending
from runtime.model.files import OutFile
from runtime.model.tools import ToolCall
from runtime.model.value import value


class Role(StrEnum):
    """Who an entry of the log is from."""

    USER = "user"
    """A person wrote it."""
    NOTE = "note"
    """Nightdesk says it of what a person wrote just before: what became of the files with it."""
    ASSISTANT = "assistant"
    """The model answered it, or asks for tools with it."""
    TOOL = "tool"
    """A tool answered the assistant."""
    EXECUTING = "executing"
    """A tool is about to run: written before it runs. Without a `TOOL` entry after it: unknown."""
    SUMMARY = "summary"
    """Stands for every earlier entry up to `covers`."""


class Entry(NamedTuple):
    """One entry of a conversation's log: made with names, and stored in the order of its fields.

    A turn reads fifty of them, and a tuple is read in less than half of a data class's time. What
    is most often empty stands last, so that it need not be stored.

    Attributes:
        role: who it is from.
        text: what was said, or a tool's answer, or the summary.
        at: when it was written.
        turn: the turn that wrote it.
        seq: its place in the conversation, counted from 1; 0 before it is stored.
        by: the person, for `USER` entries that a person wrote; None for the instruction of a run,
            which nobody typed just now. As a text: to make a `Principal` for each of fifty takes a
            third of the time to read them.
        model: the model that wrote an assistant entry.
        tool_calls: the tools an assistant entry asks for.
        call: the tool call that a `TOOL` or `EXECUTING` entry belongs to.
        covers: for a summary, the sequence number of the last entry it stands for.
        files: in the file store: of a `NOTE` what came with the message, of a `TOOL` what the tool
            made to go out with the answer, of a summary what came in before.
        ending: how the tool that a `TOOL` entry answers for ends the turn, or None.
        ours: of what a run's turn said in words of our own, the text with the marks of
            `runtime.text.verbatim`: it is delivered after this was stored.
    """

    role: Role
    text: str
    at: datetime
    turn: TurnId
    seq: int = 0
    by: PersonKey | None = None
    model: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    call: ToolCallId | None = None
    covers: int = 0
    files: tuple[OutFile, ...] = ()
    ending: Ending | None = None
    ours: str = ""

    @property
    def sender(self) -> Principal | None:
        """The person who wrote it, if one did."""
        return None if self.by is None else principal_of(self.by)


@value(kw_only=True)
class Conversation:
    """A persistent conversation with one agent.

    Attributes:
        id: its id.
        agent: who answers in it.
        created_at: when it began.
        title: the first words of it, for `/resume`; empty before the first message.
    """

    id: ConversationId
    agent: AgentName
    created_at: datetime
    title: str = ""


TITLE_LENGTH = 60
"""Characters of a conversation's title."""


def title_of(text: str) -> str:
    """The first words of a conversation on one line, for `/resume`."""
    return " ".join(text.split())[:TITLE_LENGTH]


def made_by(entries: Sequence[Entry]) -> tuple[OutFile, ...]:
    """What the tools of these entries made to go out, in order."""
    return tuple([file for e in entries if e.role is Role.TOOL for file in e.files])


def model_of(entries: Sequence[Entry]) -> str:
    """The model that wrote the last of these entries that a model wrote; empty where none did."""
    return next((entry.model for entry in reversed(entries) if entry.model), "")


def since_summary(log: Sequence[Entry]) -> list[Entry]:
    """What a log still says: its latest summary first, then what that does not stand for.

    The log is in order and may begin late, but not after the first entry to be kept.
    """
    summary = next((entry for entry in reversed(log) if entry.role is Role.SUMMARY), None)
    if summary is None:
        return list(log)
    later = (e for e in log if e.seq > summary.covers and e.role is not Role.SUMMARY)
    return [summary, *later]


def latest(said: Sequence[Entry], limit: int) -> list[Entry]:
    """The last entries of what a log still says, its summary among them whatever the limit."""
    if len(said) <= limit:
        return list(said)
    summary = [entry for entry in said[:1] if entry.role is Role.SUMMARY]
    return [*summary, *said[len(said) - limit + len(summary) :]]
