"""The terminal with a person at it."""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from adapters.terminal.completion import FormCompleter
from adapters.terminal.inbound import LOCAL_FORMS
from adapters.terminal.journal import Journal
from adapters.terminal.listener import TerminalListener
from adapters.terminal.live import LiveScreen
from adapters.terminal.outbound import TerminalChat
from adapters.terminal.rooms import PLATFORM, WORKSPACE, Board, place_of
from adapters.terminal.screen import Said
from adapters.terminal.terminal import Terminal
from runtime.ids import (
    AgentName,
    ConversationId,
    MessageId,
    OutboxId,
    TimeOrderedIds,
    TurnId,
)
from runtime.model.address import Principal, ThreadRef, key_of
from runtime.model.conversation import Conversation, Entry, Role
from runtime.model.events import Inbound
from runtime.model.messages import Button, Content
from runtime.model.outbox import OutboxItem
from runtime.ports import Conversations
from tests.support.clock import START, ManualClock
from tests.support.eventually import eventually
from tests.support.terminal_desk import BRIEFING, FORMS, RULES, Desk

YOU = Principal(PLATFORM, WORKSPACE, "you")
DM = place_of("dm")
CTRL_C, CTRL_D, UP, ESC_ENTER = "\x03", "\x04", "\x1b[A", "\x1b\r"


class Glass(StringIO):
    """What a terminal was sent. It answers where its cursor is, as a terminal does."""

    def __init__(self, keys: PipeInput) -> None:
        super().__init__()
        self._keys = keys

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if "\x1b[6n" in text:
            self._keys.send_text("\x1b[1;1R")
        return super().write(text)


class Talk:
    """A person at a terminal of 80 columns, over a desk of this process."""

    def __init__(
        self,
        keys: PipeInput,
        *,
        data: Path | None = None,
        offline: str = "",
        past: Conversations | None = None,
    ) -> None:
        clock = ManualClock()
        ids = TimeOrderedIds(clock)
        self.out = Glass(keys)
        board = Board(RULES)
        self.keys = keys
        self.screen = LiveScreen(
            board,
            forms={**FORMS, **LOCAL_FORMS},
            history=data / "history" if data else None,
            zone=ZoneInfo("Europe/Berlin"),
            hint="the hint",
            source=keys,
            output=Vt100_Output(self.out, lambda: Size(rows=30, columns=80), term="xterm"),
        )
        self.chat = TerminalChat(board=board, screen=self.screen, journal=Journal(None), ids=ids)
        self.desk = Desk(self.chat, clock.now, stream=False)
        self.listener = TerminalListener(
            Terminal(chat=self.chat, keyboard=self.screen, source=-1),
            accept=self.desk.accept,
            idle=self.desk.idle,
            ids=ids,
            clock=clock,
            offline_notice=offline,
            conversations=past,
        )

    @property
    def seen(self) -> str:
        """Everything that was drawn, without colours and movements."""
        return re.sub(
            r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>])", "", self.out.getvalue()
        ).replace("\r", "")

    async def until(self, text: str) -> None:
        await eventually(lambda: text in self.seen, f"{text!r} on the screen")

    async def type(self, *lines: str) -> None:
        """Type each line once the one before was taken."""
        for line in lines:
            await self._type(line)

    async def _type(self, line: str) -> None:
        heard = len(self.desk.heard)
        self.keys.send_text(f"{line}\r")
        await eventually(lambda: len(self.desk.heard) > heard, line)


@asynccontextmanager
async def talking(
    *, data: Path | None = None, offline: str = "", past: Conversations | None = None
) -> AsyncIterator[Talk]:
    """A talk that is under way and ends with Ctrl-D."""
    with create_pipe_input() as keys:
        talk = Talk(keys, data=data, offline=offline, past=past)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(talk.desk.serve())
            listening = group.create_task(talk.listener.run())
            await talk.until("dm >")
            yield talk
            if not listening.done():
                keys.send_text(CTRL_D)
            await asyncio.wait_for(listening, 45)
            serving.cancel()


def item(text: str, *, name: str = "o1", root: str = "", channel: str = "dm") -> OutboxItem:
    return OutboxItem(
        id=OutboxId(name),
        thread=place_of(channel, root),
        content=Content(text),
        proactive=False,
        not_before=START,
        created_at=START,
    )


async def test_the_welcome_says_who_answers_where_one_is_and_how_to_leave() -> None:
    async with talking(offline="No model is connected.") as talk:
        welcome = talk.seen.split("dm >")[0].strip().splitlines()
        assert len(welcome) <= 4
        assert "direct message with desk" in welcome[0]
        assert "No model is connected." in welcome[1]
        assert welcome[-1].startswith("Say hello to begin.")
        assert "/help" in welcome[-1]
        assert "Ctrl-D leaves" in welcome[-1]
        await talk.until("the hint")


async def test_a_question_and_its_answer_stand_under_each_other() -> None:
    async with talking() as talk:
        await talk.type("hello")
        await talk.until("You said: hello")
        text = talk.seen
        assert text.index("you · dm\n  hello") < text.index("desk · dm · 09:00\n  You said: hello")


async def test_ctrl_c_clears_the_line_and_twice_leaves() -> None:
    async with talking() as talk:
        talk.keys.send_text("half a thought" + CTRL_C)
        await talk.until("Ctrl-C once more")
        await talk.type("hello")
        talk.keys.send_text(CTRL_C)
        await eventually(lambda: talk.seen.count("Ctrl-C once more") == 2)
        talk.keys.send_text(CTRL_C)
        await eventually(lambda: not talk.screen._app.is_running)
    assert [str(getattr(e.body, "text", "")) for e in talk.desk.heard] == ["hello"]


async def test_tab_completes_word_by_word() -> None:
    async with talking() as talk:
        line = talk.screen._session.default_buffer

        async def complete(keys: str, becomes: str) -> None:
            def offered() -> bool:
                state = line.complete_state
                return state is not None and state.original_document.text.endswith(keys)

            talk.keys.send_text(keys)
            await eventually(offered, "the menu")
            talk.keys.send_text("\t")
            await eventually(lambda: line.text == becomes, becomes)

        await complete("/sch", "/schedule")
        await complete(" l", "/schedule list")
        await talk.type("")
        assert getattr(talk.desk.heard[0].body, "text", "") == "schedule list"


async def test_escape_enter_makes_a_message_of_several_lines() -> None:
    async with talking() as talk:
        await talk.type(f"one{ESC_ENTER}two")
        assert getattr(talk.desk.heard[0].body, "text", "") == "one\ntwo"


async def test_what_was_typed_comes_back_after_a_restart(tmp_path: Path) -> None:
    async with talking(data=tmp_path) as talk:
        await talk.type("/schedule list")
    assert (tmp_path / "history").stat().st_mode & 0o077 == 0
    async with talking(data=tmp_path) as talk:
        await talk.type(UP)
        assert getattr(talk.desk.heard[0].body, "text", "") == "schedule list"


async def test_bytes_that_are_no_text_reach_neither_history_nor_desk(tmp_path: Path) -> None:
    async with talking(data=tmp_path) as talk:
        talk.keys.send_bytes(b"gr\xfc\xdfe\r")
        await eventually(lambda: talk.desk.heard)
    assert getattr(talk.desk.heard[0].body, "text", "") == "gr\ufffd\ufffde"
    assert "gr\ufffd\ufffde" in (tmp_path / "history").read_text("utf-8")


async def test_an_overgrown_history_is_cut_between_entries(tmp_path: Path) -> None:
    entries = [f"\n# 2026-01-05 09:00:00\n+line {n} {'x' * 80}\n" for n in range(5_000)]
    (tmp_path / "history").write_text("".join(entries))
    async with talking(data=tmp_path) as talk:
        await talk.type(UP)
        assert str(getattr(talk.desk.heard[0].body, "text", "")).startswith("line 4999 x")
    kept = (tmp_path / "history").read_text()
    assert len(kept) < 257_000
    assert kept.startswith("\n# 2026")


async def test_a_draft_grows_above_the_input_line_and_becomes_the_message() -> None:
    async with talking() as talk:
        draft = await talk.chat.begin_draft(DM, requester=YOU, text="…")
        assert draft
        await talk.chat.grow_draft(DM, draft, "The answer is for\x1b[31mty")
        await talk.until("The answer is for␛[31mty")
        await talk.chat.send(replace(item("The answer is **forty-two**."), draft=draft))
        await talk.until("The answer is forty-two.")
        assert talk.screen._drafts == {}


async def test_a_long_draft_shows_its_end() -> None:
    async with talking() as talk:
        talk.screen.draft(DM, "\n".join(f"line {n}" for n in range(100)))
        await talk.until("line 99")
        assert "line 92" in talk.seen
        assert "line 91" not in talk.seen


async def test_nobody_elses_answer_grows_here() -> None:
    async with talking() as talk:
        stranger = replace(YOU, user="them")
        assert await talk.chat.begin_draft(DM, requester=stranger, text="…") is None


async def test_the_toolbar_says_that_the_agent_works_until_it_answered() -> None:
    async with talking() as talk:
        await talk.chat.status(DM, "is thinking…")
        await talk.until("dm: desk is thinking…")
        await talk.chat.send(item("done"))
        assert talk.screen._statuses == {}
        await talk.chat.status(DM, "is thinking…")
        await talk.chat.status(DM, "")
        assert talk.screen._statuses == {}


async def test_a_briefing_arrives_while_a_person_types_and_spoils_nothing() -> None:
    async with talking() as talk:
        talk.keys.send_text("half a th")
        await talk.until("half a th")
        briefing = replace(
            item("Good morning", channel="ops"), proactive=True, binds=ConversationId("c1")
        )
        await talk.chat.send(briefing)
        await talk.until("desk · #ops [1] · 09:00")
        await talk.type("ought")
        assert getattr(talk.desk.heard[0].body, "text", "") == "half a thought"


async def test_a_channel_teaches_how_its_threads_go_on() -> None:
    async with talking() as talk:
        talk.keys.send_text("/join #ops\r")
        await talk.until("You are in #ops.")
        await talk.type("@desk status?")
        await talk.until("/thread 1 goes on in it")
        await talk.type("@desk again?")
        await talk.until("#ops [2]")
        assert "/thread 2 goes on" not in talk.seen


async def test_buttons_are_drawn_with_their_numbers() -> None:
    async with talking() as talk:
        await talk.chat.send(
            replace(item("Sure?"), content=Content("Sure?", (Button("Yes [bold]", "yes", "1"),)))
        )
        await talk.until("[1] Yes [bold]")
        await talk.type("1")
        await talk.until("yes 1")


class Past:
    """What was said before, in the direct message and in the thread under `r1`."""

    def __init__(self) -> None:
        self.threads = {DM: ConversationId("c1"), place_of("ops", "r1"): ConversationId("c2")}
        said = Entry(role=Role.USER, text="", at=START, turn=TurnId("t1"))
        self.log = [
            said._replace(role=Role.SUMMARY, text="a summary"),
            *(said._replace(text=f"question {n}", by=key_of(YOU)) for n in range(6)),
            said._replace(text="an instruction"),
            said._replace(role=Role.TOOL, text="a tool's answer"),
            said._replace(role=Role.ASSISTANT, text=""),
            said._replace(role=Role.ASSISTANT, text="**the** answer"),
            said._replace(text="from elsewhere", by=key_of(replace(YOU, user="ann"))),
        ]

    async def bound(self, thread: ThreadRef) -> ConversationId | None:
        return self.threads.get(thread)

    async def bound_among(self, threads: Collection[ThreadRef]) -> dict[ThreadRef, ConversationId]:
        return {thread: self.threads[thread] for thread in threads if thread in self.threads}

    async def entries(self, conversation: ConversationId, *, limit: int = 200) -> list[Entry]:
        return self.log[-limit:] if conversation in self.threads.values() else []

    async def get(self, conversation: ConversationId) -> Conversation | None:
        return Conversation(
            id=conversation, agent=AgentName("desk"), created_at=START, title="An old briefing"
        )

    async def bind(self, thread: ThreadRef, agent: AgentName) -> ConversationId:
        raise NotImplementedError

    async def rebind(self, thread: ThreadRef, conversation: ConversationId) -> None:
        raise NotImplementedError

    async def create(
        self, conversation: ConversationId, agent: AgentName, *, opening: Sequence[Entry] = ()
    ) -> None:
        raise NotImplementedError

    async def earlier(self, thread: ThreadRef, *, limit: int = 10) -> list[Conversation]:
        raise NotImplementedError


async def test_a_person_who_comes_back_sees_where_they_left_off() -> None:
    async with talking(past=Past()) as talk:
        text = talk.seen
        assert "question 1" not in text
        assert "you · dm · earlier · 09:00\n  question 5\n" in text
        assert "desk · dm · earlier · 09:00\n  the answer\n" in text
        assert "ann · dm · earlier · 09:00\n  from elsewhere\n" in text
        for unsaid in ("a summary", "an instruction", "a tool's answer"):
            assert unsaid not in text


async def test_a_thread_from_before_a_restart_has_its_title_and_its_past() -> None:
    async with talking(past=Past()) as talk:
        talk.chat.board.restore(7, place_of("ops", "r1"))
        talk.keys.send_text("/rooms\r")
        await talk.until("#ops [7] “An old briefing”")
        talk.keys.send_text("/thread 7\r")
        await talk.until("desk · #ops [7] · earlier · 09:00\n  the answer")


class Unheard(Past):
    """Nothing was ever heard."""

    async def bound(self, thread: ThreadRef) -> ConversationId | None:
        return None


async def test_words_in_a_thread_that_nobody_has_are_said_to_reach_nobody() -> None:
    told = "In #ops: desk answers where you name it"
    async with talking(past=Unheard()) as talk:
        talk.chat.board.restore(7, place_of("ops", "r1"))
        talk.keys.send_text("/thread 7\r")
        await talk.type("hello")
        await talk.until(told)
        await talk.type("@desk hello")
        assert talk.seen.count(told) == 1


async def test_words_in_a_thread_that_an_agent_has_need_no_word_more() -> None:
    async with talking(past=Past()) as talk:
        talk.chat.board.restore(7, place_of("ops", "r1"))
        talk.keys.send_text("/thread 7\r")
        await talk.type("hello", "hello again")
        assert "In #ops:" not in talk.seen


async def drawn(text: str) -> tuple[str, str]:
    """How a text from a model is drawn: raw, and as a person sees it."""
    with create_pipe_input() as keys:
        talk = Talk(keys)
        talk.screen._app.output.flush()  # what the library sends first
        before = len(talk.out.getvalue())
        await talk.screen.say(Said(speaker="desk", place="dm", text=text))
        return talk.out.getvalue()[before:], talk.seen


async def test_markdown_is_drawn() -> None:
    _, seen = await drawn(BRIEFING)
    assert "\n  Morning briefing\n" in seen
    assert " • backup finished in 12 min" in seen
    assert "**" not in seen
    assert "```" not in seen
    assert 'print("hello")' in seen


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b]0;owned\x07", "␛]0;owned␇"),
        ("&#x202e;txt", "<U+202E>txt"),
        ("`\x1b[2J`", "␛[2J"),
        ("```\n\x1b[2J\n```", "␛[2J"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a <!channel> b", "a <!channel> b"),
        ("[bank](https://evil.example)", "bank (https://evil.example)"),
        ("![](https://evil.example/p.png)", "image (https://evil.example/p.png)"),
        ("[red]not markup[/red] :smile:", "[red]not markup[/red] :smile:"),
    ],
)
async def test_text_from_a_model_steers_nothing_and_hides_nothing(hostile: str, shown: str) -> None:
    raw, seen = await drawn(hostile)
    assert shown in seen
    assert set(re.findall(r"\x1b(?!\[[0-9;]*m)", raw)) == set()


async def test_a_line_break_is_a_line_break() -> None:
    _, seen = await drawn("one\ntwo")
    assert "  one\n  two\n" in seen


def completions(line: str, board: Board | None = None) -> list[str]:
    completer = FormCompleter({**FORMS, **LOCAL_FORMS}, board or Board(RULES))
    found = completer.get_completions(Document(line), CompleteEvent())
    return [completion.text for completion in found]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("/s", ["schedule", "status"]),
        ("!st", ["status"]),
        ("/schedule ", ["create", "list", "show"]),
        ("/schedule  l", ["list"]),
        ("/SCHEDULE L", ["list"]),
        ("/schedule create ", []),
        ("/join #", ["#ops"]),
        ("/join d", ["dm"]),
        ("ask @d", ["desk "]),
        ("hello", []),
        ("mail me@d", []),
    ],
)
def test_tab_offers_what_may_come_next(line: str, offered: list[str]) -> None:
    assert completions(line) == offered


def test_tab_offers_the_newest_thread_first() -> None:
    board = Board(RULES)
    for root in ("r1", "r2"):
        board.number(place_of("ops").under(MessageId(root)), title=f"About {root}")
    assert completions("/thread ", board) == ["2", "1"]


def test_the_last_word_of_a_form_shows_what_is_still_to_be_typed() -> None:
    completer = FormCompleter(FORMS, Board())
    (found,) = completer.get_completions(Document("/schedule cr"), CompleteEvent())
    assert (
        found.display_meta_text
        == "<when> <instruction> [--channel #room] [--tz ZONE] · work at a time"
    )


async def test_an_event_is_what_the_gateway_gets() -> None:
    async with talking() as talk:
        await talk.type("hello")
    (heard,) = talk.desk.heard
    assert isinstance(heard, Inbound)
    assert heard.sender == YOU
    assert heard.sent_at == START
