"""An account at Stripe and what goes out when its events are heard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.unit.stores.fake_stripe import START, FakeStripe
from tests.unit.stores.listening import Listener

SINCE = datetime.fromtimestamp(START, UTC)
Listen = Callable[..., Listener]


def kinds(heard: Listener) -> list[str]:
    return [event_type.split(".")[-2] for event_type, _ in heard.events]


def paid(account: FakeStripe, *lines: dict[str, Any]) -> dict[str, Any]:
    session = account.session(*(lines or (account.line(),)))
    account.complete(session)
    return session
