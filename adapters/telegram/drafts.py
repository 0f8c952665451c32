"""Answers that grow while the model writes: drafts in private chats, edits elsewhere.

A draft of a private chat is a preview of 30 seconds under a number of ours (Bot API,
"sendMessageDraft"): the answer is a message of its own, and nothing is left of the draft. Elsewhere
the growing answer is a message, which is edited and becomes the answer.
"""

import logging
from collections import OrderedDict

from telegram import InlineKeyboardMarkup, Message

from adapters.telegram import message, render
from adapters.telegram.api import BotApi
from adapters.telegram.faults import Refusal
from adapters.telegram.pace import Pace
from adapters.telegram.places import Chains, chat_of, is_private, topic_of
from runtime.clock import Clock
from runtime.errors import Ambiguous, Retryable
from runtime.ids import MessageId
from runtime.model.address import ThreadRef
from runtime.model.messages import Content

log = logging.getLogger("nightdesk.telegram")

PREVIEW = "draft-"
"""Begins the id of a preview, which is no message."""

_REMEMBERED = 1_000
_NUMBERS = 2**31 - 1


class Drafts:
    """The growing answers of one bot."""

    def __init__(self, api: BotApi, pace: Pace, chains: Chains, clock: Clock) -> None:
        self._api = api
        self._pace = pace
        self._chains = chains
        self._clock = clock
        self._shown: OrderedDict[tuple[int, str], str] = OrderedDict()
        self._no_previews = False

    async def begin(self, thread: ThreadRef, text: str) -> MessageId | None:
        """Begin a draft; None where Telegram takes none here or now."""
        chat, shown = chat_of(thread), render.growing(text)
        if not chat or not self._pace.may_progress(chat):
            return None
        try:
            draft = await self._preview_of(thread, shown) or await self._post(thread, shown)
        except (Retryable, Ambiguous, Refusal) as error:
            self._heed(chat, error)
            log.info("telegram.no_draft", extra={"chat": chat, "why": str(error)})
            return None
        self._remember(chat, draft, shown.text)
        return draft

    async def grow(self, thread: ThreadRef, draft: MessageId, text: str) -> None:
        """Show the answer so far. Too soon after the last time it does nothing."""
        chat, shown = chat_of(thread), render.growing(text)
        if shown.text == self._shown.get((chat, draft)) or not self._pace.may_progress(chat):
            return
        try:
            if draft.startswith(PREVIEW):
                await self._preview(thread, draft, shown)
            else:
                await self._edit(chat, draft, shown)
        except (Retryable, Ambiguous, Refusal) as error:
            self._heed(chat, error)
            log.info("telegram.draft_stuck", extra={"chat": chat, "why": str(error)})
        else:
            self._remember(chat, draft, shown.text)

    async def finish(self, thread: ThreadRef, draft: MessageId, content: Content) -> bool:
        """Make the message what it is to be; False where it must be a message of its own.

        It can be done again after any failure.

        Raises:
            Retryable: try again.
            Ambiguous: it may be done.
            Refusal: Telegram does not let it be done.
        """
        chat = chat_of(thread)
        if not draft.isdecimal():
            return False
        shown = render.shown(content.text)
        keyboard = message.keyboard(content.buttons)
        try:
            await self._edit(chat, draft, shown, keyboard)
        except Refusal as error:
            if "no text in the message" in error.said:  # it is a file with a caption
                await self._caption(chat, draft, shown, keyboard)
            elif error.gone:
                return False
            else:
                raise
        self._shown.pop((chat, draft), None)
        return True

    async def _preview_of(self, thread: ThreadRef, shown: render.Shown) -> MessageId | None:
        """Begin a preview; None where there can be none."""
        if self._no_previews or not is_private(chat_of(thread)):
            return None
        number = int(self._clock.now().timestamp() * 1000) % _NUMBERS + 1
        draft = MessageId(f"{PREVIEW}{number}")
        try:
            await self._preview(thread, draft, shown)
        except Refusal as error:
            log.info("telegram.no_previews", extra={"why": str(error)})
            self._no_previews = not error.no_topic
            return None
        return draft

    async def _preview(self, thread: ThreadRef, draft: str, shown: render.Shown) -> None:
        with self._api.calling() as bot:
            await bot.send_message_draft(
                chat_id=chat_of(thread),
                draft_id=int(draft.removeprefix(PREVIEW)),
                text=shown.text,
                message_thread_id=topic_of(thread),
                entities=message.entities(shown),
            )

    async def _post(self, thread: ThreadRef, shown: render.Shown) -> MessageId:
        place, said = message.place(thread), message.said(shown)
        with self._api.calling() as bot:
            sent = await bot.send_message(**place, **said, disable_notification=True)
        posted = message_id(sent)
        self._chains.note(chat_of(thread), int(posted), thread.root or posted)
        return posted

    async def _edit(
        self,
        chat: int,
        draft: str,
        shown: render.Shown,
        keyboard: InlineKeyboardMarkup | None = None,
    ) -> None:
        said = message.said(shown)
        try:
            with self._api.calling() as bot:
                await bot.edit_message_text(
                    chat_id=chat, message_id=int(draft), **said, reply_markup=keyboard
                )
        except Refusal as error:
            if not error.unchanged:
                raise

    async def _caption(
        self, chat: int, draft: str, shown: render.Shown, keyboard: InlineKeyboardMarkup | None
    ) -> None:
        said = message.caption(shown)
        try:
            with self._api.calling() as bot:
                await bot.edit_message_caption(
                    chat_id=chat, message_id=int(draft), **said, reply_markup=keyboard
                )
        except Refusal as error:
            if not error.unchanged:
                raise

    def _heed(self, chat: int, error: Exception) -> None:
        if isinstance(error, Retryable) and error.after:
            self._pace.ban(chat, error.after)

    def _remember(self, chat: int, draft: str, text: str) -> None:
        self._shown[chat, draft] = text
        if len(self._shown) > _REMEMBERED:
            self._shown.popitem(last=False)


def message_id(sent: object) -> MessageId:
    """The id of the message that a call made.

    Raises:
        Ambiguous: Telegram does not say.
    """
    if not isinstance(sent, Message) or not isinstance(sent.message_id, int):
        raise Ambiguous("Telegram does not say which message it made")
    return MessageId(str(sent.message_id))
