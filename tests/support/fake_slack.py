"""The product's fake Slack, which also holds each request to the vendor's published schema here.

For suites that kill the program it runs by itself: `python -m tests.support.fake_slack --port 8123`.
"""

import argparse
import asyncio
import time
from collections.abc import Callable, Iterable

from bot.selftest.slack import server
from bot.selftest.slack.names import (
    APP,
    APP_TOKEN,
    BOT,
    CHANNEL,
    DIRECT,
    SCOPES,
    TEAM,
    TOKEN,
)
from bot.selftest.slack.rules import Args
from bot.selftest.slack.server import Call, Fault
from bot.selftest.slack.workspace import Posted, SlackSays
from tests.support import fake_slack_rules as rules

__all__ = [
    "APP",
    "APP_TOKEN",
    "BOT",
    "CHANNEL",
    "DIRECT",
    "SCOPES",
    "TEAM",
    "TOKEN",
    "Call",
    "FakeSlack",
    "Fault",
    "Posted",
    "SlackSays",
]


def _by_schema(method: str, args: Args, form: bool) -> Iterable[str]:
    return rules.by_schema(method, args, form=form)


class FakeSlack(server.FakeSlack):
    """The server, with the schema beside its own rules."""

    def __init__(
        self, *, now: Callable[[], float] = time.time, token: str = TOKEN, scopes: str = SCOPES
    ) -> None:
        super().__init__(now=now, token=token, scopes=scopes, checks=[_by_schema])


async def _main(port: int, channels: list[str]) -> None:
    slack = FakeSlack()
    slack.channels.update(channels)
    await slack.start(port)
    print(slack.url, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="A fake Slack for the crash suite.")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--channel", action="append", default=[], help="more channels to know")
    given = options.parse_args()
    asyncio.run(_main(given.port, given.channel))
