"""25,000 requests that Discord did not send, and 25,000 odd ones that it signed (P1)."""

import json
import random
import string
from datetime import UTC, datetime

from adapters.discord.commands import ApplicationCommands
from adapters.discord.inbound import DiscordInbound
from adapters.discord.places import Place, Places
from adapters.discord.wire import Message, decoded
from bot.selftest.discord.names import BOT, CHANNEL, GUILD, PRIVATE_KEY, PUBLIC_KEY
from bot.selftest.discord.sender import command, signature
from bot.selftest.discord.world import World
from gateway.commands.forms import FORMS
from gateway.verify.discord import SIGNATURE, TIMESTAMP, verify
from runtime.errors import Malformed
from runtime.model.events import Inbound
from runtime.model.wire import RawRequest

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
STAMP = int(NOW.timestamp())
OTHER = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
KEYS = [PUBLIC_KEY]
CASES = 25_000

Headers = dict[str, str]


def flip_body(chance: random.Random, headers: Headers, body: bytes) -> RawRequest:
    changed = bytearray(body or b"x")
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return RawRequest(headers, bytes(changed) if body else b"x")


def other_length(chance: random.Random, headers: Headers, body: bytes) -> RawRequest:
    added = chance.randbytes(chance.randrange(1, 9))
    return RawRequest(headers, chance.choice([body + added, added + body]))


def other_signature(chance: random.Random, headers: Headers, body: bytes) -> RawRequest:
    text = list(headers[SIGNATURE])
    at = chance.randrange(len(text))
    text[at] = chance.choice([c for c in "0123456789abcdefAF=-_ \n\0é٣\udcff" if c != text[at]])
    return RawRequest({**headers, SIGNATURE: "".join(text)}, body)


def other_time(chance: random.Random, headers: Headers, body: bytes) -> RawRequest:
    stamp = chance.choice(
        [
            str(STAMP + chance.randrange(1, 10**6)),
            str(STAMP - chance.randrange(1, 10**6)),
            "9" * chance.randrange(5_000),
            "".join(chance.choices(string.printable, k=10)),
            str(STAMP).translate({ord("0") + i: 0x660 + i for i in range(10)}),
            f" {STAMP}",
            f"{STAMP}.0",
        ]
    )
    return RawRequest({**headers, TIMESTAMP: stamp}, body)


def stale(chance: random.Random, headers: Headers, body: bytes) -> RawRequest:
    """Truly signed, but not lately: a replay."""
    stamp = str(STAMP + chance.choice([-1, 1]) * chance.randrange(301, 10**8))
    return RawRequest({TIMESTAMP: stamp, SIGNATURE: signature(body, stamp)}, body)


def other_key(chance: random.Random, headers: Headers, body: bytes) -> RawRequest:
    return RawRequest({**headers, SIGNATURE: signature(body, str(STAMP), OTHER)}, body)


def no_header(chance: random.Random, headers: Headers, body: bytes) -> RawRequest:
    gone = chance.choice([TIMESTAMP, SIGNATURE])
    return RawRequest({n: v for n, v in headers.items() if n != gone}, body)


def twice(chance: random.Random, headers: Headers, body: bytes) -> RawRequest:
    doubled = chance.choice([TIMESTAMP, SIGNATURE])
    return RawRequest({**headers, doubled: ",".join([headers[doubled]] * 2)}, body)


def noise(chance: random.Random, headers: Headers, body: bytes) -> RawRequest:
    text = "".join(chr(chance.randrange(0x110000)) for _ in range(chance.randrange(80)))
    return RawRequest({**headers, chance.choice([TIMESTAMP, SIGNATURE]): text}, body)


MUTATIONS = [
    flip_body,
    other_length,
    other_signature,
    other_time,
    stale,
    other_key,
    no_header,
    twice,
    noise,
]


def test_no_forgery_is_accepted_and_none_raises() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    bodies = [chance.randbytes(chance.randrange(200)) for _ in range(50)]
    signed = {body: signature(body, str(STAMP), PRIVATE_KEY) for body in bodies}
    for body, mark in signed.items():
        genuine = RawRequest({TIMESTAMP: str(STAMP), SIGNATURE: mark}, body)
        assert verify(genuine, now=NOW, keys=KEYS) is not None
    for number in range(CASES):
        body = chance.choice(bodies)
        headers = {TIMESTAMP: str(STAMP), SIGNATURE: signed[body]}
        forged = chance.choice(MUTATIONS)(chance, headers, body)
        assert verify(forged, now=NOW, keys=KEYS) is None, (seed, number, forged)


# ------------------------------------------------------------------------------ the parser


def mangled(chance: random.Random, value: object, depth: int = 0) -> object:
    """The value with something in it that Discord does not send."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        if chance.random() < 0.15:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: mangled(chance, value[key], depth + 1)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        return [*value[:at], mangled(chance, value[at], depth + 1), *value[at + 1 :]]
    odd: list[object] = [
        None,
        "",
        "\0",
        "\ud800",
        "x" * chance.randrange(3_000),
        -1,
        2**70,
        1.5,
        True,
        [],
        {},
        [[]],
        "9" * 30,
        "0",
        {"id": "1"},
    ]
    return chance.choice(odd)


def payloads() -> list[dict[str, object]]:
    world = World(now=lambda: float(STAMP))
    posted = world.post(CHANNEL, {"content": "hi", "components": []})
    modal = {
        "custom_id": "schedule.create:",
        "components": [
            {"type": 18, "component": {"type": 4, "custom_id": "when", "value": "at 9"}},
            {"type": 1, "components": [{"type": 4, "custom_id": "tz", "value": "UTC"}]},
        ],
    }
    typing = command("schedule", "show", number=1)
    typing["options"][0]["options"][0]["focused"] = True
    return [
        {"type": 1},
        world.interaction(2, command("schedule", "create", when="at 9", instruction="x")),
        world.interaction(
            3, {"custom_id": "reminder.done:abc", "component_type": 2}, message=posted
        ),
        world.interaction(4, typing),
        world.interaction(5, modal),
    ]


def messages() -> list[dict[str, object]]:
    world = World(now=lambda: float(STAMP))
    first = world.say("hello", mention=True)
    reply = world.say("more", answers=first)
    extra = {
        "guild_id": GUILD,
        "attachments": [{"id": "1", "url": "https://cdn.discordapp.com/x", "filename": "a/b.txt"}],
        "embeds": [{"title": "t", "fields": [{"name": "n", "value": "v"}]}],
        "message_snapshots": [{"message": {"content": "forwarded", "embeds": []}}],
    }
    return [first.json() | extra, reply.json() | extra]


def test_no_odd_payload_makes_the_parser_raise_anything_but_malformed() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    places = Places(user_id=BOT)
    inbound = DiscordInbound(places, guilds=frozenset({GUILD}), grammar=ApplicationCommands(FORMS))
    interactions, said = payloads(), messages()
    understood = 0
    for number in range(CASES):
        odd = mangled(chance, chance.choice(interactions))
        for _ in range(chance.randrange(3)):
            odd = mangled(chance, odd)
        body = json.dumps(odd).encode()
        if chance.random() < 0.1:
            body = body[: chance.randrange(len(body) + 1)] + chance.randbytes(2)
        message = json.dumps(mangled(chance, chance.choice(said))).encode()
        try:
            parsed = inbound.interaction(body)
            understood += isinstance(parsed, Inbound)
        except Malformed:
            pass
        try:
            inbound.message(decoded(Message, message), Place(CHANNEL))
        except Malformed:
            pass
        except Exception as error:
            raise AssertionError((seed, number, message)) from error
    assert understood > CASES / 100
