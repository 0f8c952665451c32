"""The picture of what was spent, from a paid answer to what the platform is given."""

from pathlib import Path

import pytest

from runtime.ports import ChatLimits
from tests.scenario.test_budget import Bank
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
