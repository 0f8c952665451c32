"""The Bot API as one bot: python-telegram-bot's `Bot`, what became of each call, and files.

    with api.calling() as bot:
        sent = await bot.send_message(...)

See `docs/adr/0007-telegram-by-python-telegram-bot.md`. The token is part of every address, so no
address is ever logged or put into an error.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import quote

import telegram
from telegram.error import TelegramError

from adapters.telegram.faults import Told
from adapters.telegram.inbound import ALLOWED_UPDATES
from adapters.telegram.transport import READ_SECONDS, Polls, Request, hush
from runtime.errors import Ambiguous, Permanent, Refused, Retryable

TELEGRAM_API = "https://api.telegram.org"
_PIECE = 1 << 16
_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)
"""What the library raises where an answer is not of the shape that its types have."""


class Bot(telegram.Bot):
    """The library's bot, whose representation does not show the token."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Who it is: the number alone, which is no secret."""
        return f"Bot({self.token.partition(':')[0]})"


class BotApi:
    """Calls methods of the Bot API as one bot."""

    def __init__(
        self,
        token: str,
        *,
        base_url: str = TELEGRAM_API,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        """Call.

        Args:
            token: the bot's token.
            base_url: where the Bot API is; another for tests and for a server of one's own.
            tls: whom to trust; asked in a thread, for it may read certificates.
        """
        self._token = token
        self._base = base_url.rstrip("/")
        self._tls = tls
        self._opened: tuple[Bot, Request, Polls] | None = None

    async def open(self) -> None:
        """Make the pools; nothing is asked yet."""
        hush()
        tls = await asyncio.to_thread(self._tls)
        calls, polls = Request(tls), Polls(tls)
        bot = Bot(
            self._token,
            base_url=f"{self._base}/bot",
            base_file_url=f"{self._base}/file/bot",
            request=calls,
            get_updates_request=polls,
        )
        self._opened = bot, calls, polls

    async def close(self) -> None:
        """Close the pools."""
        opened, self._opened = self._opened, None
        if opened is not None:
            _, calls, polls = opened
            await calls.shutdown()
            await polls.shutdown()

    @contextmanager
    def calling(self) -> Iterator[Bot]:
        """The bot, for one call of a method that changes something.

        Raises:
            Retryable: nothing was changed.
            Ambiguous: it may have been changed.
            Refusal: Telegram said no.
        """
        bot, _, _ = self._open()
        try:
            yield bot
        except Told as error:
            raise error.became from None
        except TelegramError as error:  # it repeats what was wrong, addresses and all
            raise Ambiguous(f"Telegram did not answer: {type(error).__name__}") from None
        except _UNREADABLE as error:
            raise Ambiguous("Telegram's answer cannot be read") from error

    @contextmanager
    def asking(self) -> Iterator[Bot]:
        """The bot, for one call of a method that changes nothing and can always be called again.

        Raises:
            Retryable: Telegram did not answer.
            Refusal: Telegram said no.
        """
        try:
            with self.calling() as bot:
                yield bot
        except Ambiguous as error:
            raise Retryable(str(error)) from error

    async def updates(self, *, offset: int | None, seconds: int) -> Sequence[object]:
        """Ask for updates, one question at a time; each as it came, for the webhook's parser.

        Args:
            offset: the first that is wanted; all before it are confirmed.
            seconds: how long Telegram may hold the question open.

        Raises:
            Retryable, Ambiguous, Refusal: as for `calling`.
        """
        _, _, polls = self._open()
        with self.calling() as bot:
            await bot.get_updates(offset=offset, timeout=seconds, allowed_updates=ALLOWED_UPDATES)
        found, polls.found = polls.found, None
        if not isinstance(found, list):
            raise Ambiguous("Telegram's answer cannot be read")
        return found

    async def download(self, file_id: str, *, most: int) -> AsyncIterator[bytes]:
        """The bytes of a file that somebody sent.

        Raises:
            Refused: it has more bytes than `most`.
            Retryable: Telegram did not answer.
            Permanent: it is gone.
        """
        with self.asking() as bot:
            found = await bot.get_file(file_id)
        size = found.file_size or 0
        if size > most:
            raise Refused(f"The file has {size} bytes, and {most} are the most that I take.")
        # The library's own download takes all of a file into memory, however much that is.
        path = _path(found.file_path or "", bot.base_file_url)
        _, calls, _ = self._open()
        taken = 0
        async with calls.file(f"{bot.base_file_url}/{quote(path)}") as response:
            pieces = response.aiter_raw(_PIECE)
            while True:
                async with asyncio.timeout(READ_SECONDS):
                    piece = await anext(pieces, b"")
                if not piece:
                    return
                taken += len(piece)
                if taken > most:
                    raise Refused(f"The file has more than {most} bytes: I take no more.")
                yield piece

    def _open(self) -> tuple[Bot, Request, Polls]:
        if self._opened is None:
            raise Retryable("the connection to Telegram is not open")
        return self._opened


def _path(address: str, base: str) -> str:
    """Where a file is below the bot's folder of files, from the address the library made."""
    path = address.removeprefix(f"{base}/")
    # A server of one's own may name a file of its disk, or lead out of the bot's folder.
    if not path or path[0] == "/" or ".." in path.split("/"):
        raise Permanent("Telegram does not say where the file is")
    return path
