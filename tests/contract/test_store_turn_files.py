"""Files of messages and of tools in a turn and its log, on every implementation of the store."""

from runtime.ids import FileId, MessageId
from runtime.model.conversation import Entry, Role
from runtime.model.events import Message
from runtime.model.files import FileRef, OutFile
from runtime.model.turn import TurnStart, TurnState, file_id_of
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import Opener, Rows, begun

CSV = FileRef(handle="https://files/1", name="a.csv", media_type="text/csv", size=12)
PNG = FileRef(handle="F2")
KEPT = OutFile(id=FileId("f1"), name="a.csv", media_type="text/plain", size=12)


async def with_files(store: Store, rows: Rows, *files: FileRef) -> TurnStart:
    body = Message(text="look", message_id=MessageId("1"), files=files)
    return await begun(store, rows.received(body=body))


def noted(start: TurnStart, clock: ManualClock, role: Role = Role.NOTE) -> Entry:
    return Entry(role=role, text="kept", at=clock.now(), turn=start.turn.id, files=(KEPT,))


async def test_a_turn_brings_the_files_of_its_message_and_its_log_names_them(
    store: Store, rows: Rows
) -> None:
    start = await with_files(store, rows, CSV, PNG)

    assert start.files == (CSV, PNG)
    assert start.turn.inbox is not None
    [asked] = start.entries
    for place in range(2):
        assert f"id {file_id_of(start.turn.inbox, place)}" in asked.text
    assert "https://files/1" not in asked.text
    assert asked.files == ()


async def test_a_turn_without_files_brings_none(store: Store, rows: Rows) -> None:
    assert (await begun(store, rows.received("hello"))).files == ()


async def test_a_turn_that_is_taken_up_brings_them_again(open_again: Opener, rows: Rows) -> None:
    async with open_again() as store:
        start = await with_files(store, rows, CSV)
    async with open_again() as store:
        again = await store.turns.begin(start.turn.conversation, owner="there")

    assert again is not None
    assert (again.turn.fence, again.files) == (2, (CSV,))


async def test_the_log_keeps_the_files_of_an_entry(
    open_again: Opener, rows: Rows, clock: ManualClock
) -> None:
    async with open_again() as store:
        start = await with_files(store, rows, CSV)
        note, made = noted(start, clock), noted(start, clock, Role.TOOL)
        await store.turns.append(start.turn.id, 1, [note, made])
        answer = Entry(role=Role.ASSISTANT, text="ok", at=clock.now(), turn=start.turn.id)
        await store.turns.finish(start.turn.id, 1, state=TurnState.DONE, entries=[answer])
        await store.inbox.append(rows.received("and now?"))
        following = await store.turns.begin(start.turn.conversation, owner="here")
        assert following is not None
        assert [entry.files for entry in following.entries] == [(), (KEPT,), (KEPT,), (), ()]
        assert following.files == ()
    async with open_again() as store:
        kept = await store.conversations.entries(start.turn.conversation)

    assert [entry.files for entry in kept] == [(), (KEPT,), (KEPT,), (), ()]


async def test_a_note_is_no_title_and_no_summary(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    start = await with_files(store, rows)
    await store.turns.append(start.turn.id, 1, [noted(start, clock)])

    conversation = await store.conversations.get(start.turn.conversation)
    assert conversation is not None
    assert conversation.title == "look"


async def test_a_summary_keeps_the_files_it_stands_for(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    start = await with_files(store, rows, CSV)
    summary = Entry(
        role=Role.SUMMARY,
        text="so far",
        at=clock.now(),
        turn=start.turn.id,
        covers=1,
        files=(KEPT,),
    )
    await store.turns.append(start.turn.id, 1, [summary])

    [kept] = await store.conversations.entries(start.turn.conversation)
    assert kept.files == (KEPT,)
