"""The conversation log in the form that providers speak."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from adapters.models.wire import (
    CallAssembly,
    CallPiece,
    ToolNames,
    calls_in,
    marked,
    messages,
    tools,
)
from runtime.ids import ToolCallId
from runtime.model.conversation import Entry, Role
from tests.support.fake_openai import problems_of
from tests.support.models import (
    ANNA,
    BEN,
    FACTS,
    SCHEDULE,
    TOOLS,
    answered,
    called,
    entry,
    request,
    said,
)

NAMES = ToolNames([])


def test_the_instructions_are_the_only_system_message_and_the_first() -> None:
    sent = messages(request("hello", instructions="Be kind."), NAMES)
    assert sent == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "hello"},
    ]


def test_without_instructions_there_is_no_system_message() -> None:
    sent = messages(request("hello", instructions=""), NAMES)
    assert sent == [{"role": "user", "content": "hello"}]


def test_a_summary_speaks_for_the_users_side_and_not_for_the_system() -> None:
    sent = messages(
        request(entry(Role.SUMMARY, "Anna likes tea."), answered("Yes."), "And?"), NAMES
    )
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user"]
    assert "Summary of the conversation" in str(sent[1]["content"])
    assert "Anna likes tea." in str(sent[1]["content"])


def test_senders_are_named_where_several_speak_and_only_there() -> None:
    alone = messages(request(said("a", ANNA), answered("b"), said("c", ANNA)), NAMES)
    both = messages(request(said("a", ANNA), answered("b"), said("c", BEN)), NAMES)
    assert [message["content"] for message in alone[1:]] == ["a", "b", "c"]
    assert [message["content"] for message in both[1:]] == ["anna: a", "b", "ben: c"]


def test_two_messages_in_a_row_become_one_because_some_servers_demand_turns() -> None:
    sent = messages(request(said("a", ANNA), said("b", BEN)), NAMES)
    assert sent[1:] == [{"role": "user", "content": "anna: a\n\nben: b"}]


def test_a_tool_call_and_its_result_are_paired_under_a_name_without_dots() -> None:
    call = called("c1", "schedule.create", '{"when": "in 2 hours"}')
    log = (
        said("remind me"),
        entry(Role.ASSISTANT, "", calls=(call,)),
        entry(Role.EXECUTING, "schedule.create", call="c1"),
        entry(Role.TOOL, "Done.", call="c1"),
    )
    sent = messages(request(*log), ToolNames(["schedule.create"]))
    assert sent[2:] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {
                        "name": "schedule_create",
                        "arguments": '{"when": "in 2 hours"}',
                    },
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "Done."},
    ]


def test_a_call_whose_result_is_lost_is_answered_by_saying_so() -> None:
    log = (said("go"), entry(Role.ASSISTANT, "", calls=(called("c1", "mail.send"),)), said("well?"))
    sent = messages(request(*log), NAMES)
    assert sent[3]["role"] == "tool"
    assert "not known whether this ran" in str(sent[3]["content"])
    assert sent[4] == {"role": "user", "content": "well?"}


def test_a_broken_argument_text_in_the_log_goes_out_as_an_empty_object() -> None:
    log = (entry(Role.ASSISTANT, "", calls=(called("c1", "x", "{oops"), called("c2", "x", "[1]"))),)
    sent = messages(request(*log), NAMES)
    assert '"arguments": "{oops' not in json.dumps(sent)
    assert json.dumps(sent).count('"arguments": "{}"') == 2


def test_tools_are_told_with_their_schema_and_an_empty_one_is_an_object() -> None:
    told = tools(TOOLS, ToolNames(spec.name for spec in TOOLS))
    assert [tool["function"] for tool in told] == [
        {
            "name": "desk_facts",
            "description": FACTS.description,
            "parameters": {"type": "object", "properties": {}},
        },
        {
            "name": "schedule_create",
            "description": SCHEDULE.description,
            "parameters": SCHEDULE.parameters,
        },
    ]


_ENTRIES = st.builds(
    lambda role, text, sender, calls, call: entry(
        role,
        text,
        sender=sender if role is Role.USER else None,
        calls=calls if role is Role.ASSISTANT else (),
        call=call if role in (Role.TOOL, Role.EXECUTING) else None,
    ),
    st.sampled_from(Role),
    st.text(max_size=5),
    st.sampled_from([ANNA, BEN, None]),
    st.lists(
        st.builds(called, st.sampled_from("abc"), st.text(max_size=80), st.text(max_size=5)),
        max_size=3,
        unique_by=lambda call: call.id,
    ).map(tuple),
    st.sampled_from("abcd"),
)


@given(st.lists(_ENTRIES, max_size=12))
def test_any_log_becomes_a_request_that_a_provider_takes(log: list[Entry]) -> None:
    names = ToolNames(["desk.facts"])
    body = {"stream": True, "messages": list(messages(request(*log), names))}
    assert problems_of(json.loads(json.dumps(body))) == []


@given(st.lists(st.text(max_size=100), max_size=8, unique=True))
def test_names_on_the_wire_are_told_apart_and_lead_back(names: list[str]) -> None:
    table = ToolNames(names)
    assert [table.from_wire(table.to_wire(name)) for name in names] == names


def test_two_tools_that_look_alike_on_the_wire_stay_two() -> None:
    names = ToolNames(["a.b", "a_b"])
    assert {names.to_wire("a.b"), names.to_wire("a_b")} == {"a_b", "a_b_2"}
    assert names.from_wire("a_b") == "a.b"


def test_a_name_that_nobody_has_comes_back_as_the_model_spelled_it() -> None:
    assert ToolNames(["desk.facts"]).from_wire("rm_rf") == "rm_rf"


# --------------------------------------------------------------------------- streamed tool calls


def _assembled(*pieces: CallPiece, taken: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    assembly = CallAssembly()
    for piece in pieces:
        assembly.add(piece)
    whole = assembly.whole(ToolNames(["desk.facts"]), [ToolCallId(id_) for id_ in taken])
    return [(call.id, call.name, call.arguments) for call in whole]


def test_pieces_of_two_calls_are_put_together_by_their_place() -> None:
    assert _assembled(
        CallPiece(place=0, id="a", name="desk_facts"),
        CallPiece(place=1, id="b", name="other"),
        CallPiece(place=0, arguments='{"x"'),
        CallPiece(place=1, arguments="{}"),
        CallPiece(place=0, arguments=":1}"),
    ) == [("a", "desk.facts", '{"x":1}'), ("b", "other", "{}")]


def test_a_server_that_gives_every_call_the_same_place_is_understood() -> None:
    assert _assembled(
        CallPiece(place=0, id="a", name="f", arguments="{}"),
        CallPiece(place=0, id="b", name="g", arguments="{}"),
    ) == [("a", "f", "{}"), ("b", "g", "{}")]


def test_a_server_that_repeats_id_and_name_with_every_piece_is_understood() -> None:
    assert _assembled(
        CallPiece(place=0, id="a", name="f", arguments="{"),
        CallPiece(place=0, id="a", name="f", arguments="}"),
    ) == [("a", "f", "{}")]


def test_ids_that_are_missing_or_taken_are_made_unique() -> None:
    assert _assembled(
        CallPiece(place=0, name="f"), CallPiece(place=1, id="c1", name="g"), taken=("c1", "call")
    ) == [("call-2", "f", "{}"), ("c1-2", "g", "{}")]


def test_the_ids_in_a_conversation_are_found() -> None:
    log = entry(Role.ASSISTANT, "", calls=(called("c1", "x"), called("c2", "x")))
    assert calls_in(request("a", log)) == ["c1", "c2"]
    assert calls_in(replace(request("a"), entries=())) == []


def test_a_note_on_files_stands_with_the_message_it_is_about() -> None:
    note = entry(Role.NOTE, "[what became of the files]")
    [system, user] = messages(request("look", note), ToolNames(()))
    assert system["role"] == "system"
    assert user == {"role": "user", "content": "look\n\n[what became of the files]"}


def test_the_stable_beginning_and_the_last_message_are_marked_for_the_cache() -> None:
    call = called("c1", "desk.facts")
    asked = request(
        "what is scheduled?",
        entry(Role.ASSISTANT, calls=(call,)),
        entry(Role.TOOL, "{}", call="c1"),
    )
    plain = messages(asked, ToolNames(()))
    found = marked(plain)
    mark = {"type": "ephemeral"}
    assert found[0]["content"] == [{"type": "text", "text": "Be brief.", "cache_control": mark}]
    assert found[1]["content"] == [
        {"type": "text", "text": "what is scheduled?", "cache_control": mark}
    ]
    assert found[2:] == plain[2:]
    assert plain == messages(asked, ToolNames(())), "the messages themselves are as they were"


def test_what_has_nothing_to_mark_stays_as_it_is() -> None:
    assert marked([]) == []
    only = messages(request("hello", instructions=""), ToolNames(()))
    assert [message["role"] for message in marked(only)] == ["user"]
