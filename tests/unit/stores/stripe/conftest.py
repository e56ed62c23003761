"""An account, and somebody who listens to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from commerce_events.stores.stripe.adapter import Stripe
from tests.unit.stores.fake_stripe import API_KEY, SECRET, FakeStripe
from tests.unit.stores.listening import Listener
from tests.unit.stores.serving import served
from tests.unit.stores.stripe.hearing import Listen


@pytest.fixture
def account() -> FakeStripe:
    return FakeStripe()


@pytest.fixture
def listen(account: FakeStripe) -> Iterator[Listen]:
    with served(account) as url:
        yield lambda **options: Listener(
            Stripe("shop", {"api_key": API_KEY, "api_url": url, **options}), [SECRET]
        )
