"""The service in this process, and stores that send to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from commerce_events.gateway import views
from tests.unit.stores import tiny
from tests.unit.stores.conftest import SECRET, shops  # noqa: F401  a fixture of the stores' tests

Deliver = Callable[..., HttpResponse]


@pytest.fixture
def deliver(settings: Any, shops: dict[str, tiny.Shop]) -> Iterator[Deliver]:  # noqa: F811
    """``deliver(body, source="shop", secret=SECRET, delivery=None)`` sends a signed webhook; ``headers`` instead."""
    settings.ROOT_URLCONF = "commerce_events.gateway.urls"
    settings.COMMERCE_GATEWAY = {}

    def send(
        body: Any, source: str = "shop", secret: str = SECRET, delivery: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> HttpResponse:  # fmt: skip
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        said = tiny.signed(secret, raw, delivery) if headers is None else headers
        return Client().post(  # type: ignore[return-value]
            f"/webhooks/{source}", raw, content_type="application/json", headers=said
        )

    yield send
    views.forget()
