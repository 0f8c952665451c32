"""Slack's Web API: one call is one request.

https://docs.slack.dev/apis/web-api/ says how methods are called. It is not the SDK's client: that
one brings 260 methods and the models of all blocks into memory (3 MB) for the twenty that are used.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from runtime.model.value import value

USER_AGENT: Final = "nightdesk"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=10, sock_connect=10)
_AS_JSON: Final = {"Content-Type": "application/json; charset=utf-8"}


@value()
class Answer:
    """What Slack answered.

    Attributes:
        status: the HTTP status.
        headers: the headers; their names are looked up in any case.
        data: what the body says; None where it cannot be read.
    """

    status: int
    headers: Mapping[str, str]
    data: Mapping[str, object] | None

    def __getitem__(self, name: str) -> object:
        """What it says under that name, or None."""
        return self.data.get(name) if self.data else None

    def fields(self, name: str) -> Mapping[str, object]:
        """The object of that name; an empty one where there is none."""
        found = self[name]
        return found if isinstance(found, Mapping) else {}

    def objects(self, name: str) -> Sequence[Mapping[str, object]]:
        """The objects of the list of that name."""
        found = self[name]
        many = found if isinstance(found, list) else []
        return [one for one in many if isinstance(one, Mapping)]


def new_session() -> aiohttp.ClientSession:
    """A pool of connections, with the deadlines of every request."""
    return aiohttp.ClientSession(
        timeout=_TIMEOUT,
        connector=aiohttp.TCPConnector(limit=50),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


class SlackApi:
    """The methods, over one pool of connections. A field that is None is left out."""

    def __init__(self, session: aiohttp.ClientSession, token: str, *, base_url: str) -> None:
        """Call with that token; `base_url` ends with a slash."""
        self._session = session
        self._token = token
        self._base_url = base_url
        self._proxy = _proxy_to(base_url)

    async def post(self, method: str, **fields: object) -> Answer:
        """Call a method that takes JSON."""
        given = {name: field for name, field in fields.items() if field is not None}
        return await self._call(method, self._token, json.dumps(given).encode(), _AS_JSON)

    async def ask(
        self, method: str, *, token: str = "", **fields: str | int | bool | None
    ) -> Answer:
        """Call a method that takes a form; with another token where one is given."""
        form = {name: _text(field) for name, field in fields.items() if field is not None}
        return await self._call(method, token or self._token, form, {})

    async def _call(
        self,
        method: str,
        token: str,
        body: bytes | Mapping[str, str],
        headers: Mapping[str, str],
    ) -> Answer:
        async with self._session.post(
            urljoin(self._base_url, method),
            data=body,
            headers={"Authorization": f"Bearer {token}", "User-Agent": USER_AGENT, **headers},
            proxy=self._proxy,
        ) as response:
            return Answer(response.status, response.headers, await _read(response))


async def _read(response: aiohttp.ClientResponse) -> Mapping[str, object] | None:
    """The object in the body; an empty one where the body is a page or nothing."""
    if response.content_type == "text/plain":  # of a proxy in between
        return None
    try:
        found = await response.json()
    except aiohttp.ContentTypeError:
        return {}
    except ValueError:
        return None
    if found is None:
        return {}
    return found if isinstance(found, dict) else None


def _text(field: str | int | bool) -> str:  # noqa: FBT001 - it is what is sent
    """A field of a form, as Slack reads it."""
    return str(int(field)) if isinstance(field, bool) else str(field)


def _proxy_to(url: str) -> str | None:
    """The proxy that this machine's programs are told to use, if any."""
    proxies = getproxies()
    host = urlsplit(url).hostname or ""
    return None if proxy_bypass(host) else proxies.get("https") or proxies.get("http") or None
