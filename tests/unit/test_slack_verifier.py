"""The verifier of Slack's signature: what it lets through, and that it never raises."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.verify.slack import FRESH_SECONDS, SlackVerifier, plausible, verify
from runtime.errors import ConfigurationError
from runtime.model.wire import RawRequest
from tests.support.clock import ManualClock
from tests.support.fake_slack_events import SECRET, signature

# The example of Slack's documentation ("Verifying requests from Slack").
DOCUMENTED = RawRequest(
    {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        "content-type": "Application/X-WWW-Form-Urlencoded; charset=utf-8",
    },
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
)
SIGNED_AT = datetime.fromtimestamp(1531420618, UTC)
OTHER = "0" * 32


def request(body: bytes = b"{}", at: datetime = SIGNED_AT, secret: str = SECRET) -> RawRequest:
    stamp = int(at.timestamp())
    return RawRequest(
        {
            "x-slack-request-timestamp": str(stamp),
            "x-slack-signature": signature(body, stamp, secret),
        },
        body,
    )


def test_the_documented_example_verifies() -> None:
    verified = verify(DOCUMENTED, now=SIGNED_AT, secrets=[SECRET])
    assert verified is not None
    assert verified.body == DOCUMENTED.body
    assert verified.content_type == "application/x-www-form-urlencoded"
    assert verified.signed_at == SIGNED_AT
    assert verified.platform == "slack"


@pytest.mark.parametrize("late", [-FRESH_SECONDS, 0, 299, FRESH_SECONDS])
def test_within_five_minutes_it_is_fresh(late: int) -> None:
    now = SIGNED_AT + timedelta(seconds=late)
    assert verify(request(), now=now, secrets=[SECRET]) is not None


@pytest.mark.parametrize("late", [-FRESH_SECONDS - 1, FRESH_SECONDS + 1, 86_400, -86_400])
def test_outside_of_five_minutes_it_is_a_replay(late: int) -> None:
    now = SIGNED_AT + timedelta(seconds=late)
    assert verify(request(), now=now, secrets=[SECRET]) is None


@pytest.mark.parametrize("secrets", [[SECRET, OTHER], [OTHER, SECRET]])
def test_after_a_change_both_secrets_are_good(secrets: list[str]) -> None:
    assert verify(request(), now=SIGNED_AT, secrets=secrets) is not None


@pytest.mark.parametrize("secrets", [[], [OTHER], [""], ["  "]])
def test_without_the_right_secret_nothing_is_let_through(secrets: list[str]) -> None:
    assert verify(request(), now=SIGNED_AT, secrets=secrets) is None


@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_blank_secret_vouches_for_nobody(blank: str) -> None:
    forged = request(secret=blank.strip())
    assert verify(forged, now=SIGNED_AT, secrets=[blank, OTHER]) is None


def test_a_changed_byte_of_the_body_is_a_forgery() -> None:
    genuine = request(b'{"a": 1}')
    assert verify(RawRequest(genuine.headers, b'{"a":1}'), now=SIGNED_AT, secrets=[SECRET]) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-slack-request-timestamp", "153142061"),
        ("x-slack-request-timestamp", "15314206180"),
        ("x-slack-request-timestamp", "1_531_420_618"),
        ("x-slack-request-timestamp", "+153142061"),
        ("x-slack-request-timestamp", "1531420618\n"),
        ("x-slack-request-timestamp", "١٥٣١٤٢٠٦١٨"),
        ("x-slack-request-timestamp", "1531420618,1531420618"),
        ("x-slack-request-timestamp", "soon"),
        ("x-slack-signature", ""),
        ("x-slack-signature", "v0=" + "A2" * 32),
        ("x-slack-signature", "v0=" + "a2" * 31),
        ("x-slack-signature", "v1=" + "a2" * 32),
        ("x-slack-signature", "v0=" + "ä2" * 32),
        ("x-slack-signature", "v0=" + "a2" * 32 + "\n"),
    ],
)
def test_headers_of_another_form_are_refused(name: str, value: str) -> None:
    headers = {**request().headers, name: value}
    assert not plausible(headers)
    assert verify(RawRequest(headers, b"{}"), now=SIGNED_AT, secrets=[SECRET]) is None


@pytest.mark.parametrize("name", ["x-slack-request-timestamp", "x-slack-signature"])
def test_a_missing_header_is_refused(name: str) -> None:
    headers = {n: v for n, v in request().headers.items() if n != name}
    assert verify(RawRequest(headers, b"{}"), now=SIGNED_AT, secrets=[SECRET]) is None


def test_a_request_that_names_no_type_has_none() -> None:
    genuine = request()
    headers = {n: v for n, v in genuine.headers.items() if n != "content-type"}
    verified = verify(RawRequest(headers, genuine.body), now=SIGNED_AT, secrets=[SECRET])
    assert verified is not None
    assert verified.content_type == ""


@pytest.mark.parametrize(
    "secrets", [[], [""], ["  "], [SECRET, ""], ["${UNSET}"], ["two words"], ["ä" * 32]]
)
def test_a_verifier_without_a_usable_secret_is_not_built(
    secrets: list[str], clock: ManualClock
) -> None:
    with pytest.raises(ConfigurationError, match="NIGHTDESK_SLACK__SIGNING_SECRET"):
        SlackVerifier(secrets, clock)


def test_what_is_wrong_with_a_secret_is_said(clock: ManualClock) -> None:
    for secrets, wrong in (([], "is missing"), ([SECRET, " "], "is empty"), (["a b"], "no secret")):
        with pytest.raises(ConfigurationError, match=rf"_SECRET (is )?{wrong}[:,]"):
            SlackVerifier(secrets, clock)


async def test_a_verifier_asks_its_clock(clock: ManualClock) -> None:
    verifier = SlackVerifier([SECRET], clock)
    genuine = request(at=clock.now())
    assert verifier.plausible(genuine.headers)
    assert verifier(genuine) is not None
    await clock.advance(FRESH_SECONDS + 1)
    assert verifier(genuine) is None


def test_each_of_what_came_together_is_judged_by_itself(clock: ManualClock) -> None:
    genuine = [request(b"1", at=clock.now()), request(b"2", at=clock.now())]
    stale = request(b"3", at=clock.now() - timedelta(seconds=FRESH_SECONDS + 1))
    forged = request(b"4", at=clock.now(), secret=OTHER)
    found = SlackVerifier([SECRET], clock).each([genuine[0], stale, forged, genuine[1]])
    assert [one and one.body for one in found] == [b"1", None, None, b"2"]
    assert found[0] == SlackVerifier([SECRET], clock)(genuine[0])
