"""The picture of what was spent, from a paid answer to what the platform is given."""

from dataclasses import replace
from pathlib import Path

import pytest

from runtime.errors import Permanent
from runtime.ids import FileId
from runtime.model.files import OutFile
from runtime.model.messages import Content
from runtime.model.outbox import OutboxState
from runtime.outbox import without_files
from runtime.ports import ChatLimits
from tests.scenario.test_budget import Bank
from tests.support.build import outbox_item
from tests.support.chat import MemoryChat

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("images", [True, False])
async def test_the_budget_comes_with_a_picture_where_pictures_are_shown(
    tmp_path: Path, *, images: bool
) -> None:
    limits = ChatLimits(per_channel=1e6, overall=1e6, burst=1000, images=images)
    bank = Bank(tmp_path, chat=MemoryChat(limits=limits))
    async with bank.live() as desk:
        await desk.ask("hello")
        await desk.command("/budget")
        [shown] = [one for one in bank.chat.shown if "**Budget of" in one.text]
        files = shown.item.content.files
        assert [file.media_type for file in files] == ["image/png"] * images
        for file in files:
            assert (await desk.desk.parts.store.files.read(file.id)).startswith(PNG)


async def test_the_text_comes_where_the_platform_does_not_take_the_picture(tmp_path: Path) -> None:
    limits = ChatLimits(per_channel=1e6, overall=1e6, burst=1000, images=True)
    bank = Bank(tmp_path, chat=MemoryChat(limits=limits))
    async with bank.live() as desk:
        await desk.ask("hello")
        bank.chat.faults.append(
            Permanent("the app lacks a permission (missing_scope: files:write)")
        )
        await desk.command("/budget")
        [shown] = [one for one in bank.chat.shown if "**Budget of" in one.text]
        assert shown.item.content.files == ()
        assert "At this pace" in shown.text
        assert shown.text.endswith(
            "_A file could not be sent here; an owner finds out why with `nightdesk doctor`._"
        )
        # What cannot be sent at all is set aside, after the text was refused, too.
        bank.chat.faults.extend([Permanent("archived"), Permanent("archived")])
        await desk.command("/budget")
        assert await desk.desk.parts.store.outbox.count(OutboxState.DEAD) == 1


def test_a_message_that_is_full_goes_without_a_word_on_its_files() -> None:
    file = OutFile(id=FileId("f"), name="chart.png", media_type="image/png", size=1)
    chat = MemoryChat(longest=120)
    short, full = (
        without_files(replace(outbox_item(), content=Content(text, files=(file, file))), chat.split)
        for text in ("Here.", "x" * 119)
    )
    assert short.content.text.startswith("Here.\n\n_2 files could not be sent here")
    assert full.content == Content("x" * 119)
