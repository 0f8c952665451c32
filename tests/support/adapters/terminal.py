"""The terminal: lines through a pipe to the real listener, and a transcript."""

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

from adapters.terminal.listener import TerminalListener
from adapters.terminal.outbound import TerminalChat
from adapters.terminal.rooms import PLATFORM, WORKSPACE, place_of
from adapters.terminal.terminal import Terminal, open_terminal
from runtime.ids import AgentName, Platform, TimeOrderedIds
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.events import Inbound, Parsed
from runtime.model.team import ChannelRule, Listen
from tests.support.adapters import quiet
from tests.support.adapters.harness import (
    Absent,
    Act,
    Background,
    Harness,
    Kind,
    Missing,
    Payload,
    Seen,
    Trouble,
    bytes_of,
)
from tests.support.clock import ManualClock

_RULE = ChannelRule(
    ref=ChannelRef(PLATFORM, WORKSPACE, "ops"),
    name="ops",
    listen=Listen.ALL,
    proactive=True,
    agent=AgentName("desk"),
)
_FIRST = re.compile(r"(\S+) · (dm|#\w+)(?: \[(\d+)\])?( \(only you see this\))?: ?(.*)")
_BUTTONS = re.compile(r"\[\d+\] .+")
_COPY = re.compile(r"- file: `(.*)`")
_ONE_PERSON = "One person types at a terminal"
_NO_NETWORK = "There is no network between."


class Transcript(StringIO):
    """What was printed, unless the paper is jammed."""

    jammed = False

    def write(self, text: str, /) -> int:
        if self.jammed:
            raise OSError(5, "Input/output error")
        return super().write(text)


class TerminalHarness(Harness):
    platform: ClassVar[Platform] = PLATFORM
    grows: ClassVar[bool] = False
    exceptions: ClassVar[Mapping[str, str]] = {
        "A03": "A line is typed once: nothing delivers it again.",
        "A12": "What is printed stays: a changed card is shown again below, under the same id.",
    }
    differences: ClassVar[Mapping[str, str]] = {
        "A09": "When the output is closed, what was not printed is printed by the next process.",
        "A10": "A pipe or a file shows an answer when it is whole; a person's screen shows it grow.",
        "A14": "A file that goes out is copied into a folder, and its place is printed.",
        "A11": "The numbers of buttons end with the process that printed them.",
    }
    absent: ClassVar[Mapping[Kind, Absent]] = {
        Kind.FORM: Absent(
            "A terminal has no forms: a command without its words is answered with its usage.",
            Kind.COMMAND,
        ),
        Kind.FILE: Absent("A terminal has no files: a path is typed as text.", Kind.MESSAGE),
        Kind.QUOTED: Absent(f"{_ONE_PERSON}: what is pasted was typed.", Kind.MESSAGE),
        Kind.EDIT: Absent("What was typed stays: a correction is a new line.", Kind.MESSAGE),
        Kind.DELETE: Absent("What was typed stays.", None),
        Kind.JOIN: Absent(f"{_ONE_PERSON}: nobody joins.", None),
        Kind.BOT_REMOVED: Absent("The program is the terminal: nobody takes it out.", None),
        Kind.BOT: Absent(f"{_ONE_PERSON}: there are no bots.", None),
        Kind.UNKNOWN: Absent("A line that is no command is a message.", Kind.MESSAGE),
    }
    spared: ClassVar[Mapping[Trouble, str]] = {
        Trouble.RATE: _NO_NETWORK,
        Trouble.SERVER: _NO_NETWORK,
        Trouble.GARBAGE: _NO_NETWORK,
        Trouble.CUT_AFTER: "Printing is one step; a crash behind it prints once more.",
        Trouble.REFUSED: "A terminal refuses only what is for somebody else.",
    }

    def __init__(self, clock: ManualClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self._pages: list[Transcript] = []
        self._heard: list[Inbound] = []
        self._settled = asyncio.Event()

    async def start(self) -> None:
        self._open()

    def _open(self) -> None:
        read, self._write = os.pipe()
        self._stdin = os.fdopen(read)
        self._pages.append(Transcript())
        ids = TimeOrderedIds(self.clock)
        self._terminal: Terminal = open_terminal(
            stdin=self._stdin,
            stdout=self._pages[-1],
            ids=ids,
            rules=(_RULE,),
            data=self.folder,
            read=bytes_of,
        )
        listener = TerminalListener(
            self._terminal, accept=self._accept, idle=self._idle, ids=ids, clock=self.clock
        )
        self._listening = Background(listener.run)

    async def _accept(self, inbound: Inbound) -> None:
        self._heard.append(inbound)

    async def _idle(self) -> None:
        self._settled.set()

    async def stop(self) -> None:
        os.close(self._write)
        await self._listening.stop()
        self._stdin.close()

    async def restart(self) -> None:
        await self.stop()
        self._open()

    @property
    def chat(self) -> TerminalChat:
        return self._terminal.chat

    @property
    def channel(self) -> ThreadRef:
        return place_of("ops")

    @property
    def people(self) -> Sequence[Principal]:
        return (Principal(PLATFORM, WORKSPACE, "you"),)

    @property
    def secrets(self) -> Sequence[str]:
        return ()

    # ---- inbound

    async def _payload(self, kind: Kind, text: str, thread: ThreadRef, user: str) -> Payload:
        match kind:
            case Kind.MENTION:
                return Payload("line", ["/join #ops", f"@desk {text}"])
            case Kind.THREAD_REPLY:
                number, _ = self.chat.board.number(thread)
                return Payload("line", ["/join #ops", f"/thread {number}", text])
            case Kind.DIRECT | Kind.BARE:
                return Payload("line", ["/dm", text])
            case Kind.COMMAND:
                return Payload("line", ["/join #ops", f"/{text}"])
            case _:
                return Payload("line", ["/join #ops", text])

    async def press(self, seen: Seen, label: str, *, user: str = "") -> Payload:
        [number] = re.findall(rf"\[(\d+)\] {re.escape(label)}", self._pages[-1].getvalue())
        return Payload("line", [f"press {number}"])

    async def take(self, payload: Payload) -> list[Parsed]:
        before = len(self._heard)
        for line in payload.body:
            self._settled.clear()
            os.write(self._write, line.replace("\n", " ").encode("utf-8", "replace") + b"\n")
            async with asyncio.timeout(45):
                await self._settled.wait()
        return [*self._heard[before:]]

    # ---- outbound

    def seen(self) -> list[Seen]:
        """The blocks of the transcript that the agent said."""
        blocks: list[tuple[re.Match[str], list[str]]] = []
        for line in "".join(page.getvalue() for page in self._pages).splitlines():
            if found := _FIRST.fullmatch(line):
                blocks.append((found, [found[5]]))
            elif blocks and line.startswith("  "):
                blocks[-1][1].append(line[2:])
        return [self._seen(found, lines) for found, lines in blocks if found[1] == "desk"]

    def _seen(self, found: re.Match[str], lines: list[str]) -> Seen:
        room, number, private = found[2].removeprefix("#"), found[3], found[4]
        buttons = lines.pop() if _BUTTONS.fullmatch(lines[-1]) else ""
        copies = [place[1] for line in lines if (place := _COPY.fullmatch(line))]
        threads = self.chat.board.threads
        root = threads[int(number)].root if number and int(number) in threads else ""
        return Seen(
            id="",
            channel=room,
            root=root,
            text="\n".join(lines),
            files=tuple((Path(path).name, Path(path).read_bytes()) for path in copies),
            buttons=tuple(part.partition("] ")[2] for part in buttons.split("   ") if part),
            only_for="you" if private or room == "dm" else "",
        )

    def growth(self) -> list[str]:
        return []

    def fail(self, trouble: Trouble, act: Act = Act.POST) -> None:
        if trouble in self.spared:
            raise Missing(self.spared[trouble])
        self._pages[-1].jammed = True

    def requests(self) -> list[tuple[str, Any]]:
        return [("printed", {"text": page.getvalue()}) for page in self._pages]

    def changes(self) -> int:
        return sum(len(page.getvalue()) for page in self._pages)

    def breaches(self) -> list[str]:
        return [why for name, said in self.requests() for why in quiet.terminal(name, said)]
