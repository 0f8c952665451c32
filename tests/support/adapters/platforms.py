"""The platforms that the contract suite runs over. A further one is one line here."""

from typing import Final

from tests.support.adapters.discord import DiscordHarness
from tests.support.adapters.harness import Harness
from tests.support.adapters.pigeon import PigeonHarness
from tests.support.adapters.slack import SlackHarness
from tests.support.adapters.telegram import TelegramHarness
from tests.support.adapters.terminal import TerminalHarness

HARNESSES: Final[tuple[type[Harness], ...]] = (
    SlackHarness,
    TelegramHarness,
    DiscordHarness,
    TerminalHarness,
    PigeonHarness,
)
