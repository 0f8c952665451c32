"""What the terminal shows: the chat platform's outgoing side."""

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime

from adapters.terminal.copies import Copies
from adapters.terminal.journal import Journal
from adapters.terminal.rooms import DIRECT, PLATFORM, Board, place_of
from adapters.terminal.screen import Said, Screen
from adapters.terminal.text import one_line
from runtime.errors import Permanent
from runtime.ids import IdSource, MessageId, OutboxId, Platform, derived
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem
from runtime.model.probe import Finding
from runtime.ports import ChatLimits
from runtime.text import clipped

_TITLE = 60
_REMEMBERED = 64
"""Messages that were changed lately, of which a change to the same is not shown again."""


class TerminalChat:
    """The terminal as a `runtime.ports.ChatPort`.

    The id of a message follows from its outbox row, so that a message shown again after a crash
    has the same id and its thread the same root. A row is shown, then written to the journal: a
    crash between the two shows it once more, and a row in the journal is never shown again.
    """

    def __init__(
        self,
        *,
        board: Board,
        screen: Screen,
        journal: Journal,
        ids: IdSource,
        copies: Copies | None = None,
    ) -> None:
        self.board = board
        self.screen = screen
        self._copies = copies or Copies(None, None)
        self._journal = journal
        self._ids = ids
        self._warned = False
        self._changed: dict[MessageId, Content] = {}
        self._one_at_a_time = asyncio.Lock()
        for number, thread in journal.threads.items():
            board.restore(number, thread)

    @property
    def platform(self) -> Platform:
        """`terminal`."""
        return PLATFORM

    @property
    def limits(self) -> ChatLimits:
        """As fast as anybody could want to read; an answer grows as smoothly as the eye sees."""
        return ChatLimits(
            per_channel=1000.0, overall=1000.0, burst=1000, draft_after=0.05, draft_every=0.05
        )

    def split(self, content: Content) -> tuple[Content, ...]:
        """One piece: a terminal takes a message of any length."""
        return (content,)

    async def send(self, item: OutboxItem) -> MessageId:
        """Show the message, once for each outbox row.

        Raises:
            Permanent: it is not for the person at this terminal.
            Retryable: nobody reads the output any more.
        """
        self._refuse_strangers(item)
        async with self._one_at_a_time:
            known = self._journal.message_of(item.id)
            if known is not None:
                return known
            message = item.draft or MessageId(derived(PLATFORM, item.id))
            if item.draft is not None and self._changed.get(message) == item.content:
                # Who pressed a button is answered so, and the thing that was decided tells it too.
                await self._remember(sent=(item.id, message))
                return message
            await self._show(item, message)
            if item.draft is not None:
                self._note_change(item, message)
            return message

    async def find(self, item: OutboxItem) -> MessageId | None:
        """The message of the row, as the journal knows it over a restart."""
        return self._journal.message_of(item.id)

    async def direct(self, who: Principal) -> ThreadRef:
        """The direct message, which the person at this terminal has.

        Raises:
            Permanent: it is somebody else.
        """
        if who != self.board.sender:
            raise Permanent("that person is not at this terminal")
        return place_of(DIRECT)

    async def status(self, thread: ThreadRef, text: str) -> None:
        """Show on a live screen that the agent works."""
        self.screen.status(thread, one_line(text))

    async def begin_draft(
        self, thread: ThreadRef, *, requester: Principal, text: str
    ) -> MessageId | None:
        """Begin a growing answer on a live screen; None where output goes to a file or a pipe."""
        if not self.screen.live or requester != self.board.sender:
            return None
        self.screen.draft(thread, text)
        return MessageId(self._ids.new())

    async def grow_draft(
        self,
        thread: ThreadRef,
        draft: MessageId,  # noqa: ARG002 - one answer grows in a thread at a time
        text: str,
    ) -> None:
        """Show the answer so far."""
        self.screen.draft(thread, text)

    async def find_draft(
        self,
        thread: ThreadRef,  # noqa: ARG002 - the port's signature
        *,
        since: datetime,  # noqa: ARG002
    ) -> MessageId | None:
        """None: what grew on the screen went with the process that showed it."""
        return None

    async def probe(self, channel: ChannelRef | None = None) -> Sequence[Finding]:
        """The terminal itself, and whether the channel is one of its rooms."""
        how = "with a person at it" if self.screen.live else "reading from a pipe or a file"
        found = [Finding(ok=True, what=f"the terminal: attached, {how}")]
        if channel is not None:
            known = channel.channel in {room.id for room in self.board.rooms}
            found.append(
                Finding(ok=True, what=f"the channel {channel.channel}: shown here")
                if known
                else Finding(
                    ok=False,
                    what=f"the channel {channel.channel}: no channel of this terminal",
                    missing="configuration",
                    todo='List it in nightdesk.toml under [[channels]] with platform = "terminal".',
                )
            )
        return found

    async def thread_begun(self, thread: ThreadRef, *, title: str) -> None:
        """Number the thread that a person began."""
        number, new = self.board.number(thread, title=_title(title))
        if new:
            await self._remember(thread=(number, thread))

    def _note_change(self, item: OutboxItem, message: MessageId) -> None:
        self._changed.pop(message, None)
        self._changed[message] = item.content
        if len(self._changed) > _REMEMBERED:
            del self._changed[next(iter(self._changed))]

    def _refuse_strangers(self, item: OutboxItem) -> None:
        if item.thread.platform != PLATFORM:
            raise Permanent(f"a message for {item.thread.platform} cannot go to the terminal")
        if item.only_for not in {None, self.board.sender}:
            raise Permanent("the person whom this message is for is not at this terminal")

    async def _show(self, item: OutboxItem, message: MessageId) -> None:
        text = item.content.text
        if item.content.files:
            text = f"{text}\n\n{await self._copies.of(item)}".lstrip()
        place, thread = item.thread, None
        if _begins_thread(item):
            place = place.under(message)
            number, new = self.board.number(place, title=_title(item.content.text))
            thread = (number, place) if new else None
        self.screen.status(item.thread, "")
        self.screen.draft(item.thread, "")
        await self.screen.say(
            Said(
                speaker=self.board.room(place).agent,
                place=self.board.label(place),
                text=text,
                # In the direct message nobody else is there to see it.
                private=item.only_for is not None and place.channel.channel != DIRECT,
                buttons=self.board.put(item.content.buttons, message=message, place=item.thread),
                at=item.created_at,
            )
        )
        await self._remember(sent=(item.id, message), thread=thread)

    async def _remember(
        self,
        *,
        sent: tuple[OutboxId, MessageId] | None = None,
        thread: tuple[int, ThreadRef] | None = None,
    ) -> None:
        """Write to the journal, off the loop; where that fails, go on, and say so once."""
        try:
            await asyncio.to_thread(self._journal.note, sent=sent, thread=thread)
        except OSError as error:
            if not self._warned:
                self._warned = True
                await self.screen.warn(
                    f"The terminal cannot write its journal ({error.strerror}): after a restart "
                    "thread numbers may differ, and after a crash a message may show twice."
                )


def _begins_thread(item: OutboxItem) -> bool:
    """Whether people will want to reply under it: its number is how they do."""
    in_channel = item.thread.channel.channel != DIRECT
    return not item.thread.root and (item.binds is not None or (item.proactive and in_channel))


def _title(text: str) -> str:
    """The first line of a text, short, without the marks of a heading."""
    lines: Sequence[str] = text.strip().split("\n")
    return clipped(one_line(re.sub(r"[*`#>]+", "", lines[0])), _TITLE)
