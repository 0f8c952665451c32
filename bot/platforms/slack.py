"""Slack, put together: its outbound side, its webhooks or sockets, and whether it is connected."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from adapters.slack.files import ReadFile
from adapters.slack.inbound import SlackInbound
from adapters.slack.outbound import SlackChat
from bot.platforms.connecting import connecting
from bot.platforms.opened import MakeRoute, OpenPlatform
from bot.settings import Secret, SlackSettings
from gateway.health import Check
from gateway.http.server import WebhookRoute
from gateway.verify.slack import SlackVerifier
from runtime.clock import Clock
from runtime.errors import Retryable
from runtime.model.value import value
from runtime.ports import Accept

if TYPE_CHECKING:
    from adapters.slack.listener import SlackListener

log = logging.getLogger("nightdesk.slack")

LONGEST_SILENCE = timedelta(seconds=30)
"""Where a socket answered no ping for so long, we are not ready."""


@value()
class _Look:
    """Looks at the connection."""

    chat: SlackChat
    listener: "SlackListener | None" = None

    async def __call__(self) -> Check:
        """Whether Slack knows us, and hears us where we listen by sockets."""
        if not self.chat.bot_user_id:
            return Check(name="slack", ok=False, detail="not reached yet; trying again")
        detail = f"connected as {self.chat.bot_user_id} in {self.chat.team_id}"
        if self.listener is None or not self.listener.hears:
            return Check(name="slack", ok=True, detail=detail)
        silence = self.listener.silence()
        if silence is None:
            return Check(name="slack", ok=False, detail=f"{detail}, no socket open; trying again")
        hears = silence <= LONGEST_SILENCE
        return Check(
            name="slack",
            ok=hears,
            age_seconds=silence.total_seconds(),
            detail=f"{detail} by a socket{'' if hears else ' that is silent'}, last ping answered",
        )


@asynccontextmanager
async def open_slack(
    settings: SlackSettings, clock: Clock, *, read_file: ReadFile | None = None
) -> AsyncIterator[OpenPlatform]:
    """Connect while the block runs; where Slack cannot be reached, go on trying beside it.

    Raises:
        ConfigurationError: the token or the secret is not good.
    """
    chat = SlackChat(
        settings.bot_token.get_secret_value(),
        base_url=settings.base_url,
        clock=clock,
        team=settings.workspace,
        app_token=_value(settings.app_token),
        read_file=read_file,
    )
    inbound = SlackInbound()
    listener = _listener(settings, inbound, clock)
    routes = _routes(settings, inbound, clock)
    try:
        async with connecting(lambda: _connected(chat), clock, platform="slack"):
            yield OpenPlatform(
                chat=chat,
                look=_Look(chat, listener),
                routes=routes,
                hears=[listener.hear] if listener else (),
            )
    finally:
        await chat.close()


def _value(secret: Secret | None) -> str:
    return secret.get_secret_value() if secret else ""


def _listener(
    settings: SlackSettings, inbound: SlackInbound, clock: Clock
) -> "SlackListener | None":
    """Socket Mode, where there is a token for it."""
    token = _value(settings.app_token)
    if not token:
        return None
    # Bolt and the sockets are 3 MB that a program which gets webhooks never uses.
    from adapters.slack.listener import SlackListener  # noqa: PLC0415

    return SlackListener(token, base_url=settings.base_url, inbound=inbound, clock=clock)


def _routes(settings: SlackSettings, inbound: SlackInbound, clock: Clock) -> Sequence[MakeRoute]:
    """The webhooks; none where there is no secret to check what they are sent."""
    held = (settings.signing_secret, settings.previous_signing_secret)
    secrets = [secret.get_secret_value() for secret in held if secret]
    if settings.signing_secret is None:
        return ()
    verifier = SlackVerifier(secrets, clock)

    def events(accept: Accept) -> WebhookRoute:
        return WebhookRoute(
            path="/slack/events", verify=verifier, parse=inbound.parse_event, accept=accept
        )

    def commands(accept: Accept) -> WebhookRoute:
        return WebhookRoute(
            path="/slack/commands", verify=verifier, parse=inbound.parse_command, accept=accept
        )

    def interactivity(accept: Accept) -> WebhookRoute:
        return WebhookRoute(
            path="/slack/interactivity",
            verify=verifier,
            parse=inbound.parse_interaction,
            accept=accept,
        )

    return (events, commands, interactivity)


async def _connected(chat: SlackChat) -> bool:
    try:
        await chat.open()
    except Retryable as error:
        log.warning("slack.unreachable", extra={"why": str(error)})
        return False
    log.info("slack.connected", extra={"team": chat.team_id, "bot": chat.bot_user_id})
    return True
