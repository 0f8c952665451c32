"""Telegram, outbound: the Bot API by python-telegram-bot.

Telegram keeps no key of ours with a message and lets a bot read no history, so a message whose
sending broke off is sent once more and can be there twice (`ChatLimits.may_repeat`).
"""

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from ssl import SSLContext, create_default_context

from telegram import InputFile, Message
from telegram.constants import ChatAction

from adapters.telegram import message, probe, render
from adapters.telegram.api import TELEGRAM_API, BotApi
from adapters.telegram.drafts import Drafts, message_id
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
from runtime.ids import MessageId, OutboxId, Platform
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.files import FileRef, OutFile
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem
from runtime.model.probe import Finding
from runtime.model.value import value
from runtime.ports import ChatLimits

log = logging.getLogger("nightdesk.telegram")

FILE_LIMIT = 50_000_000
"""Bytes that a bot may send in a file."""
PHOTO_LIMIT = 10_000_000
"""Bytes that may be shown as a picture."""

_REMEMBERED = 1_000
_PICTURES = frozenset({"image/jpeg", "image/png"})

ReadFile = Callable[[OutFile], Awaitable[bytes]]


@value()
class Me:
    """Who the bot is, as Telegram says it.

    Attributes:
        id: its number.
        username: its name, without `@`.
        hears_all: it hears every message of its groups: privacy mode is off.
    """

    id: int
    username: str
    hears_all: bool


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
        tls: Callable[[], SSLContext] = create_default_context,
    ) -> None:
        """Connect as one bot.

        Args:
            token: the bot's token, as @BotFather shows it.
            base_url: where the Bot API is.
            clock: paces what is sent.
            chains: which message is in which chain of replies, shared with the inbound side.
            read_file: the bytes of a file that is to be sent; None where there are none.
            tls: whom to trust; asked in a thread, for it may read certificates.
        """
        self.api = BotApi(token, base_url=base_url, tls=tls)
        self.me: Me | None = None
        self._chains = chains or Chains()
        self._pace = Pace(clock)
        self._drafts = Drafts(self.api, self._pace, self._chains, clock)
        self._read_file = read_file
        self._replaced: OrderedDict[OutboxId, None] = OrderedDict()

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
        await self.api.open()
        try:
            with self.api.asking() as bot:
                user = await bot.get_me()
        except Refusal as error:
            await self.close()
            raise ConfigurationError(f"Telegram: {error}") from error
        except BaseException:
            await self.close()
            raise
        self.me = Me(user.id, user.username or "", bool(user.can_read_all_group_messages))

    async def close(self) -> None:
        """Disconnect."""
        await self.api.close()

    def split(self, content: Content) -> tuple[Content, ...]:
        """Cut the content into messages of at most 4,096 UTF-16 units, and a file each."""
        return render.pieces(content)

    async def send(self, item: OutboxItem) -> MessageId:
        """Send one message; see `ChatPort.send`."""
        if item.only_for is not None and not is_private(chat_of(item.thread)):
            return await self._send_privately(item, item.only_for)
        try:
            return await self._send(item.thread, item.content, item)
        except Refusal as error:
            # The allow-list names the group by its old id, so only an answer may follow it.
            if error.moved_to is None or item.proactive:
                raise
            moved = ThreadRef(channel(error.moved_to))
            return await self._send(moved, item.content)

    async def find(self, item: OutboxItem) -> MessageId | None:
        """An edit can be made again; of a new message Telegram cannot tell whether it is there.

        Nor of a file that follows an answer that grew.
        """
        edits = item.draft is not None and item.draft.isdecimal() and not item.content.files
        if edits and item.id not in self._replaced:
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
        topic = topic_of(thread)
        try:
            with self.api.calling() as bot:
                await bot.send_chat_action(chat, ChatAction.TYPING, message_thread_id=topic)
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
        return await self._drafts.begin(thread, text)

    async def grow_draft(self, thread: ThreadRef, draft: MessageId, text: str) -> None:
        """Show the answer so far: about every second in private, every three in groups."""
        await self._drafts.grow(thread, draft, text)

    async def find_draft(self, thread: ThreadRef, *, since: datetime) -> MessageId | None:  # noqa: ARG002 - there is nothing to look in
        """None: a bot can read no history, and a preview is gone by itself."""
        return None

    async def probe(self, channel: ChannelRef | None = None) -> Sequence[Finding]:
        """Test the connection: the token, how updates come, and the rights in the channel."""
        return [finding async for finding in probe.findings(self.api, channel)]

    def fetch(self, file: FileRef, *, most: int) -> AsyncIterator[bytes]:
        """The bytes of a file that came with a message: see `FetchesFiles`."""
        return self.api.download(file.handle, most=most)

    async def _send_privately(self, item: OutboxItem, who: Principal) -> MessageId:
        """Telegram has no private message in a group, so it goes into the person's own chat.

        Who never opened that is told in the group how to, and nothing else.
        """
        there = await self.direct(who)
        try:
            return await self._send(there, item.content)
        except Refusal as error:
            if not error.unreachable:
                raise
        name = f"@{self.me.username}" if self.me else "me"
        pointer = Content(
            f"I answer that in private and cannot write to you yet: open a chat with {name}, press "
            "Start, and ask again."
        )
        return await self._send(item.thread, pointer)

    async def _send(
        self, thread: ThreadRef, content: Content, item: OutboxItem | None = None
    ) -> MessageId:
        """Send it, or make the item's draft it."""
        place = message.place(thread)
        chat = place["chat_id"]
        wait = self._pace.wait(chat)
        if wait > 0:
            raise Retryable("the chat has had its share of this minute", after=wait)
        try:
            if item is not None and item.draft is not None:
                if await self._drafts.finish(thread, item.draft, replace(content, files=())):
                    if content.files:  # what grew cannot become a file: that follows it
                        await self._post(thread, Content("", files=content.files), place)
                    return item.draft
                self._note_replaced(item.id)
            return await self._post(thread, content, place)
        except Retryable as error:
            if error.after:
                self._pace.ban(chat, error.after)
            raise

    def _note_replaced(self, item: OutboxId) -> None:
        """Remember that the message to be edited is gone: what is sent for it is a new one."""
        self._replaced[item] = None
        if len(self._replaced) > _REMEMBERED:
            self._replaced.popitem(last=False)

    async def _post(self, thread: ThreadRef, content: Content, place: message.Place) -> MessageId:
        try:
            sent = await self._call(content, place)
        except Refusal as error:
            if not (error.no_topic and is_private(place["chat_id"])):
                raise
            # Telegram has taken topics from private chats before: say it in the chat itself.
            log.warning("telegram.no_topic", extra={"chat": place["chat_id"]})
            sent = await self._call(content, message.place(thread, topic=False))
        made = message_id(sent)
        self._chains.note(place["chat_id"], int(made), thread.root or made)
        return made

    async def _call(self, content: Content, place: message.Place) -> Message:
        keyboard = message.keyboard(content.buttons)
        if not content.files:
            said = message.said(render.shown(content.text))
            with self.api.calling() as bot:
                return await bot.send_message(**place, **said, reply_markup=keyboard)
        (file, *_) = content.files
        text = content.text if content.text.strip() else file.alt
        caption = message.caption(render.shown(text) if text else None)
        upload = await self._upload(file)
        if file.media_type in _PICTURES and file.size <= PHOTO_LIMIT:
            try:
                with self.api.calling() as bot:
                    return await bot.send_photo(
                        **place, **caption, photo=upload, reply_markup=keyboard
                    )
            except Refusal as error:
                if "photo" not in error.said:  # else it is too long or too narrow for one
                    raise
        with self.api.calling() as bot:
            return await bot.send_document(
                **place, **caption, document=upload, reply_markup=keyboard
            )

    async def _upload(self, file: OutFile) -> InputFile:
        if self._read_file is None:
            raise Permanent("there is no store that the file could be read from")
        if file.size > FILE_LIMIT:
            raise Permanent(f"the file has {file.size} bytes, and a bot may send {FILE_LIMIT}")
        return message.file(file.name, file.media_type, await self._read_file(file))
