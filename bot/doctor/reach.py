"""Asking other machines for a sign of life, without changing or spending anything."""

from collections.abc import Mapping

import aiohttp

from runtime.model.value import value

_TIMEOUT = aiohttp.ClientTimeout(total=5)
_MOST_BYTES = 4_000_000
_PIECE = 65_536


@value()
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status, or None where nothing answered.
        why: why nothing answered, in words.
        said: the body, as far as it was read: 4 MB.
    """

    status: int | None
    why: str = ""
    said: bytes = b""


async def get(url: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Ask for the address; never raises for what the network does, or for what cannot be sent."""
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            return Answer(response.status, said=await _read(response))
    except (aiohttp.ClientError, OSError) as error:
        return Answer(None, str(error) or type(error).__name__)
    except ValueError:
        # Of aiohttp, for what it must not write into a request. Its words may quote a key.
        return Answer(
            None,
            "the key or the address cannot be sent: it has characters that HTTP does not allow",
        )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body; a long one comes in many pieces."""
    said = bytearray()
    async for piece in response.content.iter_chunked(_PIECE):
        said += piece
        if len(said) > _MOST_BYTES:
            break
    return bytes(said[:_MOST_BYTES])
