"""Saleor's signature: a detached JWS over the raw body, checked with the shop's published keys.

The header is ``protected..signature``; signed is ``protected + "." + raw body`` (RFC 7797, ``b64`` false). Which
algorithm counts is ours to say, never the header's: RS256. Keys come from the options or from the shop's own address in
the options, never from an address in the request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt

from commerce_events.exceptions import CommerceEventsError, OperatorError, TransientError
from commerce_events.stores.adapter import SignatureError

KEPT = timedelta(hours=1)  # after that, the shop is asked whether it withdrew a key
ASKED_AGAIN = timedelta(seconds=30)  # at most so often, however many unknown keys are named
SHORTEST = 2048  # bits

_HINT = "It is what the shop answers at /.well-known/jwks.json."

_JWS = jwt.PyJWS()


class Keys:
    """The shop's public keys by id: fixed ones, or those that ``fetch`` brings, kept for an hour.

    Arguments:
        fixed: a JSON Web Key Set, or None.
        fetch: brings one; called when a key is unknown, or the set is old.
    """

    def __init__(self, fixed: Mapping[str, Any] | None, fetch: Callable[[], Any] | None) -> None:
        self._fetch = None if fixed else fetch
        self._keys = _read(fixed) if fixed else {}
        self._asked: datetime | None = None
        self._failure: CommerceEventsError | None = None

    def of(self, kid: str, now: datetime) -> jwt.PyJWK:
        """The key of this id.

        Raises:
            SignatureError: the shop has none.
            TransientError: its keys are not known, because it does not answer.
            OperatorError: or because it answers something else.
        """
        if self._fetch is not None:
            age = KEPT if self._asked is None else abs(now - self._asked)
            if age >= KEPT or (kid not in self._keys and age >= ASKED_AGAIN):
                self._asked = now
                self._renew(self._fetch)
        if kid in self._keys:
            return self._keys[kid]
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        raise SignatureError("the shop has no key of this id")

    def _renew(self, fetch: Callable[[], Any]) -> None:
        """Ask the shop; while it does not answer, the keys that are known go on counting."""
        try:
            self._keys, self._failure = _read(fetch()), None
        except (TransientError, OperatorError) as error:
            self._failure = error


def _read(key_set: Any) -> dict[str, jwt.PyJWK]:
    """The keys that can count: RSA, long enough, for signatures."""
    keys = {}
    try:
        for one in key_set["keys"]:
            if one.get("kty") == "RSA" and one.get("use", "sig") == "sig" and one.get("alg", "RS256") == "RS256":
                key = jwt.PyJWK(one, algorithm="RS256")
                if key.key.key_size >= SHORTEST:
                    keys[str(one["kid"])] = key
    except (KeyError, TypeError, AttributeError, ValueError, jwt.PyJWTError) as error:
        raise OperatorError(f"the shop's key set cannot be read ({type(error).__name__})", hint=_HINT) from None
    if not keys:
        raise OperatorError("the shop's key set holds no RSA key for signatures", hint=_HINT)
    return keys


def check(header: str, raw: bytes, keys: Keys, now: datetime) -> None:
    """Check a detached JWS.

    Raises:
        SignatureError: it does not fit, or says of itself what is not agreed.
    """
    if not header.isascii():
        raise SignatureError("the signature is not a JWS")
    try:
        said = _JWS.get_unverified_header(header)
        if said.get("alg") != "RS256" or said.get("b64") is not False or said.get("crit") != ["b64"]:
            raise SignatureError("the signature is not a detached, unencoded RS256 JWS")
        kid = said.get("kid")
        if not isinstance(kid, str):
            raise SignatureError("the signature names no key")
        _JWS.decode(header, keys.of(kid, now).key, algorithms=["RS256"], detached_payload=raw)
    except jwt.PyJWTError:
        raise SignatureError("the signature does not fit") from None
