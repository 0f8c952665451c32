"""What Slack posts to a bot: the product's own sender, under the names that the tests use."""

from bot.selftest.slack.names import ADA
from bot.selftest.slack.names import SIGNING_SECRET as SECRET
from bot.selftest.slack.sender import Signed, SlackSender, signature

__all__ = ["ADA", "SECRET", "Signed", "SlackSender", "signature"]
