"""25,000 requests that Telegram did not send, and 25,000 that are no update: no accept, no raise."""

import json
import random
import string
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from adapters.telegram import wire
from adapters.telegram.inbound import TelegramInbound
from adapters.telegram.places import Chains
from bot.selftest.telegram.sender import Sender
from bot.selftest.telegram.world import World
from gateway.verify.telegram import SECRET_TOKEN, TelegramVerifier, verify
from runtime.errors import Malformed
from runtime.model.events import Challenge, Ignored, Inbound
from runtime.model.wire import RawRequest
from tests.support.clock import ManualClock
from tests.support.fake_telegram import BASIC, BOT, FORUM, GROUP, SECRET, TOPIC, USERNAME

SECRETS = [SECRET, "previous-" + SECRET]
FORGERIES = 25_000


def forge(chance: random.Random) -> RawRequest:
    """A genuine header with something wrong in it."""
    secret = chance.choice(SECRETS)
    at = chance.randrange(len(secret))
    noise = "".join(chr(chance.randrange(0x110000)) for _ in range(chance.randrange(300)))
    wrong = [
        secret[:at] + chance.choice("éA-_ \n\0\udcff٣!") + secret[at + 1 :],
        secret[:at],
        secret + chance.choice(string.printable),
        secret.swapcase(),
        ",".join([secret] * 2),
        noise,
        "A" * chance.randrange(5_000),
        f" {secret}",
    ]
    token = chance.choice(wrong)
    headers = {SECRET_TOKEN: token} if chance.random() > 0.05 else {}
    return RawRequest(headers, chance.randbytes(chance.randrange(100)))


def test_no_forgery_is_accepted_and_none_raises() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    verifier = TelegramVerifier(SECRETS)
    for number in range(FORGERIES):
        forged = forge(chance)
        if forged.headers.get(SECRET_TOKEN) in SECRETS:
            continue
        assert verify(forged, secrets=SECRETS) is None, (seed, number, forged)
        assert not verifier.plausible(forged.headers), (seed, number, forged)


def genuine() -> list[dict[str, Any]]:
    """One update of each kind."""
    world = World(lambda: 1_767_000_000.0)
    send = Sender(world)
    first = send.message(f"@{USERNAME} hi 👍🏽 /x", chat=GROUP)
    send.message("/schedule list", chat=BASIC, reply_to=first["message"]["message_id"])
    send.message("and?", chat=FORUM, topic=TOPIC, quote={"text": "q", "position": 0})
    send.message(caption="c", document={"file_id": "F", "file_size": 5}, photo=[{"file_id": "P"}])
    send.message("f", forward_origin={"type": "hidden_user", "sender_user_name": "E", "date": 1})
    send.bot_is("left", "member")
    send.migrate(BASIC, -100)
    world.happen(telepathy={"message": []})
    world.happen(
        callback_query={
            "id": "1",
            "from": world.person(1),
            "message": first["message"],
            "data": "a:b",
        }
    )
    return list(world.updates)


def spoil(chance: random.Random, value: Any) -> Any:
    """The value with one part of it, however deep, made something else."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(list(value))
        if chance.random() < 0.15:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: spoil(chance, value[key])}
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        return [*value[:at], spoil(chance, value[at]), *value[at + 1 :]]
    odd: list[Any] = [
        None,
        True,
        -1,
        0,
        2**70,
        1.5,
        "",
        "\0",
        "\ud800",
        [],
        {},
        [[]],
        "x" * 300,
        -(2**40),
    ]
    return chance.choice(odd)


def test_no_spoilt_update_raises_but_what_is_said() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    inbound = TelegramInbound(
        BOT, username=lambda: USERNAME, nouns=("schedule",), chains=Chains(), clock=ManualClock()
    )
    updates = genuine()
    for number in range(FORGERIES):
        update = chance.choice(updates)
        for _ in range(chance.randrange(1, 4)):
            update = spoil(chance, update)
        body = json.dumps(update).encode()
        if chance.random() < 0.1:
            cut = chance.randrange(len(body) + 1)
            body = body[:cut] + chance.randbytes(1) + body[cut:]
        try:
            found = inbound.read(*wire.update(body))
        except Malformed:
            continue
        assert isinstance(found, Inbound | Ignored | Challenge), (seed, number, body)
        if isinstance(found, Inbound):
            found.thread.channel.channel.encode()
            repr(found).encode()


@given(body=st.binary(max_size=200))
def test_no_body_makes_it_raise_but_what_is_said(body: bytes) -> None:
    inbound = TelegramInbound(
        BOT, username=lambda: USERNAME, nouns=(), chains=Chains(), clock=ManualClock()
    )
    try:
        inbound.read(*wire.update(body))
    except Malformed:
        return
