"""What became of everything that was said: a pure count, from what was asked and what was shown."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from gateway.inbound.strangers import NOTICE_BEGINS
from gateway.outbound.aftermath import SET_ASIDE_BEGINS
from runtime.mailboxes.queued import WORDS as QUEUED
from runtime.model.value import value

REFUSAL_BEGINS = "You are not a member of"
"""How `runtime.access` begins what a stranger is told."""


class Wants(Enum):
    """What is right to follow what somebody said."""

    ANSWER = auto()
    NOTHING = auto()
    """It is none of the bot's business: an edit, another bot, a channel that is not listed."""
    REFUSAL = auto()
    """It was said by a stranger, who is told so once, or hears nothing."""


@dataclass(slots=True)
class Utterance:
    """One thing that was said.

    Attributes:
        place: where its answer belongs.
        wants: what is right to follow.
        mark: a word that its answer has and no other; empty where it has none.
        promised: it was acknowledged, or the platform goes on until it is.
        may_repeat: nobody can tell whether its answer was shown, so it may be there twice where
            the telling was lost.
        or_place: where the answer may stand as well: the person's own chat, where the platform has
            nothing private elsewhere.
    """

    place: str
    wants: Wants = Wants.ANSWER
    mark: str = ""
    promised: bool = True
    may_repeat: bool = False
    or_place: str = ""


@value()
class Shown:
    """A message of the bot.

    Attributes:
        place: where it stands.
        text: what it says.
    """

    place: str
    text: str


@dataclass(slots=True)
class Count:
    """What became of it.

    Attributes:
        asked: what was to be answered.
        lost: of that, what has no answer.
        twice: answers that are there once too often.
        repeated: answers that are there once more because nobody could tell, which is allowed.
        wrong: answers in another place than their question's, or to what wants none.
        strangers: what strangers said.
        let_in: answers that strangers got.
        examples: a few words on each that is wrong.
    """

    asked: int = 0
    lost: int = 0
    twice: int = 0
    repeated: int = 0
    wrong: int = 0
    strangers: int = 0
    let_in: int = 0
    examples: list[str] = field(default_factory=list)


def tally(
    asked: Sequence[Utterance],
    shown: Sequence[Shown],
    *,
    allowed: int = 0,
    private: Collection[str] = (),
) -> Count:
    """Count.

    Args:
        asked: what was said.
        shown: what the bot showed, each message once, as it is in the end.
        allowed: how many answers may be there twice, of those that may be at all.
        private: the places of strangers' own, where a refusal belongs as well.
    """
    return _Tally(asked, shown, allowed, private).count()


class _Tally:
    def __init__(
        self,
        asked: Sequence[Utterance],
        shown: Sequence[Shown],
        allowed: int,
        private: Collection[str],
    ) -> None:
        self._wanted = [one for one in asked if one.wants is Wants.ANSWER]
        self._strange = [one.place for one in asked if one.wants is Wants.REFUSAL]
        self._shown = shown
        self._allowed = allowed
        self._private = private
        self._counted = Count(asked=len(self._wanted), strangers=len(self._strange))

    def count(self) -> Count:
        answers = [one for one in self._shown if not self._is_aside(one)]
        marks = {one.mark for one in self._wanted if one.mark}
        plain = []
        marked: dict[str, list[str]] = {mark: [] for mark in marks}
        for answer in answers:
            named = [mark for mark in marks if mark in answer.text]
            for mark in named:
                marked[mark].append(answer.place)
            if not named:
                plain.append(answer)
        for one in self._wanted:
            if one.mark:
                self._judge(one, marked[one.mark])
        self._judge_plain(plain)
        return self._counted

    def _is_aside(self, one: Shown) -> bool:
        """Whether it is a word beside the answers; in the wrong place it is no better than one."""
        if one.text.startswith(REFUSAL_BEGINS):
            if one.place not in self._strange and one.place not in self._private:
                self._wrong(f"a refusal in {one.place}")
            return True
        return one.text.startswith((NOTICE_BEGINS, SET_ASIDE_BEGINS, QUEUED[:7]))

    def _judge(self, one: Utterance, places: Sequence[str]) -> None:
        right = {one.place, one.or_place}
        here = sum(place in right for place in places)
        for place in places:
            if place not in right:
                self._wrong(f"the answer to {one.mark} in {place} and not in {one.place}")
        if not places and one.promised:
            self._lost(f"{one.mark} in {one.place}")
        self._more(here - 1, f"{one.mark} in {one.place}", may_repeat=one.may_repeat)

    def _judge_plain(self, answers: Sequence[Shown]) -> None:
        asked: dict[str, list[Utterance]] = {}
        for one in self._wanted:
            if not one.mark:
                asked.setdefault(one.place, []).append(one)
        found = Counter(answer.place for answer in answers)
        for place, here in asked.items():
            got = found.pop(place, 0)
            for _ in range(sum(one.promised for one in here) - got):
                self._lost(f"a message in {place}")
            may_repeat = any(one.may_repeat for one in here)
            self._more(got - len(here), f"a message in {place}", may_repeat=may_repeat)
        for answer in answers:
            if answer.place not in found:
                continue
            if answer.place in self._strange:
                self._counted.let_in += 1
                self._example(f"a stranger got an answer in {answer.place}")
            else:
                self._wrong(f"{answer.text[:40]!r} in {answer.place}, where nobody asked")

    def _more(self, count: int, what: str, *, may_repeat: bool) -> None:
        for _ in range(count):
            if may_repeat and self._counted.repeated < self._allowed:
                self._counted.repeated += 1
            else:
                self._counted.twice += 1
                self._example(f"answered twice: {what}")

    def _lost(self, what: str) -> None:
        self._counted.lost += 1
        self._example(f"no answer: {what}")

    def _wrong(self, what: str) -> None:
        self._counted.wrong += 1
        self._example(f"wrong place: {what}")

    def _example(self, words: str) -> None:
        self._counted.examples.append(words)
