"""The peer: python-telegram-bot's Application behind an aiohttp route. It stores nothing.

As its documentation has it for a web server of one's own: the update is read and put into the
application's queue. Its own server needs Tornado, which is no dependency of this project, and is
slower than this.
"""

from collections.abc import Sequence

from aiohttp import web
from telegram import Update
from telegram.ext import Application, ContextTypes, MessageHandler, filters

from bench.child import live
from bench.machine import SERVER_CORE
from bench.servers.common import listening, take_orders
from bench.telegram import PATH
from bot.selftest.telegram.names import SECRET
from bot.selftest.telegram.names import TOKEN as MADE_UP
from bot.selftest.telegram.server import SECRET_HEADER, FakeTelegram


async def _heard(_: Update, __: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer nothing."""


async def _live(_: Sequence[str]) -> None:
    async with FakeTelegram() as fake:
        builder = Application.builder().token(MADE_UP).base_url(f"{fake.url}/bot").updater(None)
        application = builder.build()
        application.add_handler(MessageHandler(filters.TEXT, _heard))

        async def take(request: web.Request) -> web.Response:
            if request.headers.get(SECRET_HEADER) != SECRET:
                return web.Response(status=403)
            update = Update.de_json(await request.json(), application.bot)
            await application.update_queue.put(update)
            return web.Response()

        app = web.Application()
        app.router.add_post(PATH, take)
        async with application:
            await application.start()
            async with listening(app) as port:
                await take_orders(port)
            await application.stop()


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
