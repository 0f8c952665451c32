"""A real SMTP server on loopback, which keeps what is handed in and refuses on demand."""

import asyncio
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from adapters.email.outbound import SmtpServer


@dataclass
class MailBox:
    """A handler of a real SMTP server that keeps what is handed in, and refuses on demand.

    Attributes:
        messages: what was handed in, in order.
        answers: what the next messages are answered with, instead of being kept.
        cuts: break the line after the next message was kept.
    """

    messages: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    refuses: str = ""
    cuts: bool = False

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        if self.refuses:
            return self.refuses
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        if self.answers:
            return self.answers.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        if self.cuts and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return "250 OK"


@dataclass(frozen=True)
class Certificate:
    """A certificate of `localhost` that nobody signed but itself."""

    serves: ssl.SSLContext
    trusts: ssl.SSLContext


@asynccontextmanager
async def mail_server(
    box: MailBox, *, password: str = "", certificate: Certificate | None = None
) -> AsyncIterator[SmtpServer]:
    """A real SMTP server on loopback; with a certificate it speaks STARTTLS."""

    def check(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        good = data.password == password.encode()
        return AuthResult(success=good, handled=good)

    def make() -> SMTP:
        return SMTP(
            box,
            hostname="mail.test",
            loop=asyncio.get_running_loop(),
            authenticator=check,
            auth_required=bool(password),
            tls_context=certificate.serves if certificate else None,
            require_starttls=certificate is not None,
        )

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    async with server:
        yield SmtpServer(
            host="localhost" if certificate else "127.0.0.1",
            port=server.sockets[0].getsockname()[1],
            tls="starttls" if certificate else "none",
            user="desk" if password else "",
            password=password,
            sender="desk@example.org",
        )
