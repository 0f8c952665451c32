"""The Bot API as one bot: python-telegram-bot's `Bot`, what became of each call, and files.

    with api.calling() as bot:
        sent = await bot.send_message(...)

See `docs/adr/0007-telegram-by-python-telegram-bot.md`. The token is part of every address, so no
address is ever logged or put into an error.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from urllib.parse import quote

import telegram
from telegram.error import TelegramError

from adapters.telegram.account import TELEGRAM_API
from adapters.telegram.transport import READ_SECONDS, Request, Told, hush
from runtime.errors import Ambiguous, Permanent, Refused, Retryable

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

    def __init__(self, token: str, *, base_url: str = TELEGRAM_API) -> None:
        """Make the pool; nothing is asked yet. It takes 50 ms, so make it in a thread.

        Args:
            token: the bot's token.
            base_url: where the Bot API is; another for tests and for a server of one's own.
        """
        hush()
        base = base_url.rstrip("/")
        self._calls = Request(ssl.create_default_context())
        self._bot = Bot(
            token,
            base_url=f"{base}/bot",
            base_file_url=f"{base}/file/bot",
            request=self._calls,
            get_updates_request=self._calls,  # it is never asked: see `Account.updates`
        )

    async def close(self) -> None:
        """Close the pool."""
        await self._calls.shutdown()

    @contextmanager
    def calling(self) -> Iterator[Bot]:
        """The bot, for one call of a method that changes something.

        Raises:
            Retryable: nothing was changed.
            Ambiguous: it may have been changed.
            Refusal: Telegram said no.
        """
        try:
            yield self._bot
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

    async def download(self, file_id: str, *, most: int) -> AsyncGenerator[bytes, None]:
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
        taken = 0
        async with self._calls.file(f"{bot.base_file_url}/{quote(path)}") as response:
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


def _path(address: str, base: str) -> str:
    """Where a file is below the bot's folder of files, from the address the library made."""
    path = address.removeprefix(f"{base}/")
    # A server of one's own may name a file of its disk, or lead out of the bot's folder.
    if not path or path[0] == "/" or ".." in path.split("/"):
        raise Permanent("Telegram does not say where the file is")
    return path
