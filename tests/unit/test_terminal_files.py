"""Files that go out at the terminal: a copy in the data folder, and where it is."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from adapters.terminal.copies import Copies
from adapters.terminal.journal import Journal
from adapters.terminal.outbound import TerminalChat
from adapters.terminal.rooms import Board
from adapters.terminal.screen import PlainScreen
from runtime.errors import Permanent, Retryable
from runtime.ids import FileId, TimeOrderedIds
from runtime.model.files import OutFile
from runtime.model.messages import Content
from tests.support.clock import ManualClock
from tests.unit.test_terminal_outbound import item

CSV = OutFile(id=FileId("f1"), name="report.csv", media_type="text/csv", size=4)


async def named(file: OutFile) -> bytes:
    return file.id.encode()


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def chat_over(folder: Path | None, out: StringIO) -> TerminalChat:
    return TerminalChat(
        board=Board(),
        screen=PlainScreen(out),
        journal=Journal(None),
        ids=TimeOrderedIds(ManualClock()),
        copies=Copies(folder, named),
    )


async def test_a_file_is_copied_and_its_place_is_shown(tmp_path: Path) -> None:
    out = StringIO()
    content = Content("Here it is.", files=(CSV, replace(CSV, id=FileId("f2"))))
    await chat_over(tmp_path / "files", out).send(replace(item(""), content=content))
    first, second = tmp_path / "files/o1-0/report.csv", tmp_path / "files/o1-1/report.csv"
    assert (first.read_bytes(), second.read_bytes()) == (b"f1", b"f2")
    assert first.stat().st_mode & 0o077 == 0
    assert out.getvalue() == (
        f"desk · dm: Here it is.\n\n  - file: `{first}`\n  - file: `{second}`\n"
    )


async def test_a_file_alone_is_a_message(tmp_path: Path) -> None:
    out = StringIO()
    sent = replace(item(""), content=Content("", files=(CSV,)))
    await chat_over(tmp_path, out).send(sent)
    assert out.getvalue() == f"desk · dm: - file: `{tmp_path}/o1-0/report.csv`\n"


@pytest.mark.parametrize(
    "name", ["../../evil.csv", "/etc/evil.csv", "..\\evil.csv", "\u202eevil.csv", "a\0evil.csv"]
)
async def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "data" / "files"
    sent = replace(item(""), content=Content("", files=(replace(CSV, name=name),)))
    await chat_over(folder, StringIO()).send(sent)
    [copy] = files_in(tmp_path)
    assert copy.parent == folder / "o1-0"
    assert copy.name.endswith("evil.csv")
    assert copy.name.isprintable()


async def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("in the way")
    out = StringIO()
    sent = replace(item(""), content=Content("x", files=(CSV,)))
    with pytest.raises(Retryable, match="cannot be written"):
        await chat_over(tmp_path / "files", out).send(sent)
    assert out.getvalue() == ""


async def test_without_a_folder_a_file_cannot_be_shown() -> None:
    sent = replace(item(""), content=Content("x", files=(CSV,)))
    with pytest.raises(Permanent, match=r"no folder to put report\.csv into"):
        await chat_over(None, StringIO()).send(sent)
