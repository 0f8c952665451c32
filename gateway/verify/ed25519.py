"""Signatures by Ed25519 (RFC 8032). Loading this loads the library that checks them."""

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def signed_by(key: bytes, signature: bytes, signed: bytes) -> bool:
    """Whether the owner of the public key, of 32 bytes, signed exactly that."""
    try:
        _public(key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=8)
def _public(key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(key)
