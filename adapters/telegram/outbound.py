"""Telegram, outbound: the Bot API, by python-telegram-bot for all that is written.

The library is loaded, in a thread, when there is first something to write: for a turn that is the
"typing" with which it begins.

Telegram keeps no key of ours with a message and lets a bot read no history, so a message whose
sending broke off is sent once more and can be there twice (`ChatLimits.may_repeat`).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING

from adapters.telegram import probe, render
from adapters.telegram.account import TELEGRAM_API, Account, Me
from adapters.telegram.faults import Refusal
from adapters.telegram.pace import Pace
from adapters.telegram.places import (
    TELEGRAM,
    Chains,
    channel,
    chat_of,
    is_private,
    topic_of,
)
from runtime.clock import Clock
from runtime.errors import Ambiguous, ConfigurationError, Permanent, Retryable
from runtime.ids import MessageId, Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.files import FileRef, OutFile
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem
from runtime.model.probe import Finding
from runtime.ports import ChatLimits

if TYPE_CHECKING:  # what loads python-telegram-bot is loaded where it is used
    from adapters.telegram.drafts import Drafts
    from adapters.telegram.writer import Writer

log = logging.getLogger("nightdesk.telegram")

ReadFile = Callable[[OutFile], Awaitable[bytes]]


class TelegramChat:
    """The `ChatPort` of Telegram."""

    def __init__(
        self,
        token: str,
        *,
        base_url: str = TELEGRAM_API,
        clock: Clock,
        chains: Chains | None = None,
        read_file: ReadFile | None = None,
        loaded: Callable[[], None] = lambda: None,
    ) -> None:
        """Connect as one bot.

        Args:
            token: the bot's token, as @BotFather shows it.
            base_url: where the Bot API is.
            clock: paces what is sent.
            chains: which message is in which chain of replies, shared with the inbound side.
            read_file: the bytes of a file that is to be sent; None where there are none.
            loaded: is called once the library is loaded.
        """
        self.account = Account(token, base_url=base_url)
        self.me: Me | None = None
        self._token = token
        self._base_url = base_url
        self._clock = clock
        self._chains = chains or Chains()
        self._pace = Pace(clock)
        self._read_file = read_file
        self._was_loaded = loaded
        self._loading = asyncio.Lock()
        self._writer: Writer | None = None

    @property
    def platform(self) -> Platform:
        """Telegram."""
        return TELEGRAM

    @property
    def limits(self) -> ChatLimits:
        """A message a second in a chat, a few at once, 30 a second in all; the FAQ's figures."""
        return ChatLimits(per_channel=1.0, overall=30.0, burst=3, may_repeat=True, images=True)

    async def open(self) -> None:
        """Connect, and ask Telegram who we are.

        Raises:
            ConfigurationError: the token is not good.
            Retryable: Telegram cannot be asked.
        """
        self.account.open()
        try:
            self.me = await self.account.me()
        except Refusal as error:
            await self.close()
            raise ConfigurationError(f"Telegram: {error}") from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Disconnect."""
        await self.account.close()
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()

    def split(self, content: Content) -> tuple[Content, ...]:
        """Cut the content into messages of at most 4,096 UTF-16 units, and a file each."""
        return render.pieces(content)

    async def send(self, item: OutboxItem) -> MessageId:
        """Send one message; see `ChatPort.send`."""
        if item.only_for is not None and not is_private(chat_of(item.thread)):
            return await self._send_privately(item, item.only_for)
        writer = await self._writing()
        try:
            return await writer.send(item.thread, item.content, item)
        except Refusal as error:
            # The allow-list names the group by its old id, so only an answer may follow it.
            if error.moved_to is None or item.proactive:
                raise
            moved = ThreadRef(channel(error.moved_to))
            return await writer.send(moved, item.content)

    async def find(self, item: OutboxItem) -> MessageId | None:
        """An edit can be made again; of a new message Telegram cannot tell whether it is there.

        Nor of a file that follows an answer that grew.
        """
        edits = item.draft is not None and item.draft.isdecimal() and not item.content.files
        replaced = self._writer is not None and self._writer.replaced(item.id)
        if edits and not replaced:
            return None
        raise Permanent("Telegram does not let a bot look for its own messages")

    async def direct(self, who: Principal) -> ThreadRef:
        """The private chat with that person, which has the person's own id."""
        return ThreadRef(ChannelRef(TELEGRAM, "", who.user))

    async def status(self, thread: ThreadRef, text: str) -> None:
        """Show "typing" for some seconds; Telegram takes no words."""
        chat = chat_of(thread)
        if not text or not chat or not self._pace.may_progress(chat, as_message=False):
            return
        try:
            await (await self._writing()).typing(chat, topic_of(thread))
        except Retryable as error:
            if error.after:
                self._pace.ban(chat, error.after)
        except (Ambiguous, Refusal) as error:
            log.debug("telegram.no_status", extra={"why": str(error)})

    async def begin_draft(
        self,
        thread: ThreadRef,
        *,
        requester: Principal,  # noqa: ARG002 - Telegram shows a draft to all who are there
        text: str,
    ) -> MessageId | None:
        """Begin a preview in a private chat, elsewhere a message that is edited."""
        drafts = await self._drafts()
        return None if drafts is None else await drafts.begin(thread, text)

    async def grow_draft(self, thread: ThreadRef, draft: MessageId, text: str) -> None:
        """Show the answer so far: about every second in private, every three in groups."""
        drafts = await self._drafts()
        if drafts is not None:
            await drafts.grow(thread, draft, text)

    async def find_draft(self, thread: ThreadRef, *, since: datetime) -> MessageId | None:  # noqa: ARG002 - there is nothing to look in
        """None: a bot can read no history, and a preview is gone by itself."""
        return None

    async def probe(self, channel: ChannelRef | None = None) -> Sequence[Finding]:
        """Test the connection: the token, how updates come, and the rights in the channel."""
        return [finding async for finding in probe.findings(self.account, channel)]

    async def fetch(self, file: FileRef, *, most: int) -> AsyncIterator[bytes]:
        """The bytes of a file that came with a message: see `FetchesFiles`."""
        writer = await self._writing()
        async with aclosing(writer.download(file.handle, most=most)) as pieces:
            async for piece in pieces:
                yield piece

    async def _send_privately(self, item: OutboxItem, who: Principal) -> MessageId:
        """Telegram has no private message in a group, so it goes into the person's own chat.

        Who never opened that is told in the group how to, and nothing else.
        """
        there = await self.direct(who)
        writer = await self._writing()
        try:
            return await writer.send(there, item.content)
        except Refusal as error:
            if not error.unreachable:
                raise
        name = f"@{self.me.username}" if self.me else "me"
        pointer = Content(
            f"I answer that in private and cannot write to you yet: open a chat with {name}, press "
            "Start, and ask again."
        )
        return await writer.send(item.thread, pointer)

    async def _writing(self) -> "Writer":
        """What writes; the first to need it waits for its library.

        Raises:
            Retryable: the connection is not open.
        """
        async with self._loading:
            if self._writer is None:
                self._check_open()
                writer = await asyncio.to_thread(self._new_writer)
                if not self.account.is_open:  # closed meanwhile
                    await writer.close()
                    self._check_open()
                self._writer = writer
                self._was_loaded()
            return self._writer

    def _new_writer(self) -> "Writer":
        """Load the library and make what writes; that takes 0.2 s, so it is done in a thread."""
        from adapters.telegram.writer import Writer as Loaded  # noqa: PLC0415 - see above

        return Loaded(
            self._token,
            base_url=self._base_url,
            clock=self._clock,
            pace=self._pace,
            chains=self._chains,
            read_file=self._read_file,
        )

    def _check_open(self) -> None:
        if not self.account.is_open:
            raise Retryable("the connection to Telegram is not open")

    async def _drafts(self) -> "Drafts | None":
        """The growing answers; None while Telegram is not connected."""
        try:
            return (await self._writing()).drafts
        except Retryable as error:
            log.info("telegram.no_draft", extra={"why": str(error)})
            return None
