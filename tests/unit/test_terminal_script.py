"""The terminal without a person: lines in, a transcript out."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from adapters.terminal.lines import LineReader
from adapters.terminal.listener import TerminalListener
from adapters.terminal.outbound import TerminalChat
from adapters.terminal.terminal import Terminal, open_terminal
from runtime.errors import StorageDamaged
from runtime.ids import TimeOrderedIds
from runtime.model.events import Inbound, Message
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.terminal_desk import RULES, Desk

ROOT = Path(__file__).parents[2]
DESK = [sys.executable, "-m", "tests.support.terminal_desk"]

_Feed = Callable[[bytes], None]


def transcript(script: bytes, *arguments: str) -> str:
    done = subprocess.run(
        [*DESK, *arguments], input=script, cwd=ROOT, capture_output=True, check=False, timeout=90
    )
    assert done.stderr == b""
    assert done.returncode == 0
    return done.stdout.decode()


def test_a_script_makes_a_transcript_and_ends_with_it() -> None:
    script = (
        "hello\n\n/schedule list\n/join #ops\n@desk what now?\n/thread 1\nmore\n/rooms\n/dm\nbye"
    )
    text = transcript(script.encode())
    (root,) = {line.strip(" in*") for line in text.splitlines() if line.startswith("  in **0")}
    assert text.replace(root, "ROOT") == (
        "you · dm: hello\n"
        "desk · dm: You said: hello\n"
        "  in **the room**\n"
        "you · dm: /schedule list\n"
        "desk · dm: No command `schedule list`.\n"
        "> /join #ops\n"
        "-- You are in #ops. desk answers where you name it, @desk, and in its threads. Agents post here.\n"
        "you · #ops [1]: @desk what now?\n"
        "desk · #ops [1]: You said: what now?\n"
        "  in **ROOT**\n"
        "> /thread 1\n"
        "-- You are in #ops [1] “what now?”. /back closes the thread.\n"
        "you · #ops [1]: more\n"
        "desk · #ops [1]: You said: more\n"
        "  in **ROOT**\n"
        "> /rooms\n"
        "-- dm: desk answers every message.\n"
        "-- #ops: desk answers where you name it, @desk, and in its threads. Agents post here.\n"
        "-- #ops [1] “what now?”\n"
        "-- You are in #ops [1].\n"
        "> /dm\n"
        "-- You are in dm. desk answers every message.\n"
        "you · dm: bye\n"
        "desk · dm: You said: bye\n"
        "  in **the room**\n"
    )


def test_buttons_are_pressed_by_their_number() -> None:
    assert transcript(b"/ask\n2\n2\n") == (
        "you · dm: /ask\n"
        "desk · dm: Delete the old backups?\n"
        "  [1] Approve   [2] Deny\n"
        "you · dm: [2] Deny\n"
        "desk · dm: deny a1\n"
        "you · dm: 2\n"
        "desk · dm: You said: 2\n"
        "  in **the room**\n"
    )


def test_a_thread_keeps_its_number_over_a_restart(tmp_path: Path) -> None:
    first = transcript(b"/brief\n", str(tmp_path))
    assert "\ndesk · #ops [1]: # Morning briefing\n" in first
    again = transcript(b"/thread 1\nwhy?\n/join ops\n@desk new\n", str(tmp_path))
    assert "you · #ops [1]: why?\n" in again
    assert "you · #ops [2]: @desk new\n" in again


def test_no_escape_reaches_a_pipe() -> None:
    text = transcript(b"/brief\nhow\x1b[31m \xff\xfe?\n")
    assert "\x1b" not in text
    assert "you · dm: how␛[31m \ufffd\ufffd?\n" in text


def test_what_goes_wrong_is_said_and_the_rest_goes_on() -> None:
    script = b"full\nrefuse\n/join attic\n" + b"x" * 20_000 + b"\nhello\n"
    lines = transcript(script).splitlines()
    assert "-- The disk is full, so that was not stored. Make room, then say it again." in lines
    assert "-- That is not possible. Ask for something else." in lines
    assert "-- There is no room attic. There are: dm, #ops." in lines
    assert any(line.startswith("-- That line has 16,001 characters") for line in lines)
    assert lines[-2] == "desk · dm: You said: hello"


def test_quit_ends_it_before_the_end_of_input() -> None:
    assert transcript(b"/quit\nnever\n") == "> /quit\n"


def test_help_names_what_the_terminal_does_itself() -> None:
    assert "/join #room, /dm, /thread number, /back, /rooms, /quit." in transcript(b"/help\n")


def test_help_explains_what_the_terminal_does_itself() -> None:
    assert transcript(b"/help quit\n") == ("> /help quit\n-- /quit: leave (Ctrl-D does it too).\n")


def test_a_file_serves_as_input(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_bytes(b"\xef\xbb\xbfhello\r\nbye\r\n")
    with script.open("rb") as source:
        done = subprocess.run(
            DESK, stdin=source, cwd=ROOT, capture_output=True, check=True, timeout=90
        )
    assert done.stdout.startswith("you · dm: hello\ndesk".encode())


def test_it_ends_when_nobody_reads_the_output() -> None:
    # The writing side stays open, so only the closed output can end it.
    with subprocess.Popen(
        DESK, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as desk:
        assert desk.stdin
        assert desk.stdout
        assert desk.stderr
        desk.stdin.write(b"hello\n")
        desk.stdin.flush()
        assert desk.stdout.readline() == "you · dm: hello\n".encode()
        desk.stdout.close()
        desk.stdin.write(b"again\nand again\n")
        desk.stdin.flush()
        assert desk.wait(timeout=90) == 0
        assert desk.stderr.read() == b""


def test_a_script_imports_neither_prompt_toolkit_nor_rich() -> None:
    program = (
        "import asyncio, sys\n"
        "from tests.support.terminal_desk import talk\n"
        "asyncio.run(talk(None))\n"
        "assert not {'prompt_toolkit', 'rich', 'markdown_it'} & set(sys.modules)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program], input=b"hello\n", cwd=ROOT, check=True, timeout=90
    )


@pytest.fixture
def pipe() -> Iterator[tuple[int, _Feed]]:
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as end:  # noqa: PTH123 - a descriptor

        def feed(data: bytes) -> None:
            if data:
                end.write(data)
            else:
                end.close()

        yield reading, feed
    os.close(reading)


class Talk:
    """A listener on a pipe, over a desk of this process."""

    def __init__(self, source: int) -> None:
        clock = ManualClock()
        self.ids = TimeOrderedIds(clock)
        self.out = StringIO()
        with Path(os.devnull).open(encoding="utf-8") as nothing:
            self.chat: TerminalChat = open_terminal(
                stdin=nothing, stdout=self.out, ids=self.ids, rules=RULES
            ).chat
        self.desk = Desk(self.chat, clock.now, stream=False)
        self.listener = TerminalListener(
            Terminal(chat=self.chat, keyboard=None, source=source),
            accept=self.desk.accept,
            idle=self.desk.idle,
            ids=self.ids,
            clock=clock,
        )


async def test_the_next_line_is_read_only_once_the_last_one_is_answered(
    pipe: tuple[int, _Feed],
) -> None:
    source, feed = pipe
    talk = Talk(source)
    feed(b"one\ntwo\n")
    feed(b"")
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(talk.listener.run())
        await eventually(lambda: talk.desk.heard, "the first line")
        await asyncio.wait({listening}, timeout=0.02)
        assert [e.body.text for e in talk.desk.heard if isinstance(e.body, Message)] == ["one"]
        serving = group.create_task(talk.desk.serve())
        await listening
        serving.cancel()
    assert [line for line in talk.out.getvalue().splitlines() if "·" in line] == [
        "you · dm: one",
        "desk · dm: You said: one",
        "you · dm: two",
        "desk · dm: You said: two",
    ]


async def test_the_same_line_twice_is_two_events(pipe: tuple[int, _Feed]) -> None:
    source, feed = pipe
    talk = Talk(source)
    heard: list[Inbound] = []

    async def accept(inbound: Inbound) -> None:
        heard.append(inbound)

    talk.listener._accept = accept
    feed(b"yes\nyes\n")
    feed(b"")
    await talk.listener.run()
    assert len({inbound.event_key for inbound in heard}) == 2


async def test_what_no_person_can_help_ends_the_listener(pipe: tuple[int, _Feed]) -> None:
    source, feed = pipe
    talk = Talk(source)

    async def accept(inbound: Inbound) -> None:
        raise StorageDamaged(inbound.event_key)

    talk.listener._accept = accept
    feed(b"hello\n")
    with pytest.raises(StorageDamaged):
        await talk.listener.run()


async def test_it_can_be_cancelled_while_it_waits_for_input(pipe: tuple[int, _Feed]) -> None:
    source, feed = pipe
    talk = Talk(source)
    async with asyncio.TaskGroup() as group:
        group.create_task(talk.desk.serve()).cancel()
        listening = group.create_task(talk.listener.run())
        feed(b"/rooms\n")
        await eventually(lambda: "-- You are in dm." in talk.out.getvalue(), "the answer")
        listening.cancel()
    assert listening.cancelled()


async def test_it_ends_while_waiting_for_input_once_nobody_reads_the_output(
    pipe: tuple[int, _Feed],
) -> None:
    source, _ = pipe
    talk = Talk(source)
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(talk.listener.run())
        talk.chat.screen.gone.set()
        await asyncio.wait_for(listening, 45)


async def test_lines_come_whole_however_the_bytes_arrive(pipe: tuple[int, _Feed]) -> None:
    source, feed = pipe
    async with LineReader(source, longest=10) as lines:
        feed("grü".encode()[:3])
        asyncio.get_running_loop().call_later(0.01, feed, "grü".encode()[3:] + b"n\n\r\nlast")
        assert await lines.next() == "grün"
        assert await lines.next() == ""
        feed(b"")
        assert await lines.next() == "last"
        assert await lines.next() is None


async def test_of_an_endless_line_only_the_beginning_is_kept(pipe: tuple[int, _Feed]) -> None:
    source, feed = pipe
    async with LineReader(source, longest=10) as lines:
        for _ in range(5):
            feed(b"x" * 60_000)
            await lines._more()
            assert len(lines._text) < 70_000 + 60_000
        feed(b"\nshort\n")
        assert await lines.next() == "x" * 11
        assert await lines.next() == "short"
