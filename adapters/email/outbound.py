"""E-mail as a chat platform that only takes messages.

A message keeps its Message-ID over every try (RFC 5322, section 3.6.4), made of the outbox row, so
that a copy sent because nobody could tell whether the first arrived is seen as the same message by
mail programs. SMTP has no way to ask for a message, so such a copy is possible.
"""

import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from adapters.email import render
from adapters.oneway import OneWay
from runtime.clock import Clock
from runtime.errors import Ambiguous, Permanent, Retryable
from runtime.ids import MessageId, Platform
from runtime.model.address import ChannelRef
from runtime.model.files import OutFile
from runtime.model.outbox import OutboxItem
from runtime.model.probe import Finding
from runtime.model.value import value
from runtime.ports import ChatLimits

EMAIL = Platform("email")

_TIMEOUT = 30.0
_TRANSIENT = range(400, 500)
_GREYLISTED = 300.0
"""Seconds to wait after a 4xx answer: servers that put strangers off want to see patience."""


@value(kw_only=True)
class SmtpServer:
    """Where mail is handed in.

    Attributes:
        host: its name.
        port: its port.
        tls: how the line is encrypted: `implicit` from the start, `starttls`, or `none`.
        user: the account, or empty for none.
        password: its password. A secret.
        sender: the address that messages come from.
    """

    host: str
    port: int
    tls: str
    user: str
    password: str
    sender: str

    def __repr__(self) -> str:
        """Everything but the password."""
        return f"SmtpServer({self.host}:{self.port}, {self.tls}, {self.user!r})"


class EmailChat(OneWay):
    """The `ChatPort` of e-mail."""

    def __init__(
        self,
        server: SmtpServer,
        *,
        clock: Clock,
        read: Callable[[OutFile], Awaitable[bytes]],
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        """Send through one server.

        Args:
            server: the server.
            clock: dates messages.
            read: reads a file that goes with a message.
            tls_context: which certificates to trust; None for the machine's.
        """
        super().__init__(EMAIL)
        self._server = server
        self._clock = clock
        self._read = read
        self._tls_context = tls_context

    @property
    def limits(self) -> ChatLimits:
        """Gentle: an address gets a message every few seconds, after a few at once."""
        return ChatLimits(per_channel=0.2, overall=2.0, burst=5)

    async def send(self, item: OutboxItem) -> MessageId:
        """Hand the message in; see `ChatPort.send`."""
        message = await self._message(item)
        with _told():
            async with self._client() as client:
                await client.send_message(message)
        return MessageId(str(message["Message-ID"]))

    async def find(self, item: OutboxItem) -> MessageId | None:  # noqa: ARG002 - nobody to ask
        """Say that it is not there: nobody can be asked, and a copy has the same Message-ID."""
        return None

    async def probe(self, channel: ChannelRef | None = None) -> Sequence[Finding]:
        """Connect, encrypt, sign in, and leave again without a message."""
        where = f"{self._server.host}:{self._server.port}"
        try:
            with _told():
                async with self._client() as client:
                    await client.noop()
        except (Retryable, Permanent, Ambiguous) as error:
            todo = "Check NIGHTDESK_EMAIL__SMTP_URL: host, port, encryption, user and password."
            return [Finding(ok=False, what=f"the mail server {where}: {error}", todo=todo)]
        found = [Finding(ok=True, what=f"the mail server {where}: takes mail from us")]
        if channel is not None:
            known = "an address; whether somebody reads it cannot be tested without a message"
            found.append(Finding(ok=True, what=f"{channel.channel}: {known}"))
        return found

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password or None,
            use_tls=server.tls == "implicit",
            start_tls=server.tls == "starttls",
            tls_context=self._tls_context,
            timeout=_TIMEOUT,
            local_hostname=server.sender.rpartition("@")[2],
        )

    async def _message(self, item: OutboxItem) -> EmailMessage:
        message = EmailMessage()
        domain = self._server.sender.rpartition("@")[2]
        message["From"] = f"Nightdesk <{self._server.sender}>"
        message["To"] = item.thread.channel.channel
        message["Subject"] = render.subject(item.content.text) or "Nightdesk"
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = f"<{item.id}@{domain}>"
        if item.thread.root:
            message["In-Reply-To"] = message["References"] = item.thread.root
        # A machine wrote it (RFC 3834): no out-of-office answer is wanted.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(item.content.text)
        message.add_alternative(render.html(item.content.text), subtype="html")
        for file in item.content.files:
            kind, _, subtype = file.media_type.partition("/")
            message.add_attachment(
                await self._read(file),
                maintype=kind or "application",
                subtype=subtype or "octet-stream",
                filename=file.name,
            )
        return message


@contextmanager
def _told() -> Iterator[None]:
    """What became of a conversation with the server, in the words of `runtime.errors`."""
    try:
        yield
    except aiosmtplib.SMTPAuthenticationError as error:
        raise Permanent(f"it refused the user or the password ({error.code})") from error
    except aiosmtplib.SMTPRecipientsRefused as error:
        refused = error.recipients[0]
        raise _by_code(refused.code, f"it does not take mail for {refused.recipient}") from error
    except aiosmtplib.SMTPResponseException as error:
        raise _by_code(error.code, "it refused the message") from error
    except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPConnectTimeoutError) as error:
        raise Retryable(f"it cannot be reached: {type(error).__name__}") from error
    except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError) as error:
        raise Ambiguous(f"it broke off: {type(error).__name__}") from error
    except aiosmtplib.SMTPException as error:
        raise Permanent(f"it cannot do what is asked: {error}") from error
    except (ssl.SSLError, OSError) as error:
        raise Retryable(f"it cannot be reached: {type(error).__name__}") from error


def _by_code(code: int, what: str) -> Exception:
    """A 4xx answer may be another one later; a 5xx answer stays."""
    if code in _TRANSIENT:
        return Retryable(f"{what} for now ({code})", after=_GREYLISTED)
    return Permanent(f"{what} ({code})")
