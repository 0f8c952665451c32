"""docs/approvals.md shows one card as each platform shows it."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.approvals.cards import card
from runtime.ids import ApprovalId, OutboxId
from runtime.model.approval import Approval, Frozen
from runtime.model.checkpoint import CHECKPOINT
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.tools import Risk
from runtime.signature import canonical
from tests.support.adapters.courier import Courier
from tests.support.adapters.discord import DiscordHarness
from tests.support.adapters.harness import Harness, Kind, Seen
from tests.support.adapters.slack import SlackHarness
from tests.support.adapters.telegram import TelegramHarness
from tests.support.adapters.terminal import TerminalHarness
from tests.support.approving import people
from tests.support.clock import ManualClock
from tests.support.questions import question

PAGE = Path(__file__).parents[2] / "docs/approvals.md"
PLATFORMS: dict[str, type[Harness]] = {
    "Slack": SlackHarness,
    "Telegram": TelegramHarness,
    "Discord": DiscordHarness,
    "The terminal": TerminalHarness,
}


def asked(clock: ManualClock) -> Approval:
    """Ann asked the desk to push."""
    frozen = Frozen(
        tool="git.push", schema="s1", arguments=canonical({"branch": "main", "force": True})
    )
    made = question(frozen=frozen, at=clock.now(), reason="team rule 3, line 12")
    return replace(made, id=ApprovalId("3f9k2m1a"))


def at_a_checkpoint(clock: ManualClock) -> Approval:
    """The desk asks Ann's team whether it may go on."""
    said = {
        "title": "2.4 is ready",
        "done": "Built it, and put it on staging: all 312 checks pass.",
        "then": "Deploy 2.4 to production, and post the release notes in #ops.",
    }
    frozen = Frozen(tool=CHECKPOINT, schema="s1", arguments=canonical(said))
    reason = f"{CHECKPOINT} always asks people"
    made = question(frozen=frozen, at=clock.now(), reason=reason, risk=Risk.READ)
    return replace(made, id=ApprovalId("7c2d9e4b"))


PAGES: dict[str, tuple[type[Harness], Callable[[ManualClock], Approval]]] = {
    **{name: (harness, asked) for name, harness in PLATFORMS.items()},
    "A checkpoint": (SlackHarness, at_a_checkpoint),
}


def screen(seen: Seen) -> str:
    """What people see: the words in the platform's own markup, and the buttons."""
    buttons = " ".join(f"[{label}]" for label in seen.buttons)
    return f"{seen.text.strip()}\n{buttons}\n"


def printed(platform: str) -> str:
    """The block under the platform's name."""
    found = re.search(
        rf"^\*\*{platform}\*\*.*?\n````\n(.*?)^````$",
        PAGE.read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None, f"{PAGE.name} shows no card under {platform}"
    return found[1]


@pytest.mark.parametrize("page", PAGES)
async def test_the_page_shows_the_card_as_the_platform_does(
    page: str, clock: ManualClock, tmp_path: Path
) -> None:
    kind, asks = PAGES[page]
    harness = kind(clock, tmp_path)
    await harness.start()
    try:
        thread = (await harness.event(Kind.MESSAGE, "push it")).thread
        item = OutboxItem(
            id=OutboxId("card"),
            thread=thread,
            content=card(asks(clock), people(), now=clock.now()),
            proactive=False,
            not_before=clock.now(),
            created_at=clock.now(),
        )
        [sent] = await Courier(harness).deliver(item)
        assert sent.state is OutboxState.SENT
        [seen] = harness.seen()
        assert harness.breaches() == []
        assert printed(page) == screen(seen)
    finally:
        await harness.stop()
