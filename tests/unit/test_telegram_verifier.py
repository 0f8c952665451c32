"""The header that vouches for an update, before the body is read."""

import pytest

from gateway.verify.telegram import SECRET_TOKEN, SHORTEST, TelegramVerifier, plausible, verify
from runtime.errors import ConfigurationError
from runtime.model.wire import RawRequest
from tests.support.fake_telegram import SECRET

OLD = "an-older-secret-0123456789-abcdefghij"


def request(token: str | None, body: bytes = b"{}") -> RawRequest:
    headers = {} if token is None else {SECRET_TOKEN: token}
    return RawRequest({**headers, "content-type": "Application/JSON; charset=utf-8"}, body)


@pytest.mark.parametrize("token", [SECRET, OLD])
def test_the_present_and_the_previous_secret_are_taken(token: str) -> None:
    verified = verify(request(token, b"body"), secrets=[SECRET, OLD])
    assert verified is not None
    assert (verified.platform, verified.body) == ("telegram", b"body")
    assert (verified.content_type, verified.signed_at) == ("application/json", None)


@pytest.mark.parametrize(
    "token",
    [
        None, "", " ", SECRET[:-1], SECRET + "x", SECRET.upper(), f" {SECRET}", f"{SECRET},{SECRET}",
        "é" * 40, "\udcff" * 40, "a" * 257, f"{SECRET}\n", "٣" * 40,
    ],
)  # fmt: skip
def test_anything_else_is_refused_before_the_body_is_read(token: str | None) -> None:
    verifier = TelegramVerifier([SECRET])
    headers = request(token).headers
    assert not verifier.plausible(headers)
    assert verifier(request(token)) is None


def test_a_blank_secret_fits_nothing() -> None:
    assert verify(request(""), secrets=[""]) is None
    assert verify(request("a"), secrets=["", "\udcff"]) is None
    assert plausible(request("a").headers)


@pytest.mark.parametrize("secrets", [[""], ["short"], ["with space " * 4], [SECRET, "ü" * 40]])
def test_a_secret_that_cannot_be_one_stops_the_start_and_names_the_variable(
    secrets: list[str],
) -> None:
    with pytest.raises(ConfigurationError, match=r"^NIGHTDESK_TELEGRAM__WEBHOOK_SECRET cannot be"):
        TelegramVerifier(secrets)


def test_without_a_secret_there_is_no_start() -> None:
    with pytest.raises(
        ConfigurationError, match=r"^NIGHTDESK_TELEGRAM__WEBHOOK_SECRET is missing:"
    ):
        TelegramVerifier([])


def test_the_shortest_secret_is_one() -> None:
    shortest = "a" * SHORTEST
    assert TelegramVerifier([shortest])(request(shortest)) is not None
    with pytest.raises(ConfigurationError):
        TelegramVerifier([shortest[1:]])


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, ""),
        ({"content-type": "application/json"}, "application/json"),
        ({"content-type": " Text/Plain ;charset=utf-8; x=y"}, "text/plain"),
    ],
)
def test_the_type_is_read_without_its_parameters(headers: dict[str, str], found: str) -> None:
    verified = verify(RawRequest({SECRET_TOKEN: SECRET, **headers}, b"{}"), secrets=[SECRET])
    assert verified is not None
    assert verified.content_type == found


def test_each_of_what_came_together_is_judged_by_itself() -> None:
    verifier = TelegramVerifier([SECRET])
    came = [request(SECRET, b"1"), request(OLD, b"2"), request(None, b"3"), request(SECRET, b"4")]
    found = verifier.each(came)
    assert [one and one.body for one in found] == [b"1", None, None, b"4"]
    assert found[0] == verifier(came[0])
