"""E-mail, webhooks and files, put together: channels that only take messages."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.email.outbound import EmailChat, SmtpServer
from adapters.file.outbound import FileChat
from adapters.webhook.outbound import WebhookChat
from bot.platforms.opened import OpenPlatform
from bot.settings import EmailSettings, WebhookSettings
from gateway.health import Check
from runtime.clock import Clock
from runtime.model.files import OutFile
from runtime.model.value import value

FOLDER = "channels"
"""What the folder of file channels is called, in the data folder."""

Read = Callable[[OutFile], Awaitable[bytes]]


@value()
class _Look:
    """Such a channel has no connection that could be lost: each message makes its own."""

    name: str

    async def __call__(self) -> Check:
        return Check(name=self.name, ok=True, detail="configured; connects for each message")


def open_email(settings: EmailSettings, clock: Clock, read: Read) -> OpenPlatform:
    """Be ready to hand in mail."""
    server = SmtpServer(
        host=settings.host,
        port=settings.port,
        tls=settings.tls,
        user=settings.user,
        password=settings.password.get_secret_value() if settings.password else "",
        sender=settings.sender,
    )
    return OpenPlatform(chat=EmailChat(server, clock=clock, read=read), look=_Look("email"))


@asynccontextmanager
async def open_webhook(
    settings: WebhookSettings, clock: Clock, read: Read
) -> AsyncIterator[OpenPlatform]:
    """Be ready to call webhooks while the block runs."""
    chat = WebhookChat(
        settings.secret.get_secret_value(),
        allow_private=settings.allow_private,
        clock=clock,
        read=read,
    )
    await chat.open()
    try:
        yield OpenPlatform(chat=chat, look=_Look("webhook"))
    finally:
        await chat.close()


def open_file(data_dir: Path, clock: Clock, read: Read) -> OpenPlatform:
    """Be ready to add to files."""
    chat = FileChat(data_dir / FOLDER, clock=clock, read=read)
    return OpenPlatform(chat=chat, look=_Look("file"))
