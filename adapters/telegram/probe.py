"""A test of the connection to Telegram by real calls that change nothing."""

from collections.abc import AsyncIterator

from telegram import ChatFullInfo, ChatMember, ChatMemberRestricted
from telegram.constants import ChatMemberStatus, ChatType

from adapters.telegram.api import BotApi
from adapters.telegram.faults import Refusal
from runtime.errors import Retryable
from runtime.model.address import ChannelRef
from runtime.model.probe import Finding

REACH = "Check that this machine reaches Telegram (https://api.telegram.org)."
TOKEN = "Copy the token again from @BotFather into NIGHTDESK_TELEGRAM__BOT_TOKEN."  # noqa: S105 - it says what to do with one
PRIVACY = (
    "privacy mode is on: in groups the bot hears commands, mentions and answers to its own "
    "messages, and nothing else"
)
_ADD = "Add the bot to the group, or correct the id in nightdesk.toml."
_ALLOW = "Let an admin of the group give the bot the right to send messages."
_MANY = 100


async def findings(api: BotApi, channel: ChannelRef | None) -> AsyncIterator[Finding]:
    """Every finding, the token's first; nothing further where that is not good."""
    try:
        with api.asking() as bot:
            me = await bot.get_me()
    except (Retryable, Refusal) as error:
        yield _failed("the bot token", error, TOKEN)
        return
    yield Finding(ok=True, what=f"the bot token: good, as @{me.username} ({me.id})")
    if not me.can_read_all_group_messages:
        yield Finding(ok=True, what=PRIVACY)
    yield await _webhook(api)
    if channel is not None:
        async for finding in _channel(api, channel.channel, me.id):
            yield finding


async def _webhook(api: BotApi) -> Finding:
    """How updates come; the address is a secret of nobody, the path of it perhaps is."""
    try:
        with api.asking() as bot:
            info = await bot.get_webhook_info()
    except (Retryable, Refusal) as error:
        return _failed("the updates", error, REACH)
    how = "by webhook" if info.url else "by polling"
    waiting, trouble = info.pending_update_count, info.last_error_message
    if info.url and trouble and waiting:
        return Finding(
            ok=False,
            what=f"the updates: {how}, {waiting} wait; Telegram's last try failed: {trouble}",
            todo="Check that Telegram reaches NIGHTDESK_TELEGRAM__WEBHOOK_URL from outside.",
        )
    return Finding(ok=waiting < _MANY, what=f"the updates: {how}, {waiting} wait")


async def _channel(api: BotApi, chat: str, me: int) -> AsyncIterator[Finding]:
    shown = f"the chat {chat}"
    if not chat.removeprefix("-").isdecimal():
        what = f"{shown}: not one of Telegram's, whose ids are numbers"
        yield Finding(ok=False, what=what, missing="configuration", todo=_ADD)
        return
    try:
        with api.asking() as bot:
            found = await bot.get_chat(int(chat))
        shown += f" ({found.title})" if found.title else ""
        if found.type == ChatType.PRIVATE:
            yield Finding(ok=True, what=f"{shown}: a private chat, which the person has opened")
            return
        with api.asking() as bot:
            member = await bot.get_chat_member(int(chat), me)
    except (Retryable, Refusal) as error:
        yield _failed(shown, error, _ADD)
        return
    yield _rights(shown, found, member)
    if found.username:
        what = f"{shown}: public as @{found.username}, so anybody can read it"
        yield Finding(ok=True, what=what)


def _rights(shown: str, chat: ChatFullInfo, member: ChatMember) -> Finding:
    """Whether the bot may write in the group."""
    status = member.status
    out = isinstance(member, ChatMemberRestricted) and not member.is_member
    if out or status in {ChatMemberStatus.LEFT, ChatMemberStatus.BANNED}:
        what = f"{shown}: the bot is not in it"
        return Finding(ok=False, what=what, missing="membership", todo=_ADD)
    if isinstance(member, ChatMemberRestricted):
        may = member.can_send_messages
    elif status in {ChatMemberStatus.ADMINISTRATOR, ChatMemberStatus.OWNER}:
        may = True
    else:
        may = chat.permissions is None or chat.permissions.can_send_messages is not False
    if not may:
        what = f"{shown}: the bot is in it and may not write"
        return Finding(ok=False, what=what, missing="can_send_messages", todo=_ALLOW)
    return Finding(ok=True, what=f"{shown}: the bot is in it as {status}")


def _failed(what: str, error: Retryable | Refusal, todo: str) -> Finding:
    if isinstance(error, Retryable):
        return Finding(ok=False, what=f"{what}: {error}", todo=REACH)
    return Finding(ok=False, what=f"{what}: {error}", todo=todo)
