"""What the bench posts as Telegram and Discord is genuine, and all different."""

from adapters.discord.inbound import DiscordInbound
from adapters.discord.places import Places
from adapters.telegram.inbound import TelegramInbound
from adapters.telegram.places import Chains
from bench import discord, telegram
from bot.platforms.discord import grammar
from bot.selftest.discord.names import GUILD, PUBLIC_KEY
from bot.selftest.telegram.names import BOT, SECRET, USERNAME
from gateway.verify.discord import DiscordVerifier
from gateway.verify.telegram import TelegramVerifier
from runtime.clock import SystemClock
from runtime.forms import form_for
from runtime.model.events import Command, Inbound, Message
from runtime.model.wire import RawRequest


def _raw(request: bytes) -> RawRequest:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line.decode().partition(": ") for line in head.split(b"\r\n")[1:]]
    return RawRequest({name.lower(): value for name, _, value in lines}, body)


def test_its_updates_pass_the_real_verifier_and_parser_and_are_all_different() -> None:
    verifier = TelegramVerifier([SECRET])
    inbound = TelegramInbound(
        BOT, username=lambda: USERNAME, nouns=(), chains=Chains(), clock=SystemClock()
    )
    said = []
    for request in telegram.updates(300, first=10**6):
        verified = verifier(_raw(request))
        assert verified is not None
        parsed = inbound.parse(verified)
        assert isinstance(parsed, Inbound)
        said.append(parsed)
    assert len({event.event_key for event in said}) == 300
    assert all(isinstance(event.body, Message) and event.body.mentioned for event in said)


def test_its_interactions_pass_the_real_verifier_and_parser_and_are_all_different() -> None:
    verifier = DiscordVerifier([PUBLIC_KEY], SystemClock())
    inbound = DiscordInbound(
        Places(), guilds=frozenset({GUILD}), grammar=grammar(), form_for=form_for
    )
    said = []
    for request in discord.interactions(50, first=7):
        verified = verifier(_raw(request))
        assert verified is not None
        parsed = inbound.parse_interaction(verified)
        assert isinstance(parsed, Inbound)
        said.append(parsed)
    assert len({event.event_key for event in said}) == 50
    assert all(isinstance(event.body, Command) for event in said)
