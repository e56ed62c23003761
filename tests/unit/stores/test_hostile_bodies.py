"""A body that was signed and is not as documented: whatever is wrong, it is a BodyError, or it still makes sense."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_events.exceptions import ContractError
from commerce_events.stores.adapter import Adapter, BodyError, Headers, Reading
from commerce_events.stores.difference import Emitted, difference
from commerce_events.stores.parts import parsed
from commerce_events.stores.saleor.adapter import Saleor
from commerce_events.stores.shopify.adapter import Shopify
from commerce_events.stores.signed_json import SignedJson
from commerce_events.stores.snapshot import Snapshot
from commerce_events.stores.stripe.adapter import Stripe
from commerce_events.stores.stripe.sessions import Paid, snapshot
from commerce_events.stores.unified_ecommerce import UnifiedEcommerce
from commerce_events.stores.woocommerce.adapter import WooCommerce
from commerce_events.validation import validate
from tests.unit.stores import test_unified_ecommerce as unified
from tests.unit.stores.fake_saleor import FakeSaleor
from tests.unit.stores.fake_shopify import FakeShopify
from tests.unit.stores.fake_stripe import API_KEY, FakeStripe
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


def saleor() -> tuple[Adapter, dict[str, str], Any]:
    shop = FakeSaleor()
    shop.customer(lms_user_id="4711", username="learner")
    line = shop.line(100, 2)
    order_id = shop.place(line)
    shop.move(order_id, "CHARGE_SUCCESS", 200)
    shop.add_line(order_id, shop.line(50))
    shop.grant(order_id, 100, (line, 1))
    shop.move(order_id, "REFUND_SUCCESS", 100)
    shop.pay(order_id, amount=50)
    shop.refund_products(order_id, 50, (line, 1))
    shop.cancel(order_id)
    options = {"jwks": shop.jwks, "owns_lms_user_id": True, "cancelled_with_money": "cancellation"}
    return Saleor("shop", options), {}, {"__typename": "OrderUpdated", "order": shop.order(order_id)}


class StripeAnswers(Stripe):
    """What Stripe answers, as if it were a body: its events hold nothing that is read but two ids."""

    def read(self, headers: Headers, raw: bytes) -> Sequence[Reading]:
        answers = parsed(raw)
        lists = [answers.parts(name) for name in ("lines", "refunds", "disputes")]
        return [snapshot(Paid(answers.part("session"), *lists), self.options)]

    def delivery(self, headers: Headers, raw: bytes) -> str | None:
        return None


def stripe() -> tuple[Adapter, dict[str, str], Any]:
    account = FakeStripe()
    lines = [account.line(lookup_key="SKU-1"), account.line(5000, 2)]
    session = account.session(*lines)
    session["client_reference_id"] = "4711"
    account.complete(session)
    account.refund(session, 5000, lines="SKU-1=1")
    account.dispute(session, "lost", 5000)
    expand = {"expand[]": "payment_intent.latest_charge"}
    signed = {"authorization": f"Bearer {API_KEY}", "stripe-version": "1"}
    _, answered, _ = account.get(f"/v1/checkout/sessions/{session['id']}", expand, signed)
    others = {"refunds": account._all("refund"), "disputes": account._all("dispute")}
    return StripeAnswers("shop", {"api_key": API_KEY, "client_reference_id": "lms_user_id"}), {}, {
        "session": answered, "lines": lines, **others,
    }  # fmt: skip


def signed_json() -> tuple[Adapter, dict[str, str], Any]:
    order = {
        "order_id": "77", "order_number": "A-77", "paid_at": "2026-05-01T12:00:00Z", "is_test": False,
        "learner": {"lms_user_id": 4, "email": "learner@example.com", "email_verified": True},
        "items": [{"line_id": "1", "quantity": 2, "course_key": "course-v1:a+b+c", "mode": "verified", "is_paid": True,
                   "beneficiary": {"email": "other@example.com"}}],
        "reversals": [{"refund_id": "1", "at": "2026-05-02T12:00:00Z", "kind": "refund", "reason_code": "left",
                       "lines": [{"line_id": "1", "quantity": 1, "ordered": 2}]}],
    }  # fmt: skip
    return SignedJson("shop", {"owns_lms_user_id": True}), {}, order


def unified_ecommerce() -> tuple[Adapter, dict[str, str], Any]:
    lines = [unified.line(31), unified.line(32, system_data={"course_key": "course-v1:a+b+c", "mode": "audit"})]
    body = unified.body(*lines, state="refunded", refunds=[unified.request(1, 31)])
    return UnifiedEcommerce("shop", {}), {}, body


def paths(body: Any, start: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if start:
        yield start
    for key, inner in body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ():
        yield from paths(inner, (*start, key))


STORES = {
    "woocommerce": woocommerce(), "shopify": shopify(), "saleor": saleor(), "stripe": stripe(),
    "signed_json": signed_json(), "unified_ecommerce": unified_ecommerce(),
}  # fmt: skip
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
    *_, reading = here.read(headers, json.dumps(body).encode())
    assert isinstance(reading, Snapshot)
    assert difference("shop", reading, Emitted(), NOW).events


@NAMES
def test_nesting_without_an_end_is_refused(name: str) -> None:
    here, headers, _ = STORES[name]
    with pytest.raises(BodyError):
        here.read(headers, b"[" * 200_000)
