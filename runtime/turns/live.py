"""What a person sees while a turn runs: the answer as it grows."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime

from runtime.clock import Clock
from runtime.errors import Conflict, Retryable
from runtime.ids import MessageId, OutboxId, derived
from runtime.model.address import Principal, ThreadRef
from runtime.model.messages import Content, Reply
from runtime.model.outbox import OutboxItem
from runtime.model.step import Step
from runtime.model.turn import Turn
from runtime.outbox import compose, whole
from runtime.ports import ChatPort, ShowsSteps

log = logging.getLogger("nightdesk.live")

Troubles = tuple[BaseException | None]
"""What one piece of work raised, or None."""
Aside = Callable[[Coroutine[None, None, Troubles]], asyncio.Task[Troubles]]
"""Does work in a task of its own, which never raises."""

LOOK_EVERY = 1.0
"""Seconds between two looks whether the turn whose answer grows is still ours."""


def closing_word(turn: Turn, *, now: datetime) -> list[OutboxItem]:
    """What the growing answer of a stopped turn becomes; the same whoever closes it.

    Nothing where none grows.
    """
    if turn.draft is None or turn.thread is None:
        return []
    word = Reply(
        id=OutboxId(derived("stopped", turn.id)),
        thread=turn.thread,
        content=Content("_Stopped._"),
        draft=turn.draft,
    )
    return compose(word, split=whole, now=now)


class LiveAnswer:
    """Shows one turn's answer while it grows. Nothing that goes wrong with it fails the turn."""

    def __init__(
        self,
        chat: ChatPort,
        thread: ThreadRef,
        requester: Principal,
        *,
        aside: Aside,
        clock: Clock,
        keep: Callable[[MessageId], Awaitable[None]],
        abandon: Callable[[MessageId], Awaitable[None]],
        draft: MessageId | None,
    ) -> None:
        """Show the answer in `thread`.

        Args:
            chat: where.
            thread: the thread.
            requester: who asked; platforms stream to that person.
            aside: begins a task that outlives the turn.
            clock: for the pace.
            keep: stores the draft's id, so that a crash reuses it; raises `Conflict` where the
                turn is no longer ours, and nothing more of it may be shown.
            abandon: closes a draft that the turn lost while it was begun.
            draft: the draft of an earlier try, or None.
        """
        self._chat = chat
        self._thread = thread
        self._requester = requester
        self._aside = aside
        self._clock = clock
        self._keep = keep
        self._abandon = abandon
        self.draft = draft
        self._text = ""
        self._due = clock.monotonic() + chat.limits.draft_after
        self._ours_until = 0.0
        self._refused = False

    async def add(self, text: str) -> None:
        """Take the next piece of the answer, and show it when it is time.

        Raises:
            Conflict: the turn is no longer ours.
        """
        self._text += text
        now = self._clock.monotonic()
        if self._refused or now < self._due or not self._text.strip():
            return
        self._due = now + self._chat.limits.draft_every
        if self.draft is None:
            await self._begun()
        elif now < self._ours_until or await self._kept(self.draft):
            await self._chat.grow_draft(self._thread, self.draft, self._text)

    async def step(self, step: Step) -> None:
        """Show what the agent does, where the platform can, and the turn takes a while already.

        Raises:
            Conflict: the turn is no longer ours.
        """
        chat: object = self._chat
        if self._refused or not isinstance(chat, ShowsSteps):
            return
        if self.draft is None and self._clock.monotonic() >= self._due:
            await self._begun()
        if self.draft is not None:
            await chat.show_step(self._thread, self.draft, step)

    async def _begun(self) -> None:
        # Begun to its end even if the turn is stopped meanwhile: the draft is to be closed.
        (trouble,) = await asyncio.shield(self._aside(_told(self._begin())))
        if trouble is not None:
            raise trouble

    async def _begin(self) -> None:
        draft = await self._chat.begin_draft(
            self._thread, requester=self._requester, text=self._text
        )
        if draft is None:
            self._refused = True
            return
        self.draft = draft
        try:
            await self._kept(draft)
        except Conflict:
            # Whoever stopped the turn did not know of it; the turn hears of that at its next word.
            await self._abandon(draft)

    async def _kept(self, draft: MessageId) -> bool:
        try:
            await self._keep(draft)
        except Retryable as error:
            log.warning("draft.not_stored", extra={"why": str(error)})
            return False
        self._ours_until = self._clock.monotonic() + LOOK_EVERY
        return True

    def restart(self) -> None:
        """Forget the text so far: the model is asked anew."""
        self._text = ""


async def _told(work: Awaitable[None]) -> Troubles:
    """What the work raised, handed on as a value: it is the turn's trouble, and no other's."""
    return await asyncio.gather(work, return_exceptions=True)
