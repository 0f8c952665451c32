"""What a typed line means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.terminal.inbound import LONGEST, Explain, Leave, ListRooms, Move, parse_line
from adapters.terminal.rooms import PLATFORM, WORKSPACE, Board, Here, place_of
from runtime.errors import Refused
from runtime.ids import AgentName, MessageId
from runtime.model.address import ChannelRef, Principal
from runtime.model.events import ButtonPress, Command, Inbound, Message
from runtime.model.messages import Button
from runtime.model.team import ChannelRule
from tests.support.clock import START

DM = place_of("dm")
OPS = place_of("c-ops")


def board() -> Board:
    ref = ChannelRef(PLATFORM, WORKSPACE, "c-ops")
    return Board([ChannelRule(ref=ref, name="Ops", agent=AgentName("Night-Owl"))])


def read(line: str, here: Here | None = None) -> Inbound:
    meaning = parse_line(line, here or board().here(), key="k1", now=START)
    assert isinstance(meaning, Inbound)
    return meaning


def message(line: str, here: Here | None = None) -> Message:
    body = read(line, here).body
    assert isinstance(body, Message)
    return body


def in_ops(root: str = "") -> Here:
    desk = board()
    desk.place = place_of("c-ops", root)
    return desk.here()


def with_buttons() -> Board:
    desk = board()
    buttons = (Button("Approve", "approve", "a1"), Button("Deny", "deny", "a1"))
    desk.put(buttons, message=MessageId("m9"), place=place_of("c-ops", "r"))
    desk.place = OPS
    return desk


def test_text_in_the_direct_message_is_a_direct_message_to_the_desk() -> None:
    assert read("  hello there \n") == Inbound(
        event_key="k1",
        thread=DM,
        sender=Principal(PLATFORM, "local", "you"),
        body=Message(text="hello there", message_id=MessageId("k1"), direct=True),
        sent_at=START,
    )


def test_text_in_a_channel_begins_a_thread_under_itself() -> None:
    inbound = read("hello", in_ops())
    assert inbound.thread == OPS.under(MessageId("k1"))
    assert inbound.body == Message(text="hello", message_id=MessageId("k1"))


def test_text_in_an_open_thread_is_a_reply_in_it() -> None:
    assert read("why?", in_ops("root-1")).thread == place_of("c-ops", "root-1")


@pytest.mark.parametrize(
    "line",
    [
        "/schedule list",
        "!schedule list",
        "  /schedule list  ",
        "/nightdesk schedule list",
        "!Nightdesk  schedule list",
    ],
)
def test_a_prefix_makes_a_command(line: str) -> None:
    assert read(line).body == Command(text="schedule list", direct=True)


@pytest.mark.parametrize("line", ["/ stop everything", "!  stop everything"])
def test_stop_is_stop_with_a_space_after_the_sign(line: str) -> None:
    assert read(line, in_ops()).body == Command(text="stop everything")


@pytest.mark.parametrize("line", ["/ schedule list", "! stopwatch on", "/ stop-watch on"])
def test_any_other_word_after_a_space_is_text(line: str) -> None:
    assert message(line).text == line


@pytest.mark.parametrize(("line", "thread"), [("", OPS), ("r1", place_of("c-ops", "r1"))])
def test_a_command_is_said_where_one_is_and_begins_no_thread(line: str, thread: object) -> None:
    assert read("/status", in_ops(line)).thread == thread


@pytest.mark.parametrize("line", ["!!!", "/2 of them", "// a comment"[1:], "5 apples", "12", "[3]"])
def test_what_only_looks_like_a_command_or_a_button_is_text(line: str) -> None:
    assert message(line).text == line


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("//etc/hosts is gone", "/etc/hosts is gone"),
        ("//stop", "/stop"),
        ("//quit", "/quit"),
        ("//join #ops", "/join #ops"),
        ("@night-owl //stop", "/stop"),
    ],
)
def test_two_slashes_send_text_that_begins_with_one(line: str, text: str) -> None:
    said = message(line)
    assert (said.text, said.verbatim) == (text, True)


@pytest.mark.parametrize("line", ["hello", "@night-owl /stop", "look // there", "!!quit"])
def test_without_two_slashes_the_desk_judges_whether_a_text_is_a_command(line: str) -> None:
    assert not message(line).verbatim


@pytest.mark.parametrize("line", ["", "   ", "\n", "\t\r\n"])
def test_an_empty_line_means_nothing(line: str) -> None:
    assert parse_line(line, board().here(), key="k", now=START) is None


@pytest.mark.parametrize(
    ("line", "text", "mentioned"),
    [
        ("@night-owl what now?", "what now?", True),
        ("@Night-Owl: what now?", "what now?", True),
        ("@nightdesk what now?", "what now?", True),
        ("ask @night-owl, please", "ask @night-owl, please", True),
        ("@night-owl", "@night-owl", True),
        ("@night-owls fly", "@night-owls fly", False),
        ("mail me@night-owl now", "mail me@night-owl now", False),
        ("night-owl?", "night-owl?", False),
    ],
)
def test_a_message_that_names_the_agent_mentions_it(line: str, text: str, mentioned: bool) -> None:
    said = message(line, in_ops())
    assert (said.text, said.mentioned) == (text, mentioned)


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("/join #ops", Move(OPS)),
        ("/JOIN Ops", Move(OPS)),
        ("/join c-ops", Move(OPS)),
        ("!join dm", Move(DM)),
        ("/dm", Move(DM)),
        ("/thread 1", Move(place_of("c-ops", "r1"))),
        ("/thread [1]", Move(place_of("c-ops", "r1"))),
        ("/back", Move(OPS)),
        ("/rooms", ListRooms()),
        ("/quit", Leave()),
        ("/exit", Leave()),
    ],
)
def test_the_terminal_itself_knows_its_rooms_and_threads(line: str, meaning: object) -> None:
    desk = board()
    desk.number(place_of("c-ops", "r1"))
    desk.place = place_of("c-ops", "r1")
    assert parse_line(line, desk.here(), key="k", now=START) == meaning


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("/join", "Which room? There are: dm, #ops."),
        ("/join attic", "There is no room attic. There are: dm, #ops."),
        ("/thread", "Which thread?"),
        ("/thread 7", "There is no thread 7."),
        ("/thread ²", "There is no thread ²."),
        ("/thread first", "There is no thread first."),
        (
            "press 4",
            "There is no button 4 on the screen. Numbers begin anew with each start; /approve list",
        ),
        ("/", "That is no command yet."),
    ],
)
def test_what_is_not_there_is_refused_with_what_would_be_right(line: str, says: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_line(line, board().here(), key="k", now=START)
    assert f"{refused.value.message} {refused.value.hint}".startswith(says)


@pytest.mark.parametrize("line", ["/quit now", "/dm now", "!rooms now", "/back now", "/exit now"])
def test_a_local_word_with_more_after_it_is_refused_with_the_right_form(line: str) -> None:
    with pytest.raises(Refused) as refused:
        read(line)
    right = f"Write: /{line[1:].split(maxsplit=1)[0]}"
    assert (refused.value.message, refused.value.hint) == ("“now” is too much.", right)


@pytest.mark.parametrize("line", ["/help join", "!help /join", "/help Join"])
def test_help_of_a_local_command_is_local(line: str) -> None:
    assert parse_line(line, board().here(), key="k", now=START) == Explain("join #room")


@pytest.mark.parametrize("line", ["/help", "/help schedule", "/help join us"])
def test_all_other_help_is_the_desks(line: str) -> None:
    assert read(line).body == Command(text=line[1:], direct=True)


@pytest.mark.parametrize("line", ["2", "[2]", "press 2", "PRESS 2"])
def test_a_number_presses_the_button_of_that_number(line: str) -> None:
    inbound = read(line, with_buttons().here())
    assert inbound.body == ButtonPress(action="deny", value="a1", message_id=MessageId("m9"))
    assert inbound.thread == place_of("c-ops", "r")


def test_a_bare_number_presses_nothing_in_another_room() -> None:
    desk = with_buttons()
    desk.place = DM
    assert message("1", desk.here()).text == "1"
    assert isinstance(read("press 1", desk.here()).body, ButtonPress)


def test_a_bare_number_is_text_again_once_the_card_was_pressed() -> None:
    desk = with_buttons()
    pressed = read("1", desk.here()).body
    assert isinstance(pressed, ButtonPress)
    assert desk.press(pressed) == "[1] Approve"
    assert message("2", desk.here()).text == "2"
    assert isinstance(read("press 2", desk.here()).body, ButtonPress)


def test_a_line_of_the_longest_length_passes_and_a_longer_one_is_refused() -> None:
    assert len(message("x" * LONGEST).text) == LONGEST
    with pytest.raises(Refused, match=r"16,001 characters; 16,000 are the most"):
        read("x" * (LONGEST + 1))


def test_what_a_database_could_not_store_is_replaced() -> None:
    assert message("a\0b\udce4c").text == "a\ufffdb\ufffdc"


def test_a_multi_line_paste_is_one_message() -> None:
    assert message("one\ntwo").text == "one\ntwo"
    assert read("/schedule create\nnow").body == Command(text="schedule create\nnow", direct=True)


@given(st.text(), st.sampled_from(["", "/", "!", "@night-owl ", "press ", "/thread ", "/join "]))
def test_any_line_is_read_or_refused_in_words(text: str, before: str) -> None:
    try:
        meaning = parse_line(before + text, with_buttons().here(), key="k1", now=START)
    except Refused:
        return
    if isinstance(meaning, Inbound) and isinstance(meaning.body, Message):
        assert meaning.body.text.strip()
