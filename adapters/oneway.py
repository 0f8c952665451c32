"""What channels have in common that only take messages: nobody answers there, nothing grows."""

from datetime import datetime

from runtime.errors import Permanent
from runtime.ids import MessageId, Platform
from runtime.model.address import Principal, ThreadRef
from runtime.model.messages import Content


class OneWay:
    """The parts of `runtime.ports.ChatPort` that such a channel does without."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @property
    def platform(self) -> Platform:
        """Which platform."""
        return self._platform

    def split(self, content: Content) -> tuple[Content, ...]:
        """One piece: it takes a message of any length."""
        return (content,)

    async def direct(self, who: Principal) -> ThreadRef:
        """Refuse: nobody writes to us from there, so nobody is known there.

        Raises:
            Permanent: always.
        """
        raise Permanent(f"{who.platform} has no direct messages")

    async def status(self, thread: ThreadRef, text: str) -> None:
        """Do nothing: nobody is watching."""

    async def begin_draft(
        self,
        thread: ThreadRef,  # noqa: ARG002 - the port's
        *,
        requester: Principal,  # noqa: ARG002 - the port's
        text: str,  # noqa: ARG002 - the port's
    ) -> MessageId | None:
        """Nothing grows here."""
        return None

    async def grow_draft(self, thread: ThreadRef, draft: MessageId, text: str) -> None:
        """Nothing grows here."""

    async def find_draft(
        self,
        thread: ThreadRef,  # noqa: ARG002 - the port's
        *,
        since: datetime,  # noqa: ARG002 - the port's
    ) -> MessageId | None:
        """Nothing grows here."""
        return None
