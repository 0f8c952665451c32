"""A word to the owners, in their own direct conversations, about what the desk cannot solve."""

import logging
from collections.abc import Callable, Mapping

from runtime.clock import Clock
from runtime.egress import Withheld, clear_owner_notice
from runtime.errors import Permanent, Retryable
from runtime.ids import OutboxId, Platform, derived
from runtime.model.address import Principal
from runtime.model.messages import Content, Proactive
from runtime.model.team import Team
from runtime.outbox import Splitter, compose
from runtime.ports import ChatPort, Outbox

log = logging.getLogger("nightdesk.notices")


class OwnerNotices:
    """Writes to every owner that this process can reach."""

    def __init__(
        self,
        outbox: Outbox,
        chats: Mapping[Platform, ChatPort],
        *,
        team: Callable[[], Team],
        split: Splitter,
        clock: Clock,
        wake_outbox: Callable[[], None],
    ) -> None:
        """Write to `outbox`, which `wake_outbox` has sent, and reach the owners of `team`."""
        self._outbox = outbox
        self._chats = chats
        self._team = team
        self._split = split
        self._clock = clock
        self._wake_outbox = wake_outbox
        self._written: set[OutboxId] = set()

    def __contains__(self, message: OutboxId) -> bool:
        """Whether the message is a notice of this process's."""
        return message in self._written

    async def tell(self, key: str, text: str) -> bool:
        """Tell every owner, once for each `key` however often it is said; False for none.

        Raises:
            StorageUnavailable: it was not stored.
        """
        told = [await self._tell(owner, key, text) for owner in self._team().owners()]
        return any(told)

    async def _tell(self, owner: Principal, key: str, text: str) -> bool:
        chat = self._chats.get(owner.platform)
        if chat is None:
            return False
        try:
            thread = await chat.direct(owner)
        except (Retryable, Permanent) as error:
            log.warning("notice.unreachable", extra={"about": key, "why": str(error)})
            return False
        notice = Proactive(
            id=OutboxId(derived("notice", key, owner.platform, owner.workspace, owner.user)),
            thread=thread,
            content=Content(text, ours=True),
        )
        cleared = clear_owner_notice(notice, self._team(), owner)
        if isinstance(cleared, Withheld):
            return False
        self._written.add(notice.id)
        await self._outbox.enqueue(compose(cleared, split=self._split, now=self._clock.now()))
        self._wake_outbox()
        return True
