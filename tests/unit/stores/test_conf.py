"""What may be said of a store, and what is refused with a hint."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_events.exceptions import OperatorError
from commerce_events.stores import checks, conf
from tests.unit.stores.tiny import KIND

SHOP = {"KIND": KIND, "SECRETS": ["the-secret-of-the-shop"]}


def test_secrets_and_options_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_SECRET", "from-the-environment")
    monkeypatch.setenv("SHOP_SWEEPS", "asks")
    said = {**SHOP, "SECRETS": ["env:SHOP_SECRET", "another"], "OPTIONS": {"sweeps": "env:SHOP_SWEEPS"}}
    store = conf.made("shop", said)
    assert store.secrets == ("from-the-environment", "another")
    assert store.adapter.options == {"sweeps": "asks"}  # type: ignore[attr-defined]
    assert "from-the-environment" not in repr(store)


@pytest.mark.parametrize(
    ("source", "said", "word"),
    [
        ("a:b", SHOP, "slug"), ("x" * 33, SHOP, "slug"), ("Shop", SHOP, "slug"),
        ("shop", {**SHOP, "SECRET": "x"}, "SECRET"), ("shop", {"SECRETS": ["x"]}, "KIND"),
        ("shop", {**SHOP, "KIND": "nothing"}, "nothing"), ("shop", {**SHOP, "KIND": "json:Nothing"}, "Nothing"),
        ("shop", {**SHOP, "SECRETS": []}, "SECRETS"), ("shop", {**SHOP, "SECRETS": [""]}, "secret"),
        ("shop", {**SHOP, "SECRETS": "text"}, "SECRETS"), ("shop", {**SHOP, "SECRETS": ["env:NOT_SET"]}, "NOT_SET"),
        ("shop", {**SHOP, "RATE": -1}, "RATE"), ("shop", {**SHOP, "SWEEP": "daily"}, "SWEEP"),
        ("shop", {**SHOP, "OPTIONS": {"wrong": 1}}, "wrong"), ("shop", "woocommerce", "shop"),
        ("shop", {"KIND": "signed_json", "SECRETS": ["whsec_c2VjcmV0IHNlY3JldA==", "a secret of words"]}, "whsec_"),
        ("shop", {"KIND": "signed_json", "SECRETS": ["whsec_"]}, "whsec_"),
        ("shop", {"KIND": "stripe", "SECRETS": ["whsec_4711471147114711"]}, "Stripe cannot be asked"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused_and_found_by_a_check(
    source: str, said: Any, word: str, settings: Any
) -> None:
    with pytest.raises(OperatorError, match=word) as error:
        conf.made(source, said)
    assert error.value.hint
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "STORES": {source: said}}
    assert [found.id for found in checks.stores()] == [checks.SETTINGS]


def found_with(settings: Any, **stores: Any) -> list[str | None]:
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "STORES": stores}
    found = checks.stores()
    assert all(message.hint for message in found)
    return [message.id for message in found]


def test_dangerous_secrets_are_found(settings: Any) -> None:
    assert found_with(settings, shop=SHOP) == []
    assert found_with(settings, shop=SHOP, other=SHOP) == [checks.SHARED]
    assert found_with(settings, shop={**SHOP, "SECRETS": ["short"]}) == [checks.SHORT]
    three = [f"the-secret-of-the-shop-{number}" for number in range(3)]
    assert found_with(settings, shop={**SHOP, "SECRETS": three}) == [checks.MANY]
    found_with(settings, shop=SHOP, other=SHOP)
    assert "the-secret-of-the-shop" not in " ".join(message.msg for message in checks.stores())
