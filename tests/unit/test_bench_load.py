"""The load generator: what it posts is genuine, and what it counts is what happened."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from adapters.slack.inbound import SlackInbound
from bench import slack
from bench.load import Answers, Window, send
from bench.servers.common import listening
from gateway.verify.slack import SlackVerifier
from runtime.clock import SystemClock
from runtime.model.events import Command, Inbound, Message
from runtime.model.wire import RawRequest, VerifiedRequest


def _vouched(request: bytes) -> VerifiedRequest:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line.decode().partition(": ") for line in head.split(b"\r\n")[1:]]
    verified = SlackVerifier([slack.SIGNING_SECRET], SystemClock())(
        RawRequest({name.lower(): value for name, _, value in lines}, body)
    )
    assert verified is not None
    return verified


def test_its_events_pass_the_real_verifier_and_parser_and_are_all_different() -> None:
    parsed = [SlackInbound().parse_event(_vouched(r)) for r in slack.events(500, first=10**6)]
    said = [event for event in parsed if isinstance(event, Inbound)]
    assert len({event.event_key for event in said}) == 500
    assert all(isinstance(event.body, Message) and event.body.mentioned for event in said)


def test_its_commands_pass_the_real_verifier_and_parser_and_are_all_different() -> None:
    parsed = [SlackInbound().parse_command(_vouched(r)) for r in slack.commands(500, first=7)]
    said = [command for command in parsed if isinstance(command, Inbound)]
    assert len({command.event_key for command in said}) == 500
    assert all(isinstance(command.body, Command) for command in said)


def test_an_event_is_as_long_as_slacks_are() -> None:
    [request] = slack.events(1, first=0)
    assert 900 < len(request.partition(b"\r\n\r\n")[2]) < 1500


Handler = Callable[[web.Request], Awaitable[web.Response]]


async def _posted_to(handler: Handler, *, rate: float, seconds: float = 0.1) -> Answers:
    app = web.Application()
    app.router.add_post(slack.EVENTS, handler)
    async with listening(app) as port:
        return await send(
            Window(
                port=port,
                kind="event",
                path=slack.EVENTS,
                first=0,
                seconds=seconds,
                rate=rate,
                connections=4,
            )
        )


async def test_a_closed_loop_counts_every_answer() -> None:
    seen = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal seen
        seen += 1
        assert len(await request.read()) > 900
        return web.Response()

    answers = await _posted_to(answer, rate=0.0)
    assert answers.count == seen > 4
    assert (answers.refused, answers.lost) == (0, 0)
    assert 0 < answers.p50 <= answers.p99 <= answers.longest


async def test_what_is_not_a_200_is_refused_not_counted() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=503, text="later")

    answers = await _posted_to(answer, rate=100.0)
    assert (answers.count, answers.refused) == (0, 10)


async def test_paced_requests_that_met_a_stall_all_count_it() -> None:
    stalled = False

    async def answer(_: web.Request) -> web.Response:
        nonlocal stalled
        if not stalled:
            stalled = True
            time.sleep(0.05)  # noqa: ASYNC251, TID251 - the stall
        return web.Response()

    answers = await _posted_to(answer, rate=200.0)
    assert answers.count == 20
    # All of the first half were planned while the loop stood still.
    assert answers.p50 > 1.0
    assert answers.longest >= 50.0
