"""Just enough of Slack for a process to connect: `auth.test`."""

from collections.abc import Sequence

from bench.child import live
from bench.desk import fake_slack
from bench.servers.common import take_orders


async def _live(_: Sequence[str]) -> None:
    async with fake_slack() as url:
        await take_orders(url)


if __name__ == "__main__":
    live(_live, core=None)
