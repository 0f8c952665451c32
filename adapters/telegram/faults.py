"""What became of a call to the Bot API, in the words of `runtime.errors`.

Nothing here repeats what a library says of a failed request: the address of every call holds the
bot's token.
"""

from collections.abc import Mapping
from http import HTTPStatus

import httpx
from telegram.error import TelegramError

from runtime.errors import Ambiguous, NightdeskError, Permanent, Retryable

_WITHOUT_SAYING = 5.0
"""Seconds to wait where Telegram asks for less speed and does not say how long."""
_BAD_KEY = (
    "Telegram refused the token: set NIGHTDESK_TELEGRAM__BOT_TOKEN to what @BotFather shows under "
    "/mybots, API Token"
)
_WORDS = {
    "chat not found": "Telegram knows no such chat, or the bot was never in it: correct the id in "
    "nightdesk.toml, or add the bot to the group",
    "bot was kicked": "the bot was removed from the group: add it again",
    "bot is not a member": "the bot is not in the group: add it",
    "bot was blocked": "the person has blocked the bot: they can unblock it in their chat with it",
    "user is deactivated": "the person's account is gone",
    "can't initiate conversation": "the person has not opened a chat with the bot: they have to "
    "press Start there first",
    "not enough rights": "the bot may not post there: an admin of the group can allow it",
    "chat_write_forbidden": "the bot may not post there: an admin of the group can allow it",
    "topic_closed": "the topic is closed: an admin of the group can open it again",
    "message thread not found": "the topic is not there any more",
    "message is too long": "the message is longer than Telegram takes",
    "file is too big": "the file is larger than Telegram gives to bots (20 MB)",
}
_GONE = (
    "message to edit not found",
    "message can't be edited",
    "message_id_invalid",
    "message identifier is not specified",
)
_UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""Raised by httpx before anything of a request is written."""
_UNREACHABLE = ("blocked", "can't initiate conversation", "deactivated", "chat not found")


class Refusal(Permanent):
    """Telegram said no.

    Attributes:
        status: the HTTP status.
        said: what Telegram says, in lower case.
        moved_to: the new id of a group that became a supergroup, or None.
    """

    def __init__(self, status: int, said: str, moved_to: int | None = None) -> None:
        self.status = status
        self.said = said.lower()
        self.moved_to = moved_to
        super().__init__(f"{self._words()} ({status}: {said[:200]})")

    @property
    def unchanged(self) -> bool:
        """An edit would change nothing: it is done."""
        return "message is not modified" in self.said

    @property
    def gone(self) -> bool:
        """There is no such message any more, or it can no longer be edited."""
        return any(words in self.said for words in _GONE)

    @property
    def unreachable(self) -> bool:
        """The person cannot be written to: they have to do something first."""
        return any(words in self.said for words in _UNREACHABLE)

    @property
    def no_topic(self) -> bool:
        """The topic is not there."""
        return "thread not found" in self.said

    def _words(self) -> str:
        if self.moved_to is not None:
            return (
                f"the group became a supergroup and has the id {self.moved_to} now: write that "
                "into nightdesk.toml"
            )
        if self.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}:
            return _BAD_KEY
        found = (told for words, told in _WORDS.items() if words in self.said)
        return next(found, "Telegram refused it")


class OtherListener(Retryable):
    """Another program takes this bot's updates."""


class Told(TelegramError):
    """Brings what became of a request through python-telegram-bot, which lets its own errors pass.

    Attributes:
        became: what is raised for it outside.
    """

    def __init__(self, became: NightdeskError) -> None:
        super().__init__(type(became).__name__)
        self.became = became


def broken(error: Exception) -> NightdeskError:
    """What a request that got no answer means: whether a byte of it can have been written.

    Args:
        error: what httpx raised, or what the library made of that.
    """
    cause = error.__cause__ or error
    if isinstance(cause, _UNSENT):
        return Retryable(f"Telegram cannot be reached: {type(cause).__name__}")
    return Ambiguous(f"Telegram did not answer: {type(cause).__name__}")


def told(status: int, answer: object) -> NightdeskError:
    """What an answer other than "ok" means.

    Args:
        status: the HTTP status.
        answer: the decoded body, or None where it is no JSON.
    """
    said = answer if isinstance(answer, Mapping) else {}
    parameters = said.get("parameters")
    parameters = parameters if isinstance(parameters, Mapping) else {}
    description = str(said.get("description") or f"status {status}")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        after = parameters.get("retry_after")
        wait = float(after) if isinstance(after, int | float) else _WITHOUT_SAYING
        return Retryable("Telegram asks us to slow down", after=max(1.0, wait))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or not said:
        return Ambiguous(f"Telegram answered {status}")
    if status == HTTPStatus.CONFLICT:
        return OtherListener(f"Telegram says: {description[:200]}")
    moved = parameters.get("migrate_to_chat_id")
    return Refusal(status, description, moved if isinstance(moved, int) else None)
