"""The bot's account: who it is, how its updates come, what it offers, and what it may do where.

Plain requests, each of which can be made again whatever became of it. Messages and files are
python-telegram-bot's (`writer`): 10 MB, without which a bot goes until somebody speaks with it.
See `docs/adr/0007-telegram-by-python-telegram-bot.md`. The token is part of every address, so no
address is ever logged or put into an error.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import aiohttp
import msgspec

from adapters.telegram.faults import judged
from adapters.telegram.inbound import ALLOWED_UPDATES
from runtime.errors import Ambiguous, Retryable
from runtime.model.value import value

TELEGRAM_API = "https://api.telegram.org"
MOST_CALLS = 40
"""Connections that Telegram may call the webhook over at once; its own default."""

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 20.0
_POLL_READ_SECONDS = 15.0
"""How long the answer to a poll may take beyond what Telegram was asked to hold it."""
_PRESS_SECONDS = 5.0
_IDLE_SECONDS = 5.0
"""Seconds after which an idle connection is given up."""
_UNREADABLE = "Telegram's answer cannot be read"

T = TypeVar("T")


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


class _Shape(msgspec.Struct, frozen=True, gc=False):
    """An answer; what we do not read of it is skipped."""


class _User(_Shape, frozen=True):
    id: int
    username: str = ""
    can_read_all_group_messages: bool = False


class Webhook(_Shape, frozen=True):
    """How updates come (Bot API, "WebhookInfo"); `url` is empty where they are polled."""

    url: str
    pending_update_count: int = 0
    last_error_date: int | None = None
    last_error_message: str | None = None


class BotCommand(_Shape, frozen=True):
    """One line of a command menu."""

    command: str
    description: str


class Permissions(_Shape, frozen=True):
    """What members of a group may do."""

    can_send_messages: bool | None = None


class Chat(_Shape, frozen=True):
    """A chat that the bot can see."""

    type: str
    title: str | None = None
    username: str | None = None
    permissions: Permissions | None = None


class ChatMember(_Shape, frozen=True):
    """What somebody is in a chat: `member`, `administrator`, `restricted`, `left`, ...

    The rest is told of who is restricted.
    """

    status: str
    is_member: bool | None = None
    can_send_messages: bool | None = None


class Account:
    """Asks and arranges what is about one bot.

    Raises of every method:
        Retryable: Telegram cannot be reached, or did not answer; ask again.
        Refusal: Telegram said no.
    """

    def __init__(self, token: str, *, base_url: str = TELEGRAM_API) -> None:
        """Ask.

        Args:
            token: the bot's token.
            base_url: where the Bot API is; another for tests and for a server of one's own.
        """
        self._bot = f"{base_url.rstrip('/')}/bot{token}"
        self._session: aiohttp.ClientSession | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can be asked."""
        return self._session is not None

    def open(self) -> None:
        """Get ready; no request is made.

        No proxy is taken from the environment, which the settings alone read; no cookie is kept.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(keepalive_timeout=_IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )

    async def close(self) -> None:
        """Disconnect."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def me(self) -> Me:
        """Who the bot is."""
        user = await self._ask("getMe", _User)
        return Me(user.id, user.username, user.can_read_all_group_messages)

    async def webhook(self) -> Webhook:
        """How updates come."""
        return await self._ask("getWebhookInfo", Webhook)

    async def set_webhook(self, url: str, *, secret: str) -> None:
        """Have updates posted to that address, with that secret; what waits is kept."""
        await self._ask(
            "setWebhook",
            bool,
            url=url,
            secret_token=secret,
            allowed_updates=ALLOWED_UPDATES,
            max_connections=MOST_CALLS,
            drop_pending_updates=False,
        )

    async def delete_webhook(self) -> None:
        """Have updates kept for who asks; what waits is kept."""
        await self._ask("deleteWebhook", bool, drop_pending_updates=False)

    async def updates(self, *, offset: int | None, seconds: int) -> Sequence[object]:
        """Ask for updates, one question at a time; each as it came, for the webhook's parser.

        Args:
            offset: the first that is wanted; all before it are confirmed.
            seconds: how long Telegram may hold the question open.
        """
        return await self._ask(
            "getUpdates",
            list[object],
            within=seconds + _POLL_READ_SECONDS,
            timeout=seconds,
            allowed_updates=ALLOWED_UPDATES,
            **({} if offset is None else {"offset": offset}),
        )

    async def answer_press(self, query: str) -> None:
        """Let the pressed button stop to wait."""
        await self._ask("answerCallbackQuery", bool, within=_PRESS_SECONDS, callback_query_id=query)

    async def commands(self, scope: Mapping[str, object]) -> Sequence[BotCommand]:
        """What is offered in that scope (Bot API, "BotCommandScope")."""
        return await self._ask("getMyCommands", list[BotCommand], scope=scope)

    async def set_commands(
        self, commands: Sequence[BotCommand], scope: Mapping[str, object]
    ) -> None:
        """Offer these in that scope."""
        lines = [msgspec.to_builtins(command) for command in commands]
        await self._ask("setMyCommands", bool, commands=lines, scope=scope)

    async def chat(self, chat: int) -> Chat:
        """A chat that the bot can see."""
        return await self._ask("getChat", Chat, chat_id=chat)

    async def member(self, chat: int, user: int) -> ChatMember:
        """What somebody is in a chat."""
        return await self._ask("getChatMember", ChatMember, chat_id=chat, user_id=user)

    async def _ask(
        self, method: str, into: type[T], *, within: float = _READ_SECONDS, **given: object
    ) -> T:
        """Make a request, whose answer may take `within` seconds, and read what it brings."""
        if self._session is None:
            raise Retryable("the connection to Telegram is not open")
        whole = aiohttp.ClientTimeout(
            total=_CONNECT_SECONDS + within, sock_connect=_CONNECT_SECONDS
        )
        try:
            async with self._session.post(
                f"{self._bot}/{method}", json=given, timeout=whole, allow_redirects=False
            ) as response:
                status, body = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unanswered(error) from None
        try:
            return msgspec.convert(judged(status, body).get("result"), into)
        except Ambiguous as error:
            raise Retryable(str(error)) from None
        except msgspec.ValidationError as error:
            raise Retryable(_UNREADABLE) from error


def _unanswered(error: Exception) -> Retryable:
    """What a request without an answer means; of the error its name alone."""
    name = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Retryable(f"Telegram cannot be reached: {name}")
    return Retryable(f"Telegram did not answer: {name}")
