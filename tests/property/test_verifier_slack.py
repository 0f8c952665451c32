"""25,000 requests that Slack did not send: none is let through, none raises (P1)."""

import random
import string
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from gateway.verify.slack import SIGNATURE, TIMESTAMP, verify
from runtime.model.wire import RawRequest
from tests.support.fake_slack_events import SECRET, signature

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
STAMP = int(NOW.timestamp())
SECRETS = [SECRET, "previous-" + SECRET]
FORGERIES = 25_000


def forge(chance: random.Random) -> RawRequest:
    """A genuine request with something wrong in it."""
    body = chance.randbytes(chance.randrange(200))
    headers = {
        TIMESTAMP: str(STAMP),
        SIGNATURE: signature(body, STAMP, chance.choice(SECRETS)),
        "content-type": chance.choice(
            ["application/json", "text/plain; charset=nope", "\udcff", ""]
        ),
    }
    return chance.choice(MUTATIONS)(chance, headers, body)


def flip_body(chance: random.Random, headers: dict[str, str], body: bytes) -> RawRequest:
    changed = bytearray(body or b"x")
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return RawRequest(headers, bytes(changed) if body else b"x")


def other_length(chance: random.Random, headers: dict[str, str], body: bytes) -> RawRequest:
    added = chance.randbytes(chance.randrange(1, 9))
    return RawRequest(headers, chance.choice([body + added, added + body]))


def other_signature(chance: random.Random, headers: dict[str, str], body: bytes) -> RawRequest:
    text = list(headers[SIGNATURE])
    at = chance.randrange(len(text))
    text[at] = chance.choice([c for c in "0123456789abcdefvVAF=-_ \n\0é٣\udcff" if c != text[at]])
    return RawRequest({**headers, SIGNATURE: "".join(text)}, body)


def other_time(chance: random.Random, headers: dict[str, str], body: bytes) -> RawRequest:
    stamp = chance.choice(
        [
            str(STAMP + chance.randrange(1, 10**6)),
            str(STAMP - chance.randrange(1, 10**6)),
            f"{STAMP // 1000}_{STAMP % 1000:03d}",
            "9" * chance.randrange(5_000),
            "".join(chance.choices(string.printable, k=10)),
            str(STAMP).translate({ord("0") + i: 0x660 + i for i in range(10)}),
            f" {STAMP}",
            f"{STAMP}.0",
        ]
    )
    return RawRequest({**headers, TIMESTAMP: stamp}, body)


def stale(chance: random.Random, headers: dict[str, str], body: bytes) -> RawRequest:
    """Truly signed, but not lately: a replay."""
    stamp = STAMP + chance.choice([-1, 1]) * chance.randrange(301, 10**8)
    signed = signature(body, stamp, SECRET)
    return RawRequest({**headers, TIMESTAMP: str(stamp), SIGNATURE: signed}, body)


def other_secret(chance: random.Random, headers: dict[str, str], body: bytes) -> RawRequest:
    secret = chance.choice(["", " ", SECRET[:-1], SECRET + "0", SECRET.upper(), "previous-"])
    return RawRequest({**headers, SIGNATURE: signature(body, STAMP, secret)}, body)


def no_header(chance: random.Random, headers: dict[str, str], body: bytes) -> RawRequest:
    gone = chance.choice([TIMESTAMP, SIGNATURE])
    return RawRequest({n: v for n, v in headers.items() if n != gone}, body)


def twice(chance: random.Random, headers: dict[str, str], body: bytes) -> RawRequest:
    doubled = chance.choice([TIMESTAMP, SIGNATURE])
    return RawRequest({**headers, doubled: ",".join([headers[doubled]] * 2)}, body)


def noise(chance: random.Random, headers: dict[str, str], body: bytes) -> RawRequest:
    text = "".join(chr(chance.randrange(0x110000)) for _ in range(chance.randrange(80)))
    return RawRequest({**headers, chance.choice([TIMESTAMP, SIGNATURE]): text}, body)


MUTATIONS = [
    flip_body,
    other_length,
    other_signature,
    other_time,
    stale,
    other_secret,
    no_header,
    twice,
    noise,
]


def test_no_forgery_is_accepted_and_none_raises() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    for number in range(FORGERIES):
        forged = forge(chance)
        assert verify(forged, now=NOW, secrets=SECRETS) is None, (seed, number, forged)


@given(body=st.binary(max_size=400), secret=st.sampled_from(SECRETS), skew=st.integers(-300, 300))
def test_every_body_that_slack_signed_is_accepted_byte_for_byte(
    body: bytes, secret: str, skew: int
) -> None:
    stamp = STAMP + skew
    genuine = RawRequest({TIMESTAMP: str(stamp), SIGNATURE: signature(body, stamp, secret)}, body)
    verified = verify(genuine, now=NOW, secrets=SECRETS)
    assert verified is not None
    assert verified.body == body


@given(
    headers=st.dictionaries(
        st.sampled_from([TIMESTAMP, SIGNATURE, "content-type"]), st.text(max_size=100)
    ),
    body=st.binary(max_size=100),
    secrets=st.lists(st.text(max_size=40), max_size=3),
)
def test_nothing_makes_it_raise(headers: dict[str, str], body: bytes, secrets: list[str]) -> None:
    assert verify(RawRequest(headers, body), now=NOW, secrets=secrets) is None
