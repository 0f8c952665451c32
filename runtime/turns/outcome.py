"""What comes of a turn."""

from runtime.model.files import OutFile
from runtime.model.handoff import HandOver
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem
from runtime.model.value import value


@value()
class Outcome:
    """What came of a turn.

    Attributes:
        text: the answer, or in words for a person why there is none.
        failed: there is none.
        files: what goes out with it.
        said: the answer as it is to go out, with whose words they are; None where there is none.
        replies: the same as messages, where somebody waits for it.
        over: the hand-off that happens with its end, or None.
        model: the model that wrote it, by the provider's own name; empty where none did.
    """

    text: str
    failed: bool = False
    files: tuple[OutFile, ...] = ()
    replies: tuple[OutboxItem, ...] = ()
    over: HandOver | None = None
    model: str = ""
    said: Content | None = None

    @property
    def own_words(self) -> str:
        """The answer with the marks of `runtime.text.verbatim`, where its words are our own."""
        return self.said.text if self.said is not None and self.said.ours else ""


@value()
class Said:
    """What an agent says, by which model, and the hand-off that happens with it."""

    content: Content
    over: HandOver | None = None
    model: str = ""
