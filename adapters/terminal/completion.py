"""Completion of commands, rooms and threads. Imports prompt_toolkit: import this module late."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from adapters.terminal.rooms import Board

_LITERAL = re.compile(r"[a-z][a-z-]*")


class FormCompleter(Completer):
    """Offers the next word of the commands that begin like the line.

    A form is a command as help shows it, its prefix or not: words in lower case are typed as
    they are, and from the first other word on (`<when>`, `[--tz ZONE]`) it only explains.
    """

    def __init__(self, forms: Mapping[str, str], board: Board) -> None:
        """Complete these forms, each with what it does, and the rooms and threads of the board."""
        bare = {form.removeprefix("/"): does for form, does in forms.items()}
        self._forms = {_literals(form): (form, does) for form, does in bare.items()}
        self._board = board

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002 - the library's signature
    ) -> Iterable[Completion]:
        """What may come at the cursor; nothing unless the line is a command or names somebody."""
        before = document.text_before_cursor
        mention = re.search(r"(?:^|\s)@([\w-]*)$", before)
        if mention:
            yield from self._agents(mention[1])
        elif before[:1] in {"/", "!"} and "\n" not in before:
            *words, typed = before[1:].lower().split(" ")
            yield from self._after(tuple(filter(None, words)), typed)

    def _after(self, words: tuple[str, ...], typed: str) -> Iterator[Completion]:
        special: dict[tuple[str, ...], Callable[[], dict[str, str]]] = {
            ("join",): self._rooms,
            ("thread",): self._threads,
        }
        offered = special[words]() if words in special else self._next_words(words)
        for word, meaning in offered.items():
            if word.startswith(typed):
                yield Completion(word, start_position=-len(typed), display_meta=meaning)

    def _next_words(self, words: tuple[str, ...]) -> dict[str, str]:
        """Each word that may follow, with the form where it is the last, else how many follow."""
        at = len(words)
        found: dict[str, str] = {}
        for literals, (form, does) in self._forms.items():
            if literals[:at] != words or len(literals) <= at:
                continue
            word = literals[at]
            if len(literals) == at + 1:
                rest = form.split()[at + 1 :]
                found[word] = " · ".join(filter(None, (" ".join(rest), does)))
            else:
                found.setdefault(word, "…")
        return found

    def _rooms(self) -> dict[str, str]:
        return {room.label.lower(): f"{room.agent} answers" for room in self._board.rooms}

    def _threads(self) -> dict[str, str]:
        newest_first = reversed(list(self._board.threads.items()))
        return {
            str(number): " · ".join(
                filter(None, (self._board.room(thread).label, self._board.title(thread)))
            )
            for number, thread in newest_first
        }

    def _agents(self, typed: str) -> Iterator[Completion]:
        for agent in dict.fromkeys(room.agent for room in self._board.rooms):
            if agent.lower().startswith(typed.lower()):
                yield Completion(f"{agent} ", start_position=-len(typed), display=f"@{agent}")


def _literals(form: str) -> tuple[str, ...]:
    words = []
    for word in form.split():
        if not _LITERAL.fullmatch(word):
            break
        words.append(word)
    return tuple(words)
