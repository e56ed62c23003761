"""A signed call to any address: Standard Webhooks (https://www.standardwebhooks.com), which many languages can check.

::

    "HOOKS": {"shop": {"crm": {
        "HOOK": "consumers.order_status.hooks.signed_webhook.SignedWebhook",
        "URL": "https://crm.example.com/hooks/open-edx", "SECRETS": ["env:CRM_WEBHOOK_SECRET"],
    }}}

Anything but a 2xx is a failure and comes again, under the same ``webhook-id``; 410 says that nobody wants it any more.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
import requests

from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.stores.signatures import hmac_sha256
from commerce_events.wire import moment
from consumers.order_status.hooks import News

PREFIX = "whsec_"


class SignedWebhook:
    """Posts JSON: ``{"type": "order.changed", "timestamp": "…", "data": {…}}``.

    Arguments:
        url: where to.
        secrets: ``whsec_`` and 24 to 64 bytes in base64; while one follows the other, both.
    """

    def __init__(self, *, timeout: float, url: str, secrets: Sequence[str]) -> None:
        if isinstance(secrets, str) or not secrets:
            raise ValueError("SECRETS is no list of secrets")
        self.url, self.timeout = url, timeout
        self.keys = [key(secret) for secret in secrets]

    def tell(self, news: News) -> None:
        """Make the call.

        Raises:
            TransientError: no 2xx came.
            OperatorError: 410 came.
        """
        body = orjson.dumps({"type": news.kind, "timestamp": moment(news.at), "data": news.body})
        headers = {"Content-Type": "application/json", **signed(news.id, datetime.now(UTC), body, self.keys)}
        try:
            answer = requests.post(
                self.url, data=body, headers=headers, timeout=(5, self.timeout), allow_redirects=False, stream=True
            )
            answer.close()  # what it says is of no interest, and may be long
        except requests.RequestException as error:
            raise TransientError(f"nobody answers: {type(error).__name__}") from None
        if answer.status_code == requests.codes.gone:
            raise OperatorError("the address is gone: HTTP 410", hint="Take the hook out, or correct its URL.")
        if not 200 <= answer.status_code < 300:
            raise TransientError(f"HTTP {answer.status_code}")


def key(secret: str) -> bytes:
    """The bytes of a secret.

    Raises:
        ValueError: it is none; says nothing of what it holds.
    """
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not 24 <= len(found) <= 64:
        raise ValueError(f"a secret is {PREFIX} and 24 to 64 bytes in base64")
    return found


def signed(call_id: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The three headers, with a signature by each key."""
    seconds = str(int(at.timestamp()))
    content = b".".join((call_id.encode(), seconds.encode(), body))
    signatures = [f"v1,{base64.b64encode(hmac_sha256(one, content)).decode()}" for one in keys]
    return {"webhook-id": call_id, "webhook-timestamp": seconds, "webhook-signature": " ".join(signatures)}
