"""What the terminal shows of the outbox."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from adapters.terminal.journal import Journal
from adapters.terminal.outbound import TerminalChat
from adapters.terminal.rooms import PLATFORM, WORKSPACE, Board, place_of
from adapters.terminal.screen import PlainScreen
from runtime.errors import Permanent, Retryable
from runtime.ids import AgentName, ConversationId, MessageId, OutboxId, Platform, TimeOrderedIds
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.messages import Button, Content
from runtime.model.outbox import OutboxItem
from runtime.model.team import ChannelRule
from tests.support.clock import START, ManualClock

YOU = Principal(PLATFORM, WORKSPACE, "you")
RULE = ChannelRule(
    ref=ChannelRef(PLATFORM, WORKSPACE, "ops"), name="ops", agent=AgentName("owl"), proactive=True
)


def item(text: str, *, name: str = "o1", channel: str = "dm", root: str = "") -> OutboxItem:
    return OutboxItem(
        id=OutboxId(name),
        thread=place_of(channel, root),
        content=Content(text),
        proactive=False,
        not_before=START,
        created_at=START,
    )


def briefing(text: str, *, name: str = "o1") -> OutboxItem:
    answer = item(text, name=name, channel="ops")
    return replace(answer, proactive=True, binds=ConversationId("c1"))


class Desk:
    """A chat on a plain screen, over a journal that outlives it."""

    def __init__(self, path: Path | None = None) -> None:
        journal = Journal(path)
        journal.open()
        self.out = StringIO()
        self.chat = TerminalChat(
            board=Board([RULE]),
            screen=PlainScreen(self.out),
            journal=journal,
            ids=TimeOrderedIds(ManualClock()),
        )

    @property
    def shown(self) -> str:
        return self.out.getvalue()


async def test_an_answer_is_one_block_that_names_speaker_and_room() -> None:
    desk = Desk()
    await desk.chat.send(item("hello"))
    await desk.chat.send(item("# List\n\n- one\n", name="o2", channel="ops"))
    assert desk.shown == "desk · dm: hello\nowl · #ops: # List\n\n  - one\n"


async def test_no_text_can_pass_for_a_message_of_somebody_else() -> None:
    desk = Desk()
    await desk.chat.send(item("fine\nyou · dm: delete it\r\x1b[1Ayou · dm: yes"))
    assert desk.shown.splitlines() == [
        "desk · dm: fine",
        "  you · dm: delete it␍␛[1Ayou · dm: yes",
    ]


async def test_a_briefing_carries_the_number_of_its_thread() -> None:
    desk = Desk()
    message = await desk.chat.send(briefing("**Morning** briefing"))
    assert desk.shown == "owl · #ops [1]: **Morning** briefing\n"
    assert desk.chat.board.threads == {1: place_of("ops").under(message)}
    assert desk.chat.board.title(place_of("ops").under(message)) == "Morning briefing"


async def test_an_answer_in_that_thread_shows_the_same_number() -> None:
    desk = Desk()
    message = await desk.chat.send(briefing("Morning"))
    await desk.chat.send(item("because", name="o2", channel="ops", root=message))
    assert desk.shown.endswith("owl · #ops [1]: because\n")


async def test_a_reminder_in_the_direct_message_gets_a_thread_only_where_it_binds_one() -> None:
    desk = Desk()
    reminder = replace(item("Call Ada"), proactive=True)
    await desk.chat.send(reminder)
    await desk.chat.send(replace(reminder, id=OutboxId("o2"), binds=ConversationId("c1")))
    assert desk.shown == "desk · dm: Call Ada\ndesk · dm [1]: Call Ada\n"


async def test_buttons_are_numbered_on_through_all_messages() -> None:
    desk = Desk()
    buttons = (Button("Yes", "yes", "1"), Button("No\x1b", "no", "1"))
    await desk.chat.send(replace(item("Sure?"), content=Content("Sure?", buttons)))
    await desk.chat.send(replace(item("And?", name="o2"), content=Content("And?", buttons[:1])))
    assert desk.shown == ("desk · dm: Sure?\n  [1] Yes   [2] No␛\ndesk · dm: And?\n  [3] Yes\n")


async def test_a_private_answer_says_so_where_others_could_be() -> None:
    desk = Desk()
    await desk.chat.send(replace(item("psst", channel="ops"), only_for=YOU))
    await desk.chat.send(replace(item("psst", name="o2"), only_for=YOU))
    assert desk.shown == "owl · #ops (only you see this): psst\ndesk · dm: psst\n"


async def test_a_message_for_somebody_else_is_never_shown() -> None:
    desk = Desk()
    with pytest.raises(Permanent, match="not at this terminal"):
        await desk.chat.send(replace(item("psst"), only_for=replace(YOU, user="them")))
    elsewhere = ThreadRef(ChannelRef(Platform("slack"), "T1", "C1"))
    with pytest.raises(Permanent, match="slack cannot go to the terminal"):
        await desk.chat.send(replace(item("psst"), thread=elsewhere))
    assert desk.shown == ""


async def test_a_row_is_shown_once_however_often_it_is_sent() -> None:
    desk = Desk()
    first = await desk.chat.send(item("hello"))
    assert await desk.chat.send(item("hello")) == first
    assert desk.shown == "desk · dm: hello\n"


async def test_after_a_restart_it_still_knows_what_it_has_shown(tmp_path: Path) -> None:
    before = Desk(tmp_path / "journal")
    message = await before.chat.send(briefing("Morning"))
    after = Desk(tmp_path / "journal")
    assert await after.chat.find(briefing("Morning")) == message
    assert await after.chat.find(item("later", name="o2")) is None
    assert await after.chat.send(briefing("Morning")) == message
    await after.chat.send(item("because", name="o3", channel="ops", root=message))
    assert after.shown == "owl · #ops [1]: because\n"


async def test_a_message_shown_again_after_a_crash_keeps_its_id() -> None:
    # The crash came between showing and writing the journal: the second process knows nothing.
    assert await Desk().chat.send(briefing("Morning")) == await Desk().chat.send(
        briefing("Morning")
    )


def test_an_answer_may_grow_every_50_milliseconds_from_its_first_words_on() -> None:
    limits = Desk().chat.limits
    assert (limits.draft_after, limits.draft_every) == (0.05, 0.05)


async def test_a_draft_becomes_the_message() -> None:
    message = await Desk().chat.send(replace(item("done"), draft=MessageId("d1")))
    assert message == "d1"


async def test_a_message_that_is_changed_to_what_it_is_by_now_is_not_shown_again() -> None:
    desk = Desk()
    for name, text in (("o1", "Approved"), ("o2", "Approved"), ("o3", "Done"), ("o4", "Approved")):
        change = replace(item(text, name=name), draft=MessageId("card"))
        assert await desk.chat.send(change) == "card"
        assert await desk.chat.find(change) == "card"
    assert [line.partition(": ")[2] for line in desk.shown.splitlines()] == [
        "Approved",
        "Done",
        "Approved",
    ]


async def test_the_same_words_in_two_messages_are_two() -> None:
    desk = Desk()
    for name in ("o1", "o2"):
        await desk.chat.send(item("Fine.", name=name))
    assert desk.shown.count("Fine.") == 2


async def test_the_direct_message_is_that_of_the_person_at_the_terminal() -> None:
    assert await Desk().chat.direct(YOU) == place_of("dm")
    with pytest.raises(Permanent):
        await Desk().chat.direct(replace(YOU, user="them"))


async def test_nothing_grows_in_a_pipe() -> None:
    desk = Desk()
    assert await desk.chat.begin_draft(place_of("dm"), requester=YOU, text="…") is None
    await desk.chat.grow_draft(place_of("dm"), MessageId("d"), "half")
    await desk.chat.status(place_of("dm"), "is thinking")
    assert desk.shown == ""


async def test_a_closed_output_keeps_the_message_for_later() -> None:
    desk = Desk()
    desk.out.close()
    with pytest.raises(Retryable) as failed:
        await desk.chat.send(item("hello"))
    assert failed.value.after
    assert desk.chat.screen.gone.is_set()
    assert await desk.chat.find(item("hello")) is None


async def test_a_journal_that_cannot_be_written_is_said_once_and_stops_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal"
    desk = Desk(path)
    path.mkdir()
    await desk.chat.send(item("one"))
    await desk.chat.send(item("two", name="o2"))
    lines = desk.shown.splitlines()
    assert [line for line in lines if not line.startswith("--")] == [
        "desk · dm: one",
        "desk · dm: two",
    ]
    assert sum("cannot write its journal (Is a directory)" in line for line in lines) == 1


async def test_a_room_that_is_no_longer_configured_shows_under_its_id() -> None:
    desk = Desk()
    await desk.chat.send(item("late", channel="attic"))
    assert desk.shown == "desk · #attic: late\n"


def test_a_terminal_takes_every_length_in_one_piece() -> None:
    content = Content("x" * 100_000, (Button("Ok", "ok", "1"),))
    assert Desk().chat.split(content) == (content,)


async def test_output_that_cannot_spell_a_character_gets_a_question_mark(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("w", encoding="latin-1") as out:
        chat = TerminalChat(
            board=Board(),
            screen=PlainScreen(out),
            journal=Journal(None),
            ids=TimeOrderedIds(ManualClock()),
        )
        await chat.send(item("ünï ☕"))
    assert path.read_text(encoding="latin-1") == "desk · dm: ünï ?\n"
