"""What of a conversation a model is shown."""

from runtime.context import Overflow, extract, has_calls, length_of, overflow, tokens_of
from runtime.ids import ToolCallId
from runtime.model.conversation import Role
from runtime.model.tools import ToolCall
from tests.support.build import entry


def conversation(turns: int, *, length: int = 400) -> list:  # type: ignore[type-arg]
    """That many turns of a question and an answer."""
    rows = []
    for number in range(turns):
        rows.append(entry(f"q{number} " + "x" * length, seq=2 * number + 1, turn=str(number)))
        rows.append(entry(f"a{number}", role=Role.ASSISTANT, seq=2 * number + 2, turn=str(number)))
    return rows


def test_the_length_of_a_conversation_is_never_less_than_its_parts_are() -> None:
    call = ToolCall(id=ToolCallId("c"), name="state.set", arguments="x" * 801)
    rows = [row._replace(tool_calls=(call,)) for row in conversation(3, length=3)]
    parts = sum(tokens_of(row) for row in rows)
    assert parts <= length_of(rows, called=has_calls(rows)) <= parts + len(rows)


def test_a_conversation_that_fits_is_shown_whole() -> None:
    assert overflow(conversation(3), room=10_000) is None


def test_a_conversation_that_does_not_fit_is_cut_before_a_person_s_message() -> None:
    rows = conversation(20)
    cut = overflow(rows, room=1_000)
    assert isinstance(cut, Overflow)
    assert cut.recent[0].role is Role.USER
    assert [*cut.old, *cut.recent] == rows


def test_what_is_kept_fits_into_half_of_the_room() -> None:
    cut = overflow(conversation(50), room=2_000)
    assert cut is not None
    assert sum(tokens_of(row) for row in cut.recent) <= 1_000


def test_the_turn_under_way_is_kept_even_where_it_alone_does_not_fit() -> None:
    rows = [*conversation(2), entry("y" * 40_000, seq=9, turn="now")]
    cut = overflow(rows, room=1_000)
    assert cut is not None
    assert cut.recent[-1].text.startswith("y")


def test_one_message_that_does_not_fit_cannot_be_cut() -> None:
    assert overflow([entry("y" * 40_000)], room=1_000) is None


def test_a_summary_alone_is_not_summarised_again() -> None:
    summary = entry("They talked. " * 40, role=Role.SUMMARY, seq=8)
    assert overflow([summary, entry("y" * 40_000, seq=9)], room=1_000) is None


def test_an_extract_keeps_the_newest_lines_and_who_said_them() -> None:
    text = extract(conversation(30, length=300), limit=1_000)
    assert len(text) <= 1_000
    assert text.splitlines()[-1] == "Agent: a29"
    assert "q0 " not in text


def test_an_extract_goes_on_from_the_summary_before_it() -> None:
    summary = entry("Person: rule one", role=Role.SUMMARY)
    assert extract([summary, entry("hello")]) == "Person: rule one\nPerson: hello"
