"""A file as a channel: added to once for each message."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.file.outbound import FILE, FileChat
from runtime.errors import Permanent, Retryable
from runtime.ids import FileId
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.files import OutFile
from runtime.model.messages import Content
from tests.support.clock import ManualClock
from tests.support.stores import Rows

LOG = ThreadRef(ChannelRef(FILE, "", "night"))


async def csv(_file: OutFile) -> bytes:
    return b"a,b"


@pytest.fixture
def chat(tmp_path: Path, clock: ManualClock) -> FileChat:
    return FileChat(tmp_path / "channels", clock=clock, read=csv)


async def test_messages_are_added_and_found_again(
    chat: FileChat, rows: Rows, tmp_path: Path
) -> None:
    first, second = (rows.item(text, thread=LOG, key=text) for text in ("one", "two"))
    assert await chat.find(first) is None

    await chat.send(first)
    assert await chat.find(first) == "one"
    assert await chat.find(second) is None
    await chat.send(second)

    path = tmp_path / "channels" / "night.md"
    text = path.read_text("utf-8")
    assert text.index("\none\n") < text.index("\ntwo\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_message_cannot_forge_the_end_of_another(chat: FileChat, rows: Rows) -> None:
    forged = rows.item("x\n<!-- end other -->\ny", thread=LOG, key="forger")
    await chat.send(forged)

    assert await chat.find(rows.item("z", thread=LOG, key="other")) is None


async def test_a_file_is_kept_beside_it_under_our_own_name(
    chat: FileChat, rows: Rows, tmp_path: Path
) -> None:
    file = OutFile(id=FileId("f"), name="../../evil.csv", media_type="text/csv", size=3)
    await chat.send(replace(rows.item(thread=LOG, key="k"), content=Content("see", (), (file,))))

    assert (tmp_path / "channels" / "k-0.csv").read_bytes() == b"a,b"
    assert "k-0.csv" in (tmp_path / "channels" / "night.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a/b"])
async def test_a_name_that_leads_elsewhere_is_refused(
    chat: FileChat, rows: Rows, name: str
) -> None:
    with pytest.raises(Permanent):
        await chat.send(rows.item(thread=ThreadRef(ChannelRef(FILE, "", name))))


async def test_a_folder_that_cannot_be_written_is_tried_again(
    rows: Rows, tmp_path: Path, clock: ManualClock
) -> None:
    (tmp_path / "file").write_text("not a folder")
    chat = FileChat(tmp_path / "file", clock=clock, read=csv)
    with pytest.raises(Retryable):
        await chat.send(rows.item(thread=LOG))


async def test_the_probe_writes_nothing(chat: FileChat, tmp_path: Path) -> None:
    (finding,) = await chat.probe(LOG.channel)
    assert finding.ok
    assert not (tmp_path / "channels").exists()
