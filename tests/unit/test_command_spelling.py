"""Commands are shown as they are written on the platform."""

import pytest

from gateway.commands.spelling import spelled
from runtime.model.address import ThreadRef
from runtime.ports import ChatLimits
from runtime.text import unmarked, verbatim
from tests.support.build import OPS

ONE = ChatLimits(per_channel=1.0, overall=1.0, command="nightdesk")
OWN = ChatLimits(per_channel=1.0, overall=1.0)
CHANNEL = ThreadRef(OPS.channel)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`/schedule list` shows them.", "`/nightdesk schedule list` shows them."),
        ("/approve list shows those.", "/nightdesk approve list shows those."),
        ("Try /help.", "Try /nightdesk help."),
        ("https://example.org/status", "https://example.org/status"),
        ("src/model/status.py and /statuses", "src/model/status.py and /statuses"),
        ("/srv/schedule", "/srv/schedule"),
        ("```\n/status\n```\nand `/status`", "```\n/status\n```\nand `/nightdesk status`"),
        ("You wrote “say /status”: `/help`.", "You wrote “say /status”: `/nightdesk help`."),
        ("> say /status\n`/help`", "> say /status\n`/nightdesk help`"),
        ("- 08:30: done\n  > `/status` says so", "- 08:30: done\n  > `/status` says so"),
        ("```\n/status is left open", "```\n/nightdesk status is left open"),
    ],
)
def test_behind_the_one_command(text: str, shown: str) -> None:
    assert spelled(text, ONE, CHANNEL) == shown
    assert spelled(text, OWN, CHANNEL) == text


def test_in_a_thread_slash_commands_do_not_reach() -> None:
    assert spelled("`/stop` ends it.", ONE, ThreadRef(OPS.channel, "t1")) == "`!stop` ends it."


@pytest.mark.parametrize("place", [CHANNEL, ThreadRef(OPS.channel, "t1")])
@pytest.mark.parametrize("limits", [ONE, OWN])
def test_what_people_wrote_stays_as_it_is(limits: ChatLimits, place: ThreadRef) -> None:
    text = f"`{verbatim('/stop')}`, {verbatim('say /help')} and {verbatim('a/b')}"
    assert spelled(text, limits, place) == "`/stop`, say /help and a/b"
    assert unmarked(text) == "`/stop`, say /help and a/b"
