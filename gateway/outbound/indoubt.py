"""Messages of which only the platform knows whether they were sent."""

from dataclasses import replace
from datetime import datetime, timedelta

from runtime.model.outbox import OutboxItem
from runtime.model.value import value
from runtime.ports import ChatLimits

GIVE_UP_AFTER = timedelta(hours=24)
"""How long a message is tried before it is set aside."""

FIRST_PAUSE = 1.0
"""Seconds before the second try; doubled for each further one."""
LONGEST_PAUSE = 300.0
"""Seconds between tries at the most."""
SENT_AGAIN = "sent once more: whether it was shown, the platform cannot tell"
"""The mark of a message that its one reader may see twice, and that is not sent a third time."""


@value()
class InDoubt:
    """A message of which only the platform knows whether it was sent.

    Attributes:
        item: the message; `SENDING` on disk.
        ask_at: when to ask.
        pause: seconds until the question after that, should this one find no answer.
        again_after: seconds to wait before sending it again, should it not be there.
        orphaned: the process that was sending it is gone.
    """

    item: OutboxItem
    ask_at: datetime
    pause: float = FIRST_PAUSE
    again_after: float = 0.0
    orphaned: bool = False

    def may_repeat(self, limits: ChatLimits, now: datetime) -> bool:
        """Whether the message may be sent once more though it is perhaps there.

        Where the platform can never tell, each crash may cost one more copy, and never the message.
        """
        if limits.may_repeat and self.orphaned:
            return now - self.item.created_at <= GIVE_UP_AFTER
        allowed = self.item.only_for is not None or limits.may_repeat
        return allowed and self.item.error != SENT_AGAIN

    def asked_after(self, now: datetime, wait: float) -> "InDoubt":
        """The same, to be asked for in that many seconds, and then after a longer pause."""
        pause = min(self.pause * 2, LONGEST_PAUSE)
        return replace(self, ask_at=now + timedelta(seconds=wait), pause=pause)
