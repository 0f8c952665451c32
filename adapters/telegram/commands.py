"""The command menus: what Telegram offers to whoever types a slash.

By scope (Bot API, "BotCommandScope"). They only offer; who may do what is judged when it is done.
"""

import logging
import re
from collections.abc import Callable, Sequence

from telegram import (
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotCommandScopeDefault,
)

from adapters.telegram.api import BotApi
from adapters.telegram.faults import Refusal
from runtime.model.value import value

log = logging.getLogger("nightdesk.telegram")

ABOUT_LIMIT = 256
MOST = 100

_NAME = re.compile(r"[a-z0-9_]{1,32}")
_SCOPES: dict[str, Callable[[], BotCommandScope]] = {
    "default": BotCommandScopeDefault,
    "all_private_chats": BotCommandScopeAllPrivateChats,
    "all_group_chats": BotCommandScopeAllGroupChats,
    "all_chat_administrators": BotCommandScopeAllChatAdministrators,
}


@value()
class Menu:
    """What is offered in one scope.

    Attributes:
        commands: the first words and what they do, in order.
        scope: `default`, `all_private_chats`, `all_group_chats`, `all_chat_administrators`, or
            `chat` for one chat.
        chat: which, for `chat`.
    """

    commands: tuple[tuple[str, str], ...]
    scope: str = "default"
    chat: int | None = None

    @property
    def place(self) -> BotCommandScope:
        """The scope as the Bot API has it."""
        return _SCOPES[self.scope]() if self.chat is None else BotCommandScopeChat(self.chat)


async def synchronise(api: BotApi, menus: Sequence[Menu]) -> int:
    """Set each menu that is not as it should be; returns how many were set.

    A person who has not opened a chat with the bot yet has no menu there; they are passed over.

    Raises:
        Retryable: Telegram could not be asked.
        Ambiguous: Telegram did not answer; it can be done again.
        Refusal: Telegram does not take one of the menus.
    """
    changed = 0
    for menu in menus:
        try:
            changed += await _set(api, menu)
        except Refusal as error:
            if menu.chat is None or not error.unreachable:
                raise
            log.debug("telegram.no_menu", extra={"chat": menu.chat, "why": str(error)})
    if changed:
        log.info("telegram.menus_set", extra={"count": changed})
    return changed


async def _set(api: BotApi, menu: Menu) -> bool:
    wanted = tuple(
        BotCommand(name, about[:ABOUT_LIMIT])
        for name, about in menu.commands
        if _NAME.fullmatch(name)
    )[:MOST]
    with api.asking() as bot:
        there = await bot.get_my_commands(menu.place)
    if there == wanted:
        return False
    with api.calling() as bot:
        await bot.set_my_commands(wanted, menu.place)
    return True
