"""Files that people sent, fetched; files of ours, sent.

https://docs.slack.dev/messaging/working-with-files
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.faults import Refusal, by_status, network, read, written
from adapters.slack.history import messages, ts_of
from runtime.errors import Ambiguous, Permanent, Refused, Retryable
from runtime.model.address import ThreadRef
from runtime.model.files import FileRef, OutFile, too_large

log = logging.getLogger("nightdesk.slack")

ReadFile = Callable[[OutFile], Awaitable[bytes]]
"""The bytes of a file of ours."""

_HOSTS = (".slack.com", ".slack-files.com", ".slack-edge.com", ".slack-gov.com")
_PIECE = 64 * 1024
_DOWNLOAD = aiohttp.ClientTimeout(connect=10, sock_connect=10, sock_read=30)
"""Of a file, which may take longer than a call; how long in all, its reader says."""


class SlackFiles:
    """The files of one workspace."""

    def __init__(
        self,
        client: AsyncWebClient,
        session: aiohttp.ClientSession,
        *,
        token: str,
        base_url: str,
        user: str,
        read_file: ReadFile,
    ) -> None:
        """Fetch with the bot's token, which only Slack's own hosts ever see; `user` is the bot."""
        self._client = client
        self._session = session
        self._token = token
        self._base_url = base_url
        self._user = user
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
                    address, headers=headers, allow_redirects=False, timeout=_DOWNLOAD
                ) as response:
                    _check(response)
                    async for piece in _bounded(response, file.name, most):
                        yield piece
        except Ambiguous as error:
            raise Retryable(str(error)) from error

    async def share(
        self, files: Sequence[OutFile], thread: ThreadRef, *, tried_since: datetime | None = None
    ) -> None:
        """Send files into the thread, as a message of their own.

        They carry no id of ours: where an earlier try may have brought them there since that
        time, Slack is asked for a message of ours with files of the same names and sizes.

        Raises:
            Retryable: they were not sent.
            Ambiguous: they may have been sent.
            Refusal: Slack said no.
            Permanent: a file is not there any more.
        """
        if tried_since is not None and await self._are_there(files, thread, tried_since):
            return
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

    async def _are_there(
        self, files: Sequence[OutFile], thread: ThreadRef, since: datetime
    ) -> bool:
        wanted = sorted((file.name, file.size) for file in files)
        found = messages(self._client, thread, oldest=ts_of(since), latest=None)
        try:
            async for message in found:
                if message.get("user") == self._user and _files_of(message) == wanted:
                    return True
        except Permanent as error:
            # Twice is better than never.
            log.warning("slack.files_not_looked_for", extra={"why": str(error)})
        return False

    async def _upload(self, file: OutFile) -> str:
        """Bring the bytes to Slack, where nobody sees them yet; returns Slack's id of them."""
        data = await self._read_file(file)
        place = await read(
            self._client.files_getUploadURLExternal(
                filename=file.name, length=len(data), alt_txt=file.alt or None
            )
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


def _files_of(message: Mapping[str, object]) -> list[tuple[str, int]]:
    """The titles and sizes of a message's files, sorted."""
    files = message.get("files")
    found = [file for file in files if isinstance(file, dict)] if isinstance(files, list) else []
    return sorted((str(file.get("title")), int(file.get("size") or 0)) for file in found)


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
