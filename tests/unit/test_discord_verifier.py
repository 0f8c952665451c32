"""The verifier of Discord's signature: what it lets through, and that it never raises."""

import sys
from datetime import UTC, datetime, timedelta

import pytest

from bot.selftest.discord.names import PRIVATE_KEY, PUBLIC_KEY
from bot.selftest.discord.sender import public_key, signature
from gateway.verify.discord import FRESH_SECONDS, DiscordVerifier, load, plausible, verify
from runtime.errors import ConfigurationError
from runtime.model.wire import RawRequest
from tests.support.clock import ManualClock

SIGNED_AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
OTHER = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"


def request(
    body: bytes = b'{"type":1}', at: datetime = SIGNED_AT, key: str = PRIVATE_KEY
) -> RawRequest:
    stamp = str(int(at.timestamp()))
    headers = {
        "x-signature-timestamp": stamp,
        "x-signature-ed25519": signature(body, stamp, key),
        "content-type": "Application/JSON; charset=utf-8",
    }
    return RawRequest(headers, body)


def test_the_keys_of_the_fake_belong_together() -> None:
    assert public_key() == PUBLIC_KEY


def test_what_discord_signed_is_vouched_for_byte_for_byte() -> None:
    verified = verify(request(b"\xff\x00 {"), now=SIGNED_AT, keys=[PUBLIC_KEY])
    assert verified is not None
    assert verified.body == b"\xff\x00 {"
    assert (verified.platform, verified.content_type) == ("discord", "application/json")
    assert verified.signed_at == SIGNED_AT


@pytest.mark.parametrize("late", [-FRESH_SECONDS, 0, 299, FRESH_SECONDS])
def test_within_five_minutes_it_is_fresh(late: int) -> None:
    now = SIGNED_AT + timedelta(seconds=late)
    assert verify(request(), now=now, keys=[PUBLIC_KEY]) is not None


@pytest.mark.parametrize("late", [-FRESH_SECONDS - 1, FRESH_SECONDS + 1, 86_400, -86_400])
def test_outside_of_five_minutes_it_is_a_replay(late: int) -> None:
    now = SIGNED_AT + timedelta(seconds=late)
    assert verify(request(), now=now, keys=[PUBLIC_KEY]) is None


def test_a_changed_body_is_refused() -> None:
    genuine = request(b'{"type":1}')
    for body in (b'{"type":2}', b'{"type":1} ', b"", b'{"type": 1}'):
        assert verify(RawRequest(genuine.headers, body), now=SIGNED_AT, keys=[PUBLIC_KEY]) is None


def test_the_time_is_signed_too() -> None:
    genuine = request()
    later = str(int(SIGNED_AT.timestamp()) + 1)
    moved = RawRequest({**genuine.headers, "x-signature-timestamp": later}, genuine.body)
    assert verify(moved, now=SIGNED_AT, keys=[PUBLIC_KEY]) is None


def test_the_key_before_is_good_beside_the_present_one_and_a_third_is_not() -> None:
    keys = [public_key(OTHER), PUBLIC_KEY]
    assert verify(request(), now=SIGNED_AT, keys=keys) is not None
    assert verify(request(key=OTHER), now=SIGNED_AT, keys=keys) is not None
    assert verify(request(key="11" * 32), now=SIGNED_AT, keys=keys) is None


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-signature-timestamp", "176760000"),
        ("x-signature-timestamp", "17676000000"),
        ("x-signature-timestamp", "1767600_00"),
        ("x-signature-timestamp", "١٧٦٧٦٠٠٠٠٠"),
        ("x-signature-timestamp", "-767600000"),
        ("x-signature-timestamp", ""),
        ("x-signature-ed25519", ""),
        ("x-signature-ed25519", "zz" * 64),
        ("x-signature-ed25519", "AB" * 64),
        ("x-signature-ed25519", "ab" * 63),
        ("x-signature-ed25519", "ab" * 65),
        ("x-signature-ed25519", "ab" * 64 + "\n"),
    ],
)
def test_headers_of_another_form_are_refused_before_the_body_is_read(
    header: str, value: str
) -> None:
    odd = RawRequest({**request().headers, header: value}, b"")
    assert not plausible(odd.headers)
    assert verify(odd, now=SIGNED_AT, keys=[PUBLIC_KEY]) is None


@pytest.mark.parametrize("missing", ["x-signature-timestamp", "x-signature-ed25519"])
def test_a_missing_header_is_refused(missing: str) -> None:
    headers = {name: value for name, value in request().headers.items() if name != missing}
    assert not plausible(headers)
    assert verify(RawRequest(headers, b"{}"), now=SIGNED_AT, keys=[PUBLIC_KEY]) is None


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (None, ""),
        ("application/json", "application/json"),
        (" Text/Plain ;charset=utf-8; x=y", "text/plain"),
    ],
)
def test_the_type_is_read_without_its_parameters(written: str | None, found: str) -> None:
    genuine = request()
    headers = {name: value for name, value in genuine.headers.items() if name != "content-type"}
    if written is not None:
        headers["content-type"] = written
    verified = verify(RawRequest(headers, genuine.body), now=SIGNED_AT, keys=[PUBLIC_KEY])
    assert verified is not None
    assert verified.content_type == found


def test_a_key_that_is_none_fits_nothing() -> None:
    for key in ("", " ", "zz" * 32, "0" * 64, PUBLIC_KEY[:-1], "\ud800" * 64):
        assert verify(request(), now=SIGNED_AT, keys=[key]) is None


def test_nothing_verifies_without_a_key() -> None:
    assert verify(request(), now=SIGNED_AT, keys=[]) is None


@pytest.mark.parametrize("keys", [[], [""], [" "], ["abc"], ["0" * 64], [PUBLIC_KEY, "${KEY}"]])
def test_without_a_good_key_there_is_no_verifier(keys: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="NIGHTDESK_DISCORD__PUBLIC_KEY"):
        DiscordVerifier(keys, ManualClock())


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ([], "is missing"),
        ([PUBLIC_KEY, " "], "is empty"),
        (["abc"], "is no public key: it has 64 hex digits"),
    ],
)
def test_what_is_wrong_with_a_key_is_said(keys: list[str], wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"__PUBLIC_KEY {wrong}: copy it from"):
        DiscordVerifier(keys, ManualClock())


def test_the_verifier_has_its_own_clock() -> None:
    clock = ManualClock(SIGNED_AT)
    verifier = DiscordVerifier([f" {PUBLIC_KEY.upper()} "], clock)
    assert verifier.plausible(request().headers)
    assert verifier(request()) is not None
    assert verifier(request(at=SIGNED_AT - timedelta(seconds=301))) is None


def test_each_of_what_came_together_is_judged_by_itself() -> None:
    genuine = [request(b"1"), request(b"2")]
    stale = request(b"3", at=SIGNED_AT - timedelta(seconds=FRESH_SECONDS + 1))
    forged = request(b"4", key=OTHER)
    verifier = DiscordVerifier([PUBLIC_KEY], ManualClock(SIGNED_AT))
    found = verifier.each([genuine[0], stale, forged, genuine[1]])
    assert [one and one.body for one in found] == [b"1", None, None, b"2"]
    assert found[0] == verifier(genuine[0])


async def test_what_checks_signatures_can_be_brought_in_before_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "gateway.verify.ed25519", raising=False)
    await load()
    assert "gateway.verify.ed25519" in sys.modules
