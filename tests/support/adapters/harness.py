"""What the contract suite needs of a platform, in words that are the same for all of them.

A harness makes the platform's own payloads and hands them to the adapter's own parser or listener,
opens the adapter's own `ChatPort` against the platform's fake, and reads back what people see there.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from runtime.ids import Platform
from runtime.model.address import Principal, ThreadRef
from runtime.model.events import Inbound, Parsed
from runtime.model.files import OutFile
from runtime.ports import ChatPort, FetchesFiles
from tests.support.clock import ManualClock

FILE_BYTES = b"name,count\nbackup,3\n"
"""The file that a person sends."""


class Kind(StrEnum):
    """What can come in."""

    MESSAGE = "a message in a channel"
    MENTION = "a message that names the bot"
    THREAD_REPLY = "a reply in a thread"
    DIRECT = "a direct message"
    COMMAND = "a command"
    BUTTON = "a button"
    FORM = "a form that was filled in"
    FILE = "a file"
    QUOTED = "a message with text of somebody else"
    EDIT = "an edited message"
    DELETE = "a deleted message"
    JOIN = "a person who joins"
    BOT_REMOVED = "the bot is taken out of a channel"
    BOT = "a message of a bot"
    UNKNOWN = "an event of an unknown kind"
    BARE = "a direct message with nothing that is optional"


class Trouble(StrEnum):
    """What can go wrong with a request."""

    RATE = "told to wait"
    SERVER = "an answer of 5xx"
    GARBAGE = "an answer that cannot be read"
    CUT_BEFORE = "cut before the effect"
    CUT_AFTER = "cut after the effect"
    REFUSED = "refused for good"


class Act(StrEnum):
    """What a request is to do."""

    POST = "a new message"
    EDIT = "a changed message"
    PRIVATE = "a private answer"
    DRAFT = "the beginning of an answer"
    GROW = "more of an answer"
    LOOK = "a look whether a message is there"


WAIT = 7.0
"""Seconds that `Trouble.RATE` asks to wait."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What the platform sends.

    Attributes:
        route: where it comes in; a word of the harness.
        body: what: JSON, or the lines that are typed.
    """

    route: str
    body: Any


@dataclass(frozen=True, slots=True)
class Seen:
    """A message of the bot that somebody sees.

    Attributes:
        id: the platform's id; empty where it shows none.
        channel: the id of the channel.
        root: the root of the thread that it stands in, or empty.
        text: what it says, in the platform's own markup.
        buttons: their labels.
        files: names and bytes.
        only_for: the id of the only person who sees it, or empty.
    """

    id: str
    channel: str
    root: str
    text: str
    buttons: tuple[str, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    only_for: str = ""


@dataclass(frozen=True, slots=True)
class Absent:
    """What a platform does not have.

    Attributes:
        why: a sentence, which `docs/adapters.md` shows.
        instead: what people use in its place, or None.
    """

    why: str
    instead: Kind | None = None


class Missing(Exception):
    """The platform has no such thing."""


class Harness(ABC):
    """A platform under test.

    Attributes:
        platform: its name.
        exceptions: rules that the adapter does not keep, each with the reason.
        differences: rules that it keeps with a difference, each with what that is.
        absent: events that the platform does not have.
        spared: what cannot go wrong there, each with the reason.
        grows: whether it shows an answer while it grows.
    """

    platform: ClassVar[Platform]
    exceptions: ClassVar[Mapping[str, str]] = {}
    differences: ClassVar[Mapping[str, str]] = {}
    absent: ClassVar[Mapping[Kind, Absent]] = {}
    spared: ClassVar[Mapping[Trouble, str]] = {}
    grows: ClassVar[bool] = True

    def __init__(self, clock: ManualClock, folder: Path) -> None:
        self.clock = clock
        self.folder = folder

    @abstractmethod
    async def start(self) -> None:
        """Begin: the fake listens, the chat is open."""

    @abstractmethod
    async def stop(self) -> None:
        """End both."""

    @abstractmethod
    async def restart(self) -> None:
        """Open the chat anew, as the next life of the process does: it remembers nothing."""

    # ---- who and where

    @property
    @abstractmethod
    def chat(self) -> ChatPort:
        """The outbound side."""

    @property
    @abstractmethod
    def channel(self) -> ThreadRef:
        """A channel that the team uses."""

    @property
    @abstractmethod
    def people(self) -> Sequence[Principal]:
        """Who can speak there; the first is the one who does."""

    @property
    @abstractmethod
    def secrets(self) -> Sequence[str]:
        """What must never be told."""

    @property
    def person(self) -> Principal:
        """The one who speaks."""
        return self.people[0]

    @property
    def files(self) -> FetchesFiles | None:
        """Fetches the files that people send, where there are any."""
        return None

    # ---- inbound

    async def payload(
        self, kind: Kind, text: str = "", *, thread: ThreadRef | None = None, user: str = ""
    ) -> Payload:
        """What the platform sends when that happens.

        Args:
            kind: what happens.
            text: what is said.
            thread: the thread of a reply.
            user: who does it; the first of `people` where it is empty.

        Raises:
            Missing: it cannot happen there.
        """
        if kind in self.absent:
            raise Missing(self.absent[kind].why)
        return await self._payload(kind, text, thread or self.channel, user or self.person.user)

    @abstractmethod
    async def _payload(self, kind: Kind, text: str, thread: ThreadRef, user: str) -> Payload:
        """The same, for what can happen."""

    @abstractmethod
    async def press(self, seen: Seen, label: str, *, user: str = "") -> Payload:
        """Somebody presses a button of a message."""

    @abstractmethod
    async def take(self, payload: Payload) -> list[Parsed]:
        """Hand it to the adapter; what it means. What a listener drops is missing.

        Raises:
            Malformed: the adapter refuses it.
        """

    def deliveries(self, payload: Payload) -> Sequence[Payload]:
        """The ways in which the platform may deliver the very same thing."""
        return (payload, payload)

    async def event(
        self,
        kind: Kind,
        text: str = "",
        *,
        thread: ThreadRef | None = None,
        user: str = "",
    ) -> Inbound:
        """What happens means exactly one event: that."""
        [parsed] = await self.take(await self.payload(kind, text, thread=thread, user=user))
        assert isinstance(parsed, Inbound), parsed
        return parsed

    # ---- outbound

    @abstractmethod
    def seen(self) -> list[Seen]:
        """What people see of the bot now, oldest first."""

    @abstractmethod
    def growth(self) -> list[str]:
        """What was shown of answers while they grew."""

    @abstractmethod
    def fail(self, trouble: Trouble, act: Act = Act.POST) -> None:
        """Let the next request of that kind go wrong.

        Raises:
            Missing: that cannot happen there.
        """

    @abstractmethod
    def requests(self) -> list[tuple[str, Any]]:
        """Every request so far, in order: what it is called, and what it says."""

    @abstractmethod
    def changes(self) -> int:
        """How many of them change something that people see."""

    @abstractmethod
    def breaches(self) -> list[str]:
        """What the strict fake, and the rule against pings and previews, have against them."""

    def copies(self, trouble: Trouble, act: Act) -> int:
        """How many copies people may see at the most after that."""
        return 1

    def shown(self, text: str) -> list[Seen]:
        """The messages that say that, among other things."""
        return [seen for seen in self.seen() if text in seen.text]


async def bytes_of(file: OutFile) -> bytes:
    """The bytes of a file that goes out."""
    return f"<{file.id}>".encode().ljust(file.size, b".")


class Background:
    """A listener that runs beside a test, which pytest's fixtures cannot hold in a task group."""

    def __init__(self, run: Callable[[], Awaitable[None]]) -> None:
        async def running() -> None:
            await run()

        self._task = asyncio.create_task(running())

    async def stop(self) -> None:
        """End it."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled() and (error := self._task.exception()) is not None:
            raise error
