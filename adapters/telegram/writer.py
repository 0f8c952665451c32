"""Writes messages and fetches files. Loading this loads python-telegram-bot: 10 MB, 0.2 s."""

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator
from dataclasses import replace

from telegram import InputFile, Message
from telegram.constants import ChatAction

from adapters.telegram import message, render
from adapters.telegram.api import BotApi
from adapters.telegram.drafts import Drafts, message_id
from adapters.telegram.faults import Refusal
from adapters.telegram.outbound import ReadFile
from adapters.telegram.pace import Pace
from adapters.telegram.places import Chains, is_private
from runtime.clock import Clock
from runtime.errors import Permanent, Retryable
from runtime.ids import MessageId, OutboxId
from runtime.model.address import ThreadRef
from runtime.model.files import OutFile
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem

log = logging.getLogger("nightdesk.telegram")

FILE_LIMIT = 50_000_000
"""Bytes that a bot may send in a file."""
PHOTO_LIMIT = 10_000_000
"""Bytes that may be shown as a picture."""

_REMEMBERED = 1_000
_PICTURES = frozenset({"image/jpeg", "image/png"})


class Writer:
    """What one bot writes.

    Attributes:
        drafts: the growing answers.
    """

    def __init__(
        self,
        token: str,
        *,
        base_url: str,
        clock: Clock,
        pace: Pace,
        chains: Chains,
        read_file: ReadFile | None,
    ) -> None:
        """Write as the bot of that token; nothing is asked yet. See `TelegramChat`."""
        self._api = BotApi(token, base_url=base_url)
        self._pace = pace
        self._chains = chains
        self._read_file = read_file
        self._replaced: OrderedDict[OutboxId, None] = OrderedDict()
        self.drafts = Drafts(self._api, pace, chains, clock)

    async def close(self) -> None:
        """Disconnect."""
        await self._api.close()

    def replaced(self, item: OutboxId) -> bool:
        """Whether the message that was to be edited was gone, so that a new one was sent."""
        return item in self._replaced

    async def typing(self, chat: int, topic: int | None) -> None:
        """Show "typing" for some seconds."""
        with self._api.calling() as bot:
            await bot.send_chat_action(chat, ChatAction.TYPING, message_thread_id=topic)

    def download(self, handle: str, *, most: int) -> AsyncGenerator[bytes, None]:
        """The bytes of a file that somebody sent: see `BotApi.download`."""
        return self._api.download(handle, most=most)

    async def send(
        self, thread: ThreadRef, content: Content, item: OutboxItem | None = None
    ) -> MessageId:
        """Send it, or make the item's draft it.

        Raises:
            Retryable, Ambiguous, Refusal: as for `BotApi.calling`.
            Permanent: it cannot be sent as it is.
        """
        place = message.place(thread)
        chat = place["chat_id"]
        wait = self._pace.wait(chat)
        if wait > 0:
            raise Retryable("the chat has had its share of this minute", after=wait)
        try:
            if item is not None and item.draft is not None:
                if await self.drafts.finish(thread, item.draft, replace(content, files=())):
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
            with self._api.calling() as bot:
                return await bot.send_message(**place, **said, reply_markup=keyboard)
        (file, *_) = content.files
        text = content.text if content.text.strip() else file.alt
        caption = message.caption(render.shown(text) if text else None)
        upload = await self._upload(file)
        if file.media_type in _PICTURES and file.size <= PHOTO_LIMIT:
            try:
                with self._api.calling() as bot:
                    return await bot.send_photo(
                        **place, **caption, photo=upload, reply_markup=keyboard
                    )
            except Refusal as error:
                if "photo" not in error.said:  # else it is too long or too narrow for one
                    raise
        with self._api.calling() as bot:
            return await bot.send_document(
                **place, **caption, document=upload, reply_markup=keyboard
            )

    async def _upload(self, file: OutFile) -> InputFile:
        if self._read_file is None:
            raise Permanent("there is no store that the file could be read from")
        if file.size > FILE_LIMIT:
            raise Permanent(f"the file has {file.size} bytes, and a bot may send {FILE_LIMIT}")
        return message.file(file.name, file.media_type, await self._read_file(file))
