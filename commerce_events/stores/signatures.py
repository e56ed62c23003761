"""Signatures of webhooks that are a HMAC of the raw bytes, compared in constant time against every valid secret."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from commerce_events.stores.adapter import SignatureError


def hmac_sha256(secret: bytes, signed: bytes) -> bytes:
    """32 bytes."""
    return hmac.new(secret, signed, sha256).digest()


def from_base64(text: str) -> bytes:
    """The bytes of a header; strict to the last bit: a lenient reading takes several texts for one signature."""
    try:
        given = text.strip().encode("ascii")
        read = base64.b64decode(given, validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise SignatureError("the signature is not base64") from None
    if base64.b64encode(read) != given:
        raise SignatureError("the signature is not base64")
    return read


def from_hex(text: str) -> bytes:
    """The bytes of a header in small hexadecimal digits, as every store writes them."""
    try:
        read = binascii.unhexlify(text.strip().encode("ascii"))
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise SignatureError("the signature is not hexadecimal") from None
    if read.hex() != text.strip():
        raise SignatureError("the signature is not hexadecimal")
    return read


def any_fits(given: Iterable[bytes], secrets: Iterable[bytes], signed: bytes) -> None:
    """Compare every given signature with every valid secret's; how long that takes tells nothing of where they differ.

    Raises:
        SignatureError: none fits.
    """
    expected = [hmac_sha256(secret, signed) for secret in secrets if secret]
    fits = False
    for signature in given:
        for right in expected:
            fits |= hmac.compare_digest(signature, right)
    if not fits:
        raise SignatureError("the signature does not fit")


def is_recent(seconds: str, now: datetime, tolerance: float) -> None:
    """Check the time that is signed with the body, in seconds since 1970.

    Raises:
        SignatureError: it is no number in plain digits, or lies further from now than the tolerance.
    """
    if not re.fullmatch("[0-9]{1,12}", seconds) or abs(now.timestamp() - int(seconds)) > tolerance:
        raise SignatureError("the signature is not of now")
