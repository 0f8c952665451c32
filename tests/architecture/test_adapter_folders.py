"""Whoever has read one chat adapter has read them all: the same thing has the same file name."""

import pytest

from tests.architecture import source

CHATS = ("discord", "slack", "telegram")
CORE = {"drafts", "faults", "inbound", "listener", "outbound", "probe", "render", "wire"}
FAKE = {"names", "rules", "sender", "server"}


@pytest.mark.parametrize("platform", CHATS)
def test_the_folder_of_a_chat_has_the_same_core_as_the_others(platform: str) -> None:
    assert _names(f"adapters/{platform}") >= CORE, "see docs/adding-a-platform.md"
    assert _names(f"bot/selftest/{platform}") >= FAKE
    assert {platform} <= _names("bot/platforms") & _names("gateway/verify")


def test_every_adapter_that_people_talk_through_is_known_here_and_to_the_contract() -> None:
    from tests.support.adapters.platforms import HARNESSES  # noqa: PLC0415 - loads every SDK

    talking = {
        folder.name
        for folder in (source.ROOT / "adapters").iterdir()
        if {"inbound", "outbound"} <= _names(f"adapters/{folder.name}")
    }
    assert talking == {*CHATS, "terminal"}
    assert talking < {str(harness.platform) for harness in HARNESSES}


def _names(folder: str) -> set[str]:
    return {path.stem for path in (source.ROOT / folder).glob("*.py")} - {"__init__"}
