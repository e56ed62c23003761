"""A store's own API, asked for what its webhooks do not say: JSON over HTTP, with an end to every wait."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import requests

from commerce_events.exceptions import OperatorError, TransientError

_BUSY = {408, 425, 429, 500, 502, 503, 504}
_REFUSED = {401, 403}
LARGEST = 32 << 20  # bytes of an answer


class Api:
    """One store's API.

    Arguments:
        url: where paths begin.
        auth: user and password (WooCommerce's key and secret), or None.
        headers: such as a token's; never logged.
    """

    def __init__(
        self, url: str, *, auth: tuple[str, str] | None = None, headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
    ) -> None:  # fmt: skip
        self.url, self.timeout = url, timeout
        self._session = requests.Session()
        self._session.auth = auth
        self._session.headers.update({"Accept": "application/json", **(headers or {})})

    def get(self, path: str, **query: Any) -> tuple[Any, Mapping[str, str]]:
        """The answer and its headers; None for what is not there (404, 410)."""
        return self._asked("GET", path, params=query)

    def post(self, path: str, body: Any) -> Any:
        """The answer to a JSON body; ``path`` empty for the URL itself."""
        return self._asked("POST", path, json=body)[0]

    def _asked(self, method: str, path: str, **more: Any) -> tuple[Any, Mapping[str, str]]:
        url = f"{self.url.rstrip('/')}/{path}" if path else self.url
        try:
            answer = self._session.request(method, url, timeout=(5, self.timeout), allow_redirects=False, **more)
        except requests.RequestException as error:
            raise TransientError(f"the store does not answer: {type(error).__name__}") from None
        if answer.status_code in _BUSY:
            raise TransientError(f"the store is busy: HTTP {answer.status_code}")
        if answer.status_code in (404, 410):
            return None, answer.headers
        if answer.status_code in _REFUSED:
            raise OperatorError(
                f"the store refuses our key: HTTP {answer.status_code}", hint="Look at the key and what it may read."
            )
        if not answer.ok or answer.is_redirect:
            raise OperatorError(f"the store answers HTTP {answer.status_code}", hint="Look at the API's address.")
        if len(answer.content) > LARGEST:
            raise OperatorError("the store's answer is too large", hint="Ask for smaller pages.")
        try:
            return answer.json(parse_float=Decimal), answer.headers  # money is never a float
        except requests.JSONDecodeError:
            raise TransientError("the store's answer is not JSON") from None
