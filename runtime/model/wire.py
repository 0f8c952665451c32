"""Requests from outside, before and after somebody vouched for them."""

from collections.abc import Mapping
from datetime import datetime

from runtime.model.value import value


@value()
class RawRequest:
    """An HTTP request as it came: nobody has vouched for a byte of it.

    Attributes:
        headers: names in lower case; where a header came twice, the values joined by a comma.
        body: the raw body, undecoded.
    """

    headers: Mapping[str, str]
    body: bytes


@value()
class VerifiedRequest:
    """A request whose signature was checked. Only `gateway.verify` may build one.

    Parsers accept nothing else, so unverified bytes do not type-check.

    Attributes:
        platform: the platform that signed it.
        body: the raw body that was signed.
        content_type: the media type without parameters, in lower case.
        signed_at: when, by the platform's clock, where it signs the time too.
    """

    platform: str
    body: bytes
    content_type: str
    signed_at: datetime | None = None
