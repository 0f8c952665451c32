"""The Slack of `crash_world`, which reaches the program over sockets that the program opens."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.crash_world import PATIENCE_SECONDS, World, world
from tests.support.fake_slack import APP_TOKEN
from tests.support.fake_slack_events import Signed

ACK_SECONDS = 0.5
"""Seconds without an acknowledgement after which Slack delivers again for the first time; Slack
itself waits for 3."""


@dataclass
class SocketWorld(World):
    """Slack delivers in envelopes, again and again until one is acknowledged."""

    def environment(self, slot: str = "", *, port: int | None = None) -> dict[str, str]:
        """The settings of a process."""
        environment = super().environment(slot, port=port)
        del environment["NIGHTDESK_SLACK__SIGNING_SECRET"]
        return environment | {"NIGHTDESK_SLACK__APP_TOKEN": APP_TOKEN}

    async def post(self, signed: Signed) -> None:
        """Deliver until it is acknowledged, as Slack does, but faster at first.

        Each try waits twice as long as the one before it: on a busy machine, one that never waited
        longer would bury the program in tries, and hear of none that it was taken.
        """
        sockets, tries, seconds = self.slack.sockets, 0, ACK_SECONDS
        began = time.monotonic()
        while True:
            assert not self.impatient(began), f"it is not acknowledged: {signed.body!r}"
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await sockets.connected()
                name = await sockets.deliver(signed.envelope, retry=tries)
                await sockets.answered(name, seconds)
            except ConnectionError:
                tries += 1
            except TimeoutError:
                tries, seconds = tries + 1, seconds * 2
            else:
                return


@asynccontextmanager
async def socket_world(folder: Path, *, seed: int | None = None) -> AsyncIterator[SocketWorld]:
    """A world of sockets, with a folder for the program; nothing runs when it ends."""
    async with world(folder, seed=seed) as around:
        made = SocketWorld(folder, None, around.slack, around.session, around.chance)
        try:
            yield made
        finally:
            await made.kill_all()
            made.close()
        assert made.slack.sockets.violations == []
