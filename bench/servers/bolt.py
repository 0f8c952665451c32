"""The peer: slack-bolt's AsyncApp behind its own aiohttp application. It stores nothing."""

from collections.abc import Sequence

from aiohttp import web
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bench.child import live
from bench.machine import SERVER_CORE
from bench.servers.common import listening, take_orders
from bench.slack import BOT_TOKEN, BOT_USER, EVENTS, HOST, SIGNING_SECRET, TEAM_ID


async def _who_am_i(_: web.Request) -> web.Response:
    """`auth.test`, which Bolt asks once and remembers."""
    return web.json_response(
        {"ok": True, "team_id": TEAM_ID, "user_id": BOT_USER, "bot_id": "B0DESK", "url": ""}
    )


async def _mentioned() -> None:
    """Bolt acknowledges events by itself."""


async def _command(ack: AsyncAck) -> None:
    await ack("ok")


async def _live(_: Sequence[str]) -> None:
    slack = web.Application()
    slack.router.add_post("/api/auth.test", _who_am_i)
    async with listening(slack) as port_of_slack:
        client = AsyncWebClient(BOT_TOKEN, base_url=f"http://{HOST}:{port_of_slack}/api/")
        app = AsyncApp(client=client, signing_secret=SIGNING_SECRET)
        app.event("app_mention")(_mentioned)
        app.command("/nightdesk")(_command)
        async with listening(app.web_app(EVENTS)) as port:
            await take_orders(port)


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
