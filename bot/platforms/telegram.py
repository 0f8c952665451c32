"""Telegram, put together: its outbound side, its webhook or its poll, and whether it is heard."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from adapters.telegram.commands import Menu, synchronise
from adapters.telegram.faults import Refusal
from adapters.telegram.inbound import TelegramInbound
from adapters.telegram.listener import (
    POLL_SECONDS,
    SILENCE,
    WEBHOOK_PATH,
    Hearing,
    Poll,
    Positions,
    Watch,
)
from adapters.telegram.outbound import ReadFile, TelegramChat
from adapters.telegram.places import TELEGRAM, Chains
from adapters.telegram.probe import REACH, TOKEN
from bot.certificates import checking
from bot.platforms.connecting import connecting, keep_trying
from bot.platforms.opened import Hear, MakeRoute, OpenPlatform
from bot.settings import TelegramSettings
from gateway.commands.forms import FORMS, NOUN_ALIASES, NOUNS
from gateway.health import Check
from gateway.http.server import WebhookRoute
from gateway.verify.telegram import TelegramVerifier
from runtime.access import may
from runtime.clock import Clock
from runtime.errors import Ambiguous, ConfigurationError, Retryable
from runtime.model.access import Action
from runtime.model.probe import Finding
from runtime.model.team import Listen, MemberRole, Team
from runtime.model.value import value
from runtime.ports import Accept

log = logging.getLogger("nightdesk.telegram")


_NEEDS = {
    "schedule": Action.SCHEDULE_READ,
    "status": Action.STATUS,
    "member": Action.MEMBER_READ,
    "policy": Action.POLICY_READ,
    "approve": Action.APPROVAL_READ,
    "channel": Action.CHANNEL_READ,
    "model": Action.STATUS,
}
"""What a person must be allowed to be offered a command; all others only to be a member."""


@value()
class _Look:
    """Looks at the connection."""

    chat: TelegramChat
    hearing: Hearing
    clock: Clock

    async def __call__(self) -> Check:
        """Whether Telegram knows us, and gives us what people write."""
        me, hearing = self.chat.me, self.hearing
        if me is None:
            return Check(name="telegram", ok=False, detail="not reached yet; trying again")
        detail = f"connected as @{me.username}"
        if not hearing.begun:
            return Check(name="telegram", ok=True, detail=detail)
        if hearing.heard_at is None:
            detail = hearing.trouble or "nothing heard yet"
            return Check(name="telegram", ok=False, detail=detail)
        age = self.clock.monotonic() - hearing.heard_at
        silent = "" if age < SILENCE else "no answer to a poll for too long"
        return Check(
            name="telegram",
            ok=not (hearing.trouble or silent),
            age_seconds=age,
            detail=hearing.trouble or silent or detail,
        )


@asynccontextmanager
async def open_telegram(
    settings: TelegramSettings,
    clock: Clock,
    *,
    team: Callable[[], Team],
    positions: Positions,
    read_file: ReadFile,
    poll_seconds: int = POLL_SECONDS,
) -> AsyncIterator[OpenPlatform]:
    """Connect while the block runs; where Telegram cannot be reached, go on trying beside it.

    Raises:
        ConfigurationError: the token or the secret is not good.
    """
    token, chains, hearing = settings.bot_token.get_secret_value(), Chains(), Hearing()
    chat = TelegramChat(
        token,
        base_url=settings.base_url,
        clock=clock,
        chains=chains,
        read_file=read_file,
        tls=checking,
    )
    bot = int(token.partition(":")[0])
    inbound = TelegramInbound(
        bot,
        username=lambda: chat.me.username if chat.me else "",
        nouns=(*NOUNS, *NOUN_ALIASES),
        chains=chains,
        clock=clock,
    )
    if settings.webhook_url is not None and settings.webhook_secret is not None:
        routes: Sequence[MakeRoute] = (_route(settings, inbound),)
        secret = settings.webhook_secret.get_secret_value()
        hear: Hear = Watch(chat.api, settings.webhook_url, secret, clock, hearing).run
    else:
        routes = ()
        hear = Poll(chat.api, inbound, bot, positions, clock, hearing, poll_seconds).run

    async def listen(accept: Accept) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_offer(chat, menus(team()), clock))
            await hear(accept)

    try:
        async with connecting(lambda: _connected(chat), clock, platform="telegram"):
            yield OpenPlatform(
                chat=chat, look=_Look(chat, hearing, clock), routes=routes, hears=(listen,)
            )
    finally:
        await chat.close()


async def examine(settings: TelegramSettings, team: Team, clock: Clock) -> list[Finding]:
    """Test the connection and each chat of the team, for `nightdesk doctor`."""
    token = settings.bot_token.get_secret_value()
    chat = TelegramChat(token, base_url=settings.base_url, clock=clock)
    rules = [rule for rule in team.channels if rule.ref.platform == TELEGRAM]
    try:
        await chat.open()
    except (ConfigurationError, Retryable) as error:
        todo = REACH if isinstance(error, Retryable) else TOKEN
        return [Finding(ok=False, what=str(error), todo=todo)]
    try:
        found = list(await chat.probe())
        for rule in rules:
            looked = [each for each in await chat.probe(rule.ref) if each not in found]
            found += looked
            deaf = chat.me is not None and not chat.me.hears_all
            admin = any("as administrator" in each.what for each in looked)
            if rule.listen is Listen.ALL and deaf and not admin:
                found.append(_deaf(rule.name))
        return found
    finally:
        await chat.close()


def _deaf(name: str) -> Finding:
    return Finding(
        ok=False,
        what=f'{name} has listen = "all", and privacy mode keeps most of its messages from the bot',
        missing="privacy mode off",
        todo="Let @BotFather turn it off (/setprivacy, Disable) and add the bot to the group anew, "
        "or make the bot an admin of the group.",
    )


def menus(team: Team) -> list[Menu]:
    """What Telegram offers: strangers help, groups what a member may do, each member theirs."""
    people = [
        (who, member.role)
        for member in team.members
        for who in member.principals
        if who.platform == TELEGRAM
    ]
    return [
        Menu(_offered(None)),
        Menu(_offered(MemberRole.MEMBER), "all_group_chats"),
        *(Menu(_offered(role), "chat", int(who.user)) for who, role in people),
    ]


def _offered(role: MemberRole | None) -> tuple[tuple[str, str], ...]:
    """The first words that a person of that role may use; None for a stranger."""
    about = {form.noun: form.about for form in reversed(FORMS)}
    return tuple(
        (noun, about[noun])
        for noun in NOUNS
        if noun == "help" or (role is not None and may(role, _NEEDS.get(noun, Action.CONVERSE)))
    )


def _route(settings: TelegramSettings, inbound: TelegramInbound) -> MakeRoute:
    secrets = [
        secret.get_secret_value()
        for secret in (settings.webhook_secret, settings.previous_webhook_secret)
        if secret is not None
    ]
    verifier = TelegramVerifier(secrets)

    def route(accept: Accept) -> WebhookRoute:
        return WebhookRoute(path=WEBHOOK_PATH, verify=verifier, parse=inbound.parse, accept=accept)

    return route


async def _connected(chat: TelegramChat) -> bool:
    try:
        await chat.open()
    except Retryable as error:
        log.warning("telegram.unreachable", extra={"why": str(error)})
        return False
    me = chat.me
    if me is not None:
        log.info("telegram.connected", extra={"bot": me.username, "hears_all": me.hears_all})
    return True


async def _offer(chat: TelegramChat, wanted: Sequence[Menu], clock: Clock) -> None:
    """Set the menus once Telegram can be reached."""

    async def attempt() -> bool:
        try:
            await synchronise(chat.api, wanted)
        except (Retryable, Ambiguous) as error:
            log.info("telegram.menus_later", extra={"why": str(error)})
            return False
        except Refusal as error:
            log.warning("telegram.menus_refused", extra={"why": str(error)})
        return True

    await keep_trying(attempt, clock)
