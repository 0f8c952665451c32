"""One fake platform as the self-test uses it: people who speak there, and weather.

What is the platform's own is in `slack/drive.py`, `telegram/drive.py` and `discord/drive.py`.
"""

import random
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence

import aiohttp

from bot.selftest.plan import Person, PlatformPlan
from bot.selftest.tally import Count, Shown, Utterance, Wants, tally
from runtime.model.team import Listen
from runtime.model.value import value

TEMPTATIONS = (
    "<!channel> and <!here>",
    "@everyone, <@U0EVE> and <@300000000000000009>",
    "[a link](https://evil.example/?leak=1)",
    "https://evil.example/preview",
    "![a picture](https://evil.example/p.png)",
    "`<!channel>` *bold* _and_ ~so~ on",
)
"""What would ping people, show a preview or hide an address, if it were said back as it is."""
STRANGERS = 4
_WISHES = 80
"""A person may have so many reminders waiting, and a few of their own."""
_LEAKS = ("ping", "mention", "preview", "hides an address", "image", "unfurl", "link_names")


@value()
class Line:
    """A conversation that goes on.

    Attributes:
        room: the channel; empty for a direct conversation.
        root: what its thread is named by; empty for a direct conversation.
        asked: what was said last.
    """

    room: str
    root: str
    asked: Utterance


@value(kw_only=True)
class PlatformResult:
    """How one platform fared.

    Attributes:
        platform: its name.
        transport: how it spoke with the program.
        count: what became of what was said.
        leaks: mentions and previews that were on.
        refused: other requests that the platform would refuse.
        acknowledged: seconds until each delivery was acknowledged; none where nothing is.
        deadline: seconds after which the platform takes a delivery for lost; None for no such time.
    """

    platform: str
    transport: str
    count: Count
    leaks: tuple[str, ...]
    refused: tuple[str, ...]
    acknowledged: tuple[float, ...]
    deadline: float | None


class Stage(ABC):
    """A fake platform and its people."""

    transport = ""
    deadline: float | None = 3.0
    """Seconds in which a delivery is to be acknowledged; None where the platform waits."""
    kinds: tuple[str, ...] = ("stranger", "bot", "edit", "unlisted")
    """What is none of the bot's business, in turn."""

    def __init__(self, plan: PlatformPlan, base: str, chance: random.Random) -> None:
        """Play what the file says of the platform against the program at `base`."""
        self.plan = plan
        self.base = base
        self.chance = chance
        self.asked: list[Utterance] = []
        self.acks: list[float] = []
        self._marks = 0
        self._annoyances = 0
        self._wishes: Counter[str] = Counter()
        self._session: aiohttp.ClientSession | None = None

    # ---- the platform's own

    @abstractmethod
    async def open(self) -> None:
        """Begin to listen."""

    @abstractmethod
    async def close(self) -> None:
        """Stop listening."""

    @abstractmethod
    def environ(self) -> dict[str, str]:
        """What connects the program with the fake."""

    @abstractmethod
    async def say(self, who: Person, room: str, words: str, mark: str) -> Line:
        """Somebody begins a conversation; returns when the platform need not deliver it again."""

    @abstractmethod
    async def go_on(self, line: Line, who: Person, words: str, mark: str) -> Line:
        """Somebody says more in a conversation."""

    @abstractmethod
    async def annoy(self, kind: str, number: int) -> None:
        """Something happens that is none of the bot's business, or a stranger speaks."""

    @abstractmethod
    def shown(self) -> list[Shown]:
        """Every finished message of the bot."""

    @abstractmethod
    def spoil(self, number: int) -> None:
        """Let one of the next requests go wrong."""

    @abstractmethod
    def spoiled(self) -> bool:
        """Whether a request is still to go wrong."""

    @abstractmethod
    def calm(self) -> None:
        """Let nothing go wrong any more."""

    @abstractmethod
    async def reconnect(self) -> None:
        """Break or renew the connection that the program opened."""

    @abstractmethod
    def violations(self) -> list[str]:
        """What the fake found wrong with the program's requests."""

    async def command(self, who: Person, room: str) -> bool:  # noqa: ARG002 - not every platform has it
        """Somebody uses the platform's own kind of command; False where it has none."""
        return False

    def killed(self) -> None:  # noqa: B027 - not every platform has to know
        """The program is being killed now."""

    def allowed(self) -> int:
        """How many answers may be there twice because nobody could tell whether they were."""
        return 0

    def private(self) -> Sequence[str]:
        """The strangers' own places."""
        return ()

    # ---- what they share

    @property
    def session(self) -> aiohttp.ClientSession:
        """Posts to the program."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    async def leave(self) -> None:
        """Stop, and let go of everything."""
        if self._session is not None:
            await self._session.close()
        await self.close()

    @property
    def rooms(self) -> list[str]:
        """The channels in which the bot is to answer."""
        return [room.id for room in self.plan.rooms if room.listen is not Listen.OFF]

    def words(self, who: Person) -> tuple[str, str]:
        """Something to say, and the mark of its answer, if it will have one."""
        self._marks += 1
        choice = self._marks % 3
        if choice == 0 and self._wishes[who.user] < _WISHES:
            self._wishes[who.user] += 1
            mark = f"zq{self._marks:06d}"
            return f"remind me in 9 hours to see to {mark} {self.chance.choice(TEMPTATIONS)}", mark
        if choice == 1 and who.commands:
            mark = str(900_000 + self._marks)
            return f"!schedule show {mark}", mark
        return "what is scheduled?" if who.commands else "hello", ""

    def number(self) -> int:
        """A number that nothing else has."""
        self._marks += 1
        return 900_000 + self._marks

    def ask(
        self,
        place: str,
        mark: str = "",
        *,
        promised: bool = True,
        may_repeat: bool = False,
        or_place: str = "",
    ) -> Utterance:
        """Note that something is asked whose answer belongs there: see `Utterance`."""
        asked = Utterance(
            place, mark=mark, promised=promised, may_repeat=may_repeat, or_place=or_place
        )
        self.asked.append(asked)
        return asked

    def expect(self, place: str, wants: Wants) -> None:
        """Note that something is said which is not to be answered."""
        self.asked.append(Utterance(place, wants))

    async def annoyance(self) -> None:
        """The next thing that is none of the bot's business."""
        kind = self.kinds[self._annoyances % len(self.kinds)]
        number, self._annoyances = self._annoyances, self._annoyances + 1
        await self.annoy(kind, number)

    def has_answer(self, asked: Utterance) -> bool:
        """Whether what was said there was answered by now."""
        if asked.mark:
            return any(asked.mark in one.text for one in self.shown())
        here = [one for one in self.asked if one.place == asked.place and one.wants is Wants.ANSWER]
        return sum(one.place == asked.place for one in self.shown()) >= len(here)

    def counted(self) -> Count:
        """What became of everything so far."""
        return tally(self.asked, self.shown(), allowed=self.allowed(), private=self.private())

    def outcome(self) -> PlatformResult:
        """How it fared."""
        found = self.violations()
        leaks = [words for words in found if any(leak in words for leak in _LEAKS)]
        return PlatformResult(
            platform=self.plan.platform,
            transport=self.transport,
            count=self.counted(),
            leaks=tuple(leaks),
            refused=tuple(words for words in found if words not in leaks),
            acknowledged=tuple(self.acks),
            deadline=self.deadline,
        )

    def timed(self) -> "Watch":
        """Times one delivery."""
        return Watch(self.acks)

    def pauses(self) -> Iterator[float]:
        """Seconds before each further delivery of what was not acknowledged."""
        pause = 0.05
        while True:
            yield pause * self.chance.uniform(0.8, 1.2)
            pause = min(pause * 1.5, 0.5)


class Watch:
    """Takes the time from its making."""

    def __init__(self, into: list[float]) -> None:
        """Begin now; add to `into`."""
        self._began = time.monotonic()
        self._into = into

    def stop(self) -> None:
        """It ended now."""
        self._into.append(time.monotonic() - self._began)
