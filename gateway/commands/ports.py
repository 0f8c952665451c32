"""What commands are given, what they answer, and what they need of the core."""

from datetime import datetime
from typing import Protocol

from gateway.commands.grammar import ParsedCommand
from runtime.ids import AgentName, ConversationId, InboxId
from runtime.model.address import Principal, ThreadRef
from runtime.model.conversation import Conversation
from runtime.model.events import ButtonPress, FormSubmit
from runtime.model.files import OutFile
from runtime.model.messages import Button, Content
from runtime.model.value import value


@value(kw_only=True)
class Request:
    """Who gives a command, where and when.

    Attributes:
        id: the inbox row; carrying the same row out again must have the effect of once.
        thread: where it was given.
        sender: who gave it.
        at: when it was accepted, which is what "in 2 hours" counts from.
        direct: nobody but the sender and the bot sees it.
    """

    id: InboxId
    thread: ThreadRef
    sender: Principal
    at: datetime
    direct: bool = False


@value()
class Answer:
    """What a command answers.

    Attributes:
        text: CommonMark.
        private: only the sender sees it, where the platform can do that. What changes something
            is for everybody in the thread; what only shows something is for who asked.
        buttons: under the text.
        files: sent with the text.
        updates: what the message with the pressed button becomes; None to leave it as it is.
        refused: nothing was done, and the text says why.
    """

    text: str
    private: bool = True
    buttons: tuple[Button, ...] = ()
    files: tuple[OutFile, ...] = ()
    updates: Content | None = None
    refused: bool = False


class Press(Protocol):
    """What the buttons of one action do."""

    async def __call__(self, press: ButtonPress, request: Request, /) -> Answer:
        """As for `Noun`."""
        ...


class Submit(Protocol):
    """What the forms of one action do."""

    async def __call__(self, form: FormSubmit, request: Request, /) -> Answer:
        """As for `Noun`."""
        ...


class Noun(Protocol):
    """The commands of one noun."""

    async def __call__(self, command: ParsedCommand, request: Request, /) -> Answer:
        """Carry the command out, with the effect of once for each request id.

        Raises:
            Refused: the person may not do it, or it cannot be done as they asked.
        """
        ...


class Control(Protocol):
    """What a person can do to a thread's conversation; `runtime.rebinding` implements it."""

    async def new(self, thread: ThreadRef, agent: AgentName, *, key: str) -> ConversationId:
        """Bind the thread to a fresh conversation; the same `key` makes the same one."""
        ...

    async def earlier(self, thread: ThreadRef) -> list[Conversation]:
        """Conversations that the thread had, latest bound first, the present one included."""
        ...

    async def resume(self, thread: ThreadRef, conversation: ConversationId) -> None:
        """Bind the thread to an earlier conversation of it again."""
        ...
