"""The signature of an outgoing webhook, for whoever writes a receiver.

`v1=` and the HMAC-SHA256, in hexadecimal, of the timestamp, a dot and the raw body, under the
secret. A receiver computes the same, compares in constant time, and refuses old timestamps.
"""

import hashlib
import hmac

SIGNATURE = "X-Nightdesk-Signature"
TIMESTAMP = "X-Nightdesk-Timestamp"
DELIVERY = "X-Nightdesk-Delivery"
"""The same for every try of a delivery, so that a receiver can tell a repeated one."""


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of the signature's header."""
    signed = timestamp.encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
