"""Webhooks as a chat platform that only takes messages.

A delivery has the same id over every try, so trying again is harmless for a receiver that looks at
it; that is how "no answer" is dealt with, for a receiver cannot be asked.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
import msgspec

from adapters.oneway import OneWay
from adapters.webhook.addresses import PrivateAddress, PublicOnly, is_public
from adapters.webhook.signing import DELIVERY, SIGNATURE, TIMESTAMP, signature
from runtime.clock import Clock
from runtime.errors import Permanent, Retryable
from runtime.ids import MessageId, Platform
from runtime.model.address import ChannelRef
from runtime.model.files import OutFile
from runtime.model.outbox import OutboxItem
from runtime.model.probe import Finding
from runtime.ports import ChatLimits

WEBHOOK = Platform("webhook")

_TIMEOUT = aiohttp.ClientTimeout(total=20, connect=10)
_LATER = frozenset({408, 409, 423, 425, 429})
"""Answers below 500 after which another try may go well."""
_PRIVATE = (
    "it is an address of a private network; "
    "NIGHTDESK_WEBHOOK__ALLOW_PRIVATE=1 lets webhooks go there"
)


class _Attachment(msgspec.Struct, kw_only=True):
    """A file of the message; `content` is its bytes, in base64."""

    name: str
    media_type: str
    content: bytes


class _Delivery(msgspec.Struct, kw_only=True):
    """The body of a request.

    Attributes:
        id: the delivery, the same over every try.
        thread: the delivery that this one follows up on, or empty.
        text: CommonMark. It may come from a model.
        sent_at: when this try was made.
    """

    id: str
    thread: str
    text: str
    sent_at: str
    files: list[_Attachment] = []


class WebhookChat(OneWay):
    """The `ChatPort` of signed webhooks."""

    def __init__(
        self,
        secret: str,
        *,
        allow_private: bool,
        clock: Clock,
        read: Callable[[OutFile], Awaitable[bytes]],
    ) -> None:
        """Call what the team lists.

        Args:
            secret: signs every request.
            allow_private: addresses of private networks may be called too.
            clock: times requests.
            read: reads a file that goes with a message.
        """
        super().__init__(WEBHOOK)
        self._secret = secret
        self._allow_private = allow_private
        self._clock = clock
        self._read = read
        self._session: aiohttp.ClientSession | None = None

    @property
    def limits(self) -> ChatLimits:
        """One a second to each address, a few at once."""
        return ChatLimits(per_channel=1.0, overall=10.0, burst=5)

    async def open(self) -> None:
        """Be ready to call."""
        resolver = None if self._allow_private else PublicOnly()
        self._session = aiohttp.ClientSession(
            timeout=_TIMEOUT,
            connector=aiohttp.TCPConnector(resolver=resolver, limit=20, use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, item: OutboxItem) -> MessageId:
        """Call the address; see `ChatPort.send`."""
        body = msgspec.json.encode(
            _Delivery(
                id=item.id,
                thread=item.thread.root,
                text=item.content.text,
                sent_at=self._clock.now().isoformat(),
                files=[
                    _Attachment(
                        name=file.name, media_type=file.media_type, content=await self._read(file)
                    )
                    for file in item.content.files
                ],
            )
        )
        url = item.thread.channel.channel
        self._check(url)
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            DELIVERY: item.id,
            TIMESTAMP: timestamp,
            SIGNATURE: signature(self._secret, timestamp, body),
        }
        with _told():
            async with self._open().post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                _judge(response.status, response.headers.get("Retry-After"))
        return MessageId(item.id)

    async def find(self, item: OutboxItem) -> MessageId | None:  # noqa: ARG002 - nobody to ask
        """Say that it is not there: a receiver knows a repeated delivery by its id."""
        return None

    async def probe(self, channel: ChannelRef | None = None) -> Sequence[Finding]:
        """Resolve and connect; no message is sent, so what the receiver thinks is not known."""
        if channel is None:
            allowed = "private networks included" if self._allow_private else "the public internet"
            return [Finding(ok=True, what=f"webhooks: signed, to {allowed}")]
        url = channel.channel
        try:
            self._check(url)
            with _told():
                async with self._open().options(url, allow_redirects=False) as response:
                    found = f"answers ({response.status} to OPTIONS)"
        except (Retryable, Permanent) as error:
            todo = "Check the address under [[channels]] in nightdesk.toml."
            return [Finding(ok=False, what=f"{_shown(url)}: {error}", todo=todo)]
        return [Finding(ok=True, what=f"{_shown(url)}: {found}")]

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise Retryable("webhooks are not open yet")
        return self._session

    def _check(self, url: str) -> None:
        """Refuse a literal private address, which no resolver sees."""
        host = urlsplit(url).hostname or ""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return
        if not (self._allow_private or is_public(host)):
            raise Permanent(_PRIVATE)


@contextmanager
def _told() -> Iterator[None]:
    """What became of a request, in the words of `runtime.errors`."""
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, PrivateAddress):
            raise Permanent(_PRIVATE) from error
        raise Retryable(f"it cannot be reached: {type(error).__name__}") from error
    except aiohttp.InvalidURL as error:
        raise Permanent("that is no address that can be called") from error
    except (aiohttp.ClientError, TimeoutError) as error:
        # Perhaps it arrived; a receiver knows the next try by its id.
        raise Retryable(f"it did not answer: {type(error).__name__}") from error


def _judge(status: int, retry_after: str | None) -> None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Retryable(f"it answered {status}", after=_seconds(retry_after))
    if status < HTTPStatus.BAD_REQUEST:
        raise Permanent(f"it answered {status}, and redirects are not followed")
    raise Permanent(f"it answered {status}")


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None or not retry_after.isascii() or not retry_after.isdecimal():
        return None
    return float(min(int(retry_after), 3600))


def _shown(url: str) -> str:
    """The address without its path and query, which may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}"
