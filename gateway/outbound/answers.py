"""What a platform answers to a message, whatever happens there."""

import logging
from collections.abc import Awaitable, Mapping

from runtime.errors import Ambiguous, Permanent, Retryable
from runtime.ids import IdSource, MessageId, Platform
from runtime.model.outbox import OutboxItem
from runtime.outbox import without_files
from runtime.ports import ChatPort

log = logging.getLogger("nightdesk.dispatcher")

Answer = MessageId | Retryable | Permanent | Ambiguous | None


class Answers:
    """Asks platforms. Their failures are answers; the store's are not, and are raised."""

    def __init__(self, chats: Mapping[Platform, ChatPort], ids: IdSource) -> None:
        """Ask `chats`; `ids` makes references for the log."""
        self._chats = chats
        self._ids = ids

    async def to_send(self, item: OutboxItem) -> Answer:
        """What it answers; where it does not take the files, what it says to the text."""
        chat = self._chats[item.thread.platform]
        answer = await self._heard(item, chat.send(item))
        if not (isinstance(answer, Permanent) and item.content.files):
            return answer
        log.warning("outbox.files_left_out", extra={"item": item.id, "why": str(answer)})
        return await self._heard(item, chat.send(without_files(item, chat.split)))

    async def to_find(self, item: OutboxItem) -> Answer:
        """Which message it has; None where it has not."""
        return await self._heard(item, self._chats[item.thread.platform].find(item))

    async def _heard(self, item: OutboxItem, call: Awaitable[MessageId | None]) -> Answer:
        """One of the supervision points."""
        try:
            return await call
        except (Retryable, Permanent) as error:
            return error
        except Ambiguous as error:
            log.warning("outbox.ambiguous", extra={"item": item.id})
            return error
        except Exception:
            reference = self._ids.new()[-8:]
            log.exception("outbox.failed", extra={"item": item.id, "reference": reference})
            return Ambiguous(f"something went wrong on our side, reference {reference}")
