"""An answer while it comes in, whoever it comes from. Pure."""

from collections.abc import Iterable

from adapters.models import wire
from runtime.errors import ModelOutputUnusable
from runtime.model.completion import Finished, ModelRequest, StopReason, Usage

LONGEST_TEXT = 1_000_000
"""Characters of an answer's text, and of the arguments of all its tool calls; more is garbage."""
MOST_CALLS = 128
_MOST_TOKENS = 100_000_000
_FILTERED = frozenset({"content_filter", "content_filtered", "safety"})


class Answer:
    """Puts an answer together, piece by piece.

    Attributes:
        started: a word or a tool call has come.
        model: the provider's name of the model; until it says one, the name that was asked for.
        reason: the finish reason that came, or None.
        usage: the usage that came.
    """

    def __init__(self, names: wire.ToolNames, *, asked: str = "") -> None:
        """Take the tools' names on the wire, and the name of the model that is asked."""
        self._names = names
        self._pieces: list[str] = []
        self._size = 0
        self._calls = wire.CallAssembly()
        self._places: set[tuple[int, str]] = set()
        self.started = False
        self.model = asked
        self.reason: str | None = None
        self.usage = Usage(None, None)

    @property
    def names(self) -> wire.ToolNames:
        """The tools' names on the wire."""
        return self._names

    @property
    def text(self) -> str:
        """What has come."""
        return "".join(self._pieces)

    def say(self, text: str) -> None:
        """Take the next piece of text.

        Raises:
            ModelOutputUnusable: it is longer than any answer.
        """
        if text:
            self.started = True
            self._pieces.append(text)
            self._grow(len(text))

    def call(self, piece: wire.CallPiece) -> None:
        """Take the next piece of a tool call.

        Raises:
            ModelOutputUnusable: there are more, or longer ones, than any answer has.
        """
        self.started = True
        self._grow(len(piece.arguments))
        self._places.add((piece.place, piece.id))
        if len(self._places) > MOST_CALLS:
            raise ModelOutputUnusable(f"the answer has more than {MOST_CALLS} tool calls")
        self._calls.add(piece)

    def finished(self, request: ModelRequest) -> Finished:
        """The end of the answer.

        Raises:
            ModelOutputUnusable: it broke off, or was filtered, or there is nothing in it.
        """
        if self.reason is None:
            raise ModelOutputUnusable("the answer broke off before its end")
        if self.reason in _FILTERED:
            raise ModelOutputUnusable("the provider's content filter stopped the answer")
        calls = self._calls.whole(self._names, wire.calls_in(request))
        text = self.text
        if not (text.strip() or calls):
            raise ModelOutputUnusable(f"the answer is empty ({self.reason[:40]})")
        cut = self.reason == "length"
        if cut and any(not wire.is_object(call.arguments) for call in calls):
            raise ModelOutputUnusable("a tool call was cut off by the limit on the answer's length")
        stop = StopReason.LENGTH if cut else StopReason.COMPLETE
        return Finished(
            text=text,
            tool_calls=calls,
            reason=StopReason.TOOL_CALLS if calls else stop,
            usage=self.usage,
            model=self.model[:200],
        )

    def _grow(self, by: int) -> None:
        self._size += by
        if self._size > LONGEST_TEXT:
            raise ModelOutputUnusable(f"the answer is longer than {LONGEST_TEXT} characters")


def tokens(count: object) -> int | None:
    """The count, or None where no call can have used so many, or none at all: not counted."""
    possible = isinstance(count, int) and not isinstance(count, bool)
    return count if possible and isinstance(count, int) and 0 < count <= _MOST_TOKENS else None


def part(count: object, whole: int | None) -> int | None:
    """The count of some of the tokens; None where it was not said, or is more than all of them."""
    if whole is None or isinstance(count, bool) or not isinstance(count, int):
        return None
    return count if 0 <= count <= whole else None


def usage_of(prompt: object, completion: object, cached: Iterable[object] = ()) -> Usage:
    """The usage that a server said, as far as it can be true.

    Args:
        prompt: tokens of the whole prompt.
        completion: tokens of the answer.
        cached: how many of the prompt came from the cache, and how many went into it.
    """
    whole = tokens(prompt)
    read, written = [*(part(count, whole) for count in cached), None, None][:2]
    return Usage(whole, tokens(completion), read, written)
