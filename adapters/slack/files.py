"""Files that people sent, fetched; files of ours, sent.

https://docs.slack.dev/messaging/working-with-files
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.faults import Refusal, by_status, network, read, written
from runtime.errors import Ambiguous, Permanent, Refused, Retryable
from runtime.model.address import ThreadRef
from runtime.model.files import FileRef, OutFile, too_large

ReadFile = Callable[[OutFile], Awaitable[bytes]]
"""The bytes of a file of ours."""

_HOSTS = (".slack.com", ".slack-files.com", ".slack-edge.com", ".slack-gov.com")
_PIECE = 64 * 1024


class SlackFiles:
    """The files of one workspace."""

    def __init__(
        self,
        client: AsyncWebClient,
        session: aiohttp.ClientSession,
        *,
        token: str,
        base_url: str,
        read_file: ReadFile,
    ) -> None:
        """Fetch with the bot's token, which only Slack's own hosts ever see."""
        self._client = client
        self._session = session
        self._token = token
        self._base_url = base_url
        self._read_file = read_file

    async def fetch(self, file: FileRef, *, most: int) -> AsyncIterator[bytes]:
        """The bytes of a file, in pieces; see `runtime.ports.FetchesFiles`."""
        if file.size is not None and file.size > most:
            raise Refused(too_large(file.name, most))
        address = await self._address(file)
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            with network():
                async with self._session.get(
                    address, headers=headers, allow_redirects=False
                ) as response:
                    _check(response)
                    async for piece in _bounded(response, file.name, most):
                        yield piece
        except Ambiguous as error:
            raise Retryable(str(error)) from error

    async def share(self, files: Sequence[OutFile], thread: ThreadRef) -> None:
        """Send files into the thread, as a message of their own.

        Raises:
            Retryable: they were not sent.
            Ambiguous: they may have been sent.
            Refusal: Slack said no.
            Permanent: a file is not there any more.
        """
        held: list[dict[str, str | None]] = [
            {"id": await self._upload(file), "title": file.name} for file in files
        ]
        await written(
            self._client.files_completeUploadExternal(
                files=held,
                channel_id=thread.channel.channel,
                thread_ts=thread.root or None,
            )
        )

    async def _upload(self, file: OutFile) -> str:
        """Bring the bytes to Slack, where nobody sees them yet; returns Slack's id of them."""
        data = await self._read_file(file)
        place = await read(
            self._client.files_getUploadURLExternal(filename=file.name, length=len(data))
        )
        address = str(place["upload_url"])
        self._require_slack(address)
        try:
            with network():
                async with self._session.post(
                    address, data=data, allow_redirects=False
                ) as response:
                    _check(response)
        except Ambiguous as error:
            raise Retryable(str(error)) from error  # what is not completed is not there
        return str(place["file_id"])

    async def _address(self, file: FileRef) -> str:
        """Where the bytes are: Slack says so later for files of other organisations."""
        address = file.handle
        if "://" not in address:
            found = (await read(self._client.files_info(file=address)))["file"] or {}
            address = str(found.get("url_private_download") or found.get("url_private") or "")
        self._require_slack(address)
        return address

    def _require_slack(self, address: str) -> None:
        """Refuse an address that is not Slack's: the token would go there.

        Raises:
            Refused: it is not.
        """
        parts, ours = urlsplit(address), urlsplit(self._base_url)
        host = f".{parts.hostname or ''}"
        slacks = parts.scheme == "https" and host.endswith(_HOSTS)
        if not slacks and (parts.scheme, parts.netloc) != (ours.scheme, ours.netloc):
            raise Refused("The file is not at Slack, so I do not fetch it.")


def _check(response: aiohttp.ClientResponse) -> None:
    told = by_status(response.status, response.headers.get("Retry-After"))
    if isinstance(told, Retryable | Ambiguous):
        raise Retryable(str(told)) from told
    if response.status != HTTPStatus.OK:
        raise Permanent(f"Slack does not give the file ({response.status})")
    signed_out = response.content_type == "text/html" and "attachment" not in (
        response.headers.get("Content-Disposition", "")
    )
    if signed_out:
        raise Refusal("missing_scope", "files:read")


async def _bounded(response: aiohttp.ClientResponse, name: str, most: int) -> AsyncIterator[bytes]:
    taken = 0
    async for piece in response.content.iter_chunked(_PIECE):
        taken += len(piece)
        if taken > most:
            raise Refused(too_large(name, most))
        yield piece
