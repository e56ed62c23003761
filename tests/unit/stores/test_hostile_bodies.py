"""A body that was signed and is not as documented: whatever is wrong, it is a BodyError, or it still makes sense."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_events.exceptions import ContractError
from commerce_events.stores.adapter import Adapter, BodyError
from commerce_events.stores.difference import Emitted, difference
from commerce_events.stores.shopify.adapter import Shopify
from commerce_events.stores.snapshot import Snapshot
from commerce_events.stores.woocommerce.adapter import WooCommerce
from commerce_events.validation import validate
from tests.unit.stores.fake_shopify import FakeShopify
from tests.unit.stores.fake_woocommerce import FakeWooCommerce, meta

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SECRET_TEXT = "canary-4711"

hostile = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(SECRET_TEXT) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def woocommerce() -> tuple[Adapter, dict[str, str], Any]:
    shop = FakeWooCommerce()
    container = shop.line(shop.product())
    child = shop.line(shop.product(), meta_data=meta(_course_id="course-v1:a+b+c", _mode="verified"))
    container["bundled_items"] = [child["id"]]
    order_id = shop.place(container, child, meta_data=meta(_lms_user_id="3"))
    shop.pay(order_id)
    shop.refund(order_id, amount=3)
    headers, raw = shop.webhook(order_id)
    return WooCommerce("shop", {"owns_lms_user_id": True}), headers, json.loads(raw)


def shopify() -> tuple[Adapter, dict[str, str], Any]:
    shop = FakeShopify()
    line = shop.line(quantity=2)
    order_id = shop.place(line)
    shop.pay(order_id)
    shop.refund(order_id, {line["id"]: 1})
    headers, raw = shop.webhook(order_id)
    return Shopify("shop", {"cancelled_with_money": "cancellation"}), headers, json.loads(raw)


def paths(body: Any, start: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if start:
        yield start
    for key, inner in body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ():
        yield from paths(inner, (*start, key))


STORES = {"woocommerce": woocommerce(), "shopify": shopify()}
NAMES = pytest.mark.parametrize("name", STORES)


def told(here: Adapter, headers: dict[str, str], raw: bytes) -> None:
    """Read, and to the very end: only the three refusals that others count on."""
    try:
        for reading in here.read(headers, raw):
            if isinstance(reading, Snapshot):
                for event_type, body in difference("shop", reading, Emitted(), NOW).events:
                    validate(event_type, body)
    except (BodyError, ContractError) as error:
        if SECRET_TEXT in str(error):
            raise AssertionError("an error quotes a value") from error


@NAMES
@given(data=st.data())
def test_any_field_may_hold_anything(name: str, data: st.DataObject) -> None:
    here, headers, body = STORES[name]
    changed = copy.deepcopy(body)
    for path in data.draw(st.lists(st.sampled_from(list(paths(body))), min_size=1, max_size=3)):
        at = changed
        try:
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = data.draw(hostile)
        except (TypeError, KeyError, IndexError):
            continue  # its surroundings are replaced already
    told(here, headers, json.dumps(changed).encode())


@NAMES
@given(raw=st.binary(max_size=200), topic=st.text(max_size=20))
def test_any_bytes_under_any_topic(name: str, raw: bytes, topic: str) -> None:
    here, headers, _ = STORES[name]
    told(here, {key: topic if key.endswith("topic") else value for key, value in headers.items()}, raw)
    told(here, headers, raw)
    assert here.delivery({}, raw) is None or here.delivery({}, raw)


@NAMES
def test_the_untouched_body_is_understood(name: str) -> None:
    here, headers, body = STORES[name]
    (reading,) = here.read(headers, json.dumps(body).encode())
    assert isinstance(reading, Snapshot)
    assert difference("shop", reading, Emitted(), NOW).events


@NAMES
def test_nesting_without_an_end_is_refused(name: str) -> None:
    here, headers, _ = STORES[name]
    with pytest.raises(BodyError):
        here.read(headers, b"[" * 200_000)
