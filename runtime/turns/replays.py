"""Answers that need not be paid for twice: what is always the same was asked in this run before.

Only what a model answers at temperature 0 counts as always the same. They are kept in memory until
the run is over, or was stopped and others came, a few of them: a turn that goes on after a crash
has the answers that it acted on in its log, and pays again for the one call that was under way.
"""

import hashlib
from collections import OrderedDict

from runtime.ids import ModelName, TurnId
from runtime.model.completion import Finished, ModelRequest

MOST = 256
"""Runs whose answers are kept."""
_LONGEST = 65_536
"""Characters of the answers of one run."""
_EACH = 1_024
"""Characters that an answer counts besides its text: it may be calls of tools alone."""


class Replays:
    """The answers of deterministic calls, each for the run that made it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[TurnId, dict[bytes, Finished]] = OrderedDict()

    def find(self, turn: TurnId, model: ModelName, request: ModelRequest) -> Finished | None:
        """The answer, where the turn asked that model the same before."""
        if request.temperature != 0 or turn not in self._kept:
            return None
        return self._kept[turn].get(_digest(model, request))

    def keep(
        self, turn: TurnId, model: ModelName, request: ModelRequest, finished: Finished
    ) -> None:
        """Keep the answer, where asking again would give it again."""
        if request.temperature != 0:
            return
        answers = self._kept.setdefault(turn, {})
        kept = [*answers.values(), finished]
        if sum(len(answer.text) + _EACH for answer in kept) > _LONGEST:
            return
        answers[_digest(model, request)] = finished
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def forget(self, turn: TurnId) -> None:
        """The run is over: nothing of it is asked again."""
        self._kept.pop(turn, None)


def _digest(model: ModelName, request: ModelRequest) -> bytes:
    """Of everything that the model is shown, and of nothing else: not of when it was said."""
    shown = [
        (entry.role, entry.text, entry.by, entry.tool_calls, entry.call)
        for entry in request.entries
    ]
    whole = (model, request.instructions, shown, request.tools, request.max_tokens)
    return hashlib.sha256(repr(whole).encode("utf-8", "surrogatepass")).digest()
