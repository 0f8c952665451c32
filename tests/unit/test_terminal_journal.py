"""What the terminal remembers over a restart."""

import stat
from pathlib import Path

import pytest

from adapters.terminal.journal import Journal
from adapters.terminal.rooms import place_of
from runtime.ids import MessageId, OutboxId

ITEM = OutboxId("o1")
MESSAGE = MessageId("m1")


def opened(path: Path) -> Journal:
    journal = Journal(path)
    journal.open()
    return journal


def test_messages_and_threads_are_known_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal"
    opened(path).note(sent=(ITEM, MESSAGE), thread=(3, place_of("ops", "m1")))
    again = opened(path)
    assert again.message_of(ITEM) == MESSAGE
    assert again.message_of(OutboxId("o2")) is None
    assert again.threads == {3: place_of("ops", "m1")}


def test_a_record_that_a_crash_cut_short_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = opened(path)
    journal.note(sent=(ITEM, MESSAGE))
    with path.open("ab") as file:
        file.write(b'["sent", "o2", "m\xff')
    journal.note(sent=(OutboxId("o3"), MessageId("m3")))
    again = opened(path)
    known = [again.message_of(OutboxId(o)) for o in ("o1", "o2", "o3")]
    assert known == ["m1", None, "m3"]


@pytest.mark.parametrize(
    "damage", [b"{}", b'["sent", 1, 2]', b'["thread", "x", "a", "b"]', b'["later", "a"]', b"\0\0"]
)
def test_damage_is_passed_over(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(damage + b'\n["sent", "o1", "m1"]\n')
    assert opened(path).message_of(ITEM) == MESSAGE


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text("".join(f'["sent", "o{n}", "m{n}"]\n' for n in range(12_000)))
    opened(path)
    assert len(path.read_text().splitlines()) == 5_000
    assert opened(path).message_of(OutboxId("o11999")) == "m11999"


def test_a_file_that_cannot_be_shortened_is_used_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text("".join(f'["sent", "o{n}", "m{n}"]\n' for n in range(12_000)))
    (tmp_path / "journal.new").mkdir()
    opened(path).note(sent=(ITEM, MESSAGE))
    assert len(path.read_text().split()) > 12_000
    assert opened(path).message_of(ITEM) == MESSAGE


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    opened(path).note(sent=(ITEM, MESSAGE))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_folder_it_remembers_in_memory() -> None:
    journal = Journal(None)
    journal.open()
    journal.note(sent=(ITEM, MESSAGE))
    assert journal.message_of(ITEM) == MESSAGE
