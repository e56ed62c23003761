"""Saleor: bodies that cannot be used, questions to the shop, the sweep, options."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.stores.adapter import Ask, BodyError, Nothing
from commerce_events.stores.conf import made
from commerce_events.stores.saleor import adapter as saleor
from commerce_events.stores.saleor.adapter import Saleor
from commerce_events.stores.snapshot import Snapshot
from tests.unit.stores.fake_saleor import START, TOKEN, FakeSaleor
from tests.unit.stores.saleor.hearing import hear, kinds, listener, sold, story
from tests.unit.stores.serving import served


def test_the_default_payload_cannot_be_used_and_says_what_is_missing(shop: FakeSaleor) -> None:
    default = [{"type": "Order", "id": "T3JkZXI6MQ==", "user_email": "learner@example.com"}]
    with pytest.raises(BodyError, match="object"):
        hear(shop, shop.signed(json.dumps(default).encode()))


@pytest.mark.parametrize("body", [
    {"__typename": "OrderUpdated", "order": None}, {"__typename": "OrderPaid"}, {"order": []}, {"order": {}}, [], 1, {},
    {"order": {"id": "1", "lines": [], "status": "UNFULFILLED"}},
])  # fmt: skip
def test_a_body_without_the_order_is_set_aside(shop: FakeSaleor, body: Any) -> None:
    with pytest.raises(BodyError):
        hear(shop, shop.signed(json.dumps(body).encode()))


@pytest.mark.parametrize("path", [("total",), ("total", "gross"), ("total", "gross", "amount"), ("lines",)])
def test_a_price_that_is_missing_is_not_free(shop: FakeSaleor, path: tuple[str, ...]) -> None:
    order_id, _ = sold(shop, 100)
    body = json.loads(shop.deliver(order_id)[1])
    holder = body["order"]
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = None
    with pytest.raises(BodyError, match="missing"):
        hear(shop, shop.signed(json.dumps(body).encode()))


def test_a_body_about_something_else_is_nothing(shop: FakeSaleor) -> None:
    (reading,) = listener(shop).adapter.read({}, b'{"__typename": "CustomerCreated", "user": {"id": "1"}}')
    assert isinstance(reading, Nothing)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_body_of_any_other_shape_is_a_body_error_and_nothing_else(data: st.DataObject) -> None:
    """One value anywhere in a real order is replaced or taken away."""
    shop = FakeSaleor()
    order_id, _ = story(shop)
    body = json.loads(shop.deliver(order_id)[1])
    path: list[Any] = []
    at: Any = body
    while isinstance(at, dict | list) and at and (not path or data.draw(st.booleans())):
        path.append(data.draw(st.sampled_from(sorted(at)) if isinstance(at, dict) else st.sampled_from(range(len(at)))))
        at = at[path[-1]]
    holder = body
    for step in path[:-1]:
        holder = holder[step]
    if data.draw(st.booleans()):
        del holder[path[-1]]
    else:
        other = st.sampled_from([None, True, 1, -1, 1.5, "", "x", [], [1], {}, {"amount": "x"}, 10**30])
        holder[path[-1]] = data.draw(other)
    said = ""
    try:
        listener(shop).adapter.read({}, json.dumps(body).encode())
    except BodyError as error:
        said = str(error)
    assert "learner@example.com" not in said


def test_a_retry_is_byte_identical_and_has_no_id(shop: FakeSaleor) -> None:
    order_id, _ = sold(shop, 100)
    said = shop.deliver(order_id)
    assert Saleor("shop", {}).delivery(*said) is None
    assert kinds(hear(shop, said, said, said)) == ["paid"]


def test_the_sweep_asks_page_by_page_and_goes_on_where_it_stopped(shop: FakeSaleor) -> None:
    for _ in range(saleor.PAGE * 2 + 1):
        sold(shop, 100)
    with served(shop) as url:
        heard = listener(shop, url=url, token=TOKEN).sweep(START)
    assert len(heard.events) == saleor.PAGE * 2 + 1
    assert [asked["variables"]["after"] for asked in shop.asked] == [None, "50", "100"]


def test_the_sweep_asks_only_for_what_changed_since(shop: FakeSaleor) -> None:
    sold(shop, 100)
    late, _ = sold(shop, 100)
    since = shop.now - timedelta(seconds=1)
    with served(shop) as url:
        heard = listener(shop, url=url, token=TOKEN).sweep(since)
    assert [content["order_id"] for _, content in heard.events] == [late]


def test_an_order_that_nobody_understands_becomes_a_question_and_holds_up_no_other(shop: FakeSaleor) -> None:
    first, _ = sold(shop, 100)
    broken, _ = sold(shop, 100)
    last, _ = sold(shop, 100)
    shop.orders[broken]["transactions"][0]["events"][0]["createdAt"] = "yesterday"
    with served(shop) as url:
        there = Saleor("shop", {"url": url, "token": TOKEN})
        found = list(there.changed(START))
        assert found[1] == Ask(broken)
        assert [of.order_id for of in found if isinstance(of, Snapshot)] == [first, last]
        with pytest.raises(BodyError):
            there.fetch(Ask(broken))


def test_the_shop_that_is_away_is_asked_later(shop: FakeSaleor) -> None:
    shop.is_away = True
    with served(shop) as url, pytest.raises(TransientError):
        listener(shop, url=url, token=TOKEN).sweep(START)
    with pytest.raises(TransientError):
        listener(shop, url=url, token=TOKEN).sweep(START)


@pytest.mark.parametrize("options", [{}, {"token": "wrong"}])
def test_without_a_token_or_with_a_wrong_one_an_operator_is_needed(shop: FakeSaleor, options: dict[str, Any]) -> None:
    with served(shop) as url, pytest.raises(OperatorError):
        listener(shop, url=url, **options).sweep(START)


def test_a_query_that_the_shop_refuses_needs_an_operator(shop: FakeSaleor) -> None:
    shop.has_errors = True
    with served(shop) as url, pytest.raises(OperatorError, match="refuses"):
        listener(shop, url=url, token=TOKEN).sweep(START)


@pytest.mark.parametrize("options", [
    {"tokn": "x"}, {"token": 1}, {"cancelled_with_money": "keep"}, {"url": "http://shop.example.com"}, {"asks": True},
    {"jwks": {"keys": []}}, {"jwks": {"keys": [{"kty": "RSA", "kid": "k1"}]}}, {"jwks": {"kees": []}},
])  # fmt: skip
def test_a_wrong_option_is_refused_when_the_source_is_made(options: dict[str, Any]) -> None:
    with pytest.raises(OperatorError) as error:
        Saleor("shop", options)
    assert error.value.hint


def test_a_source_with_public_keys_needs_no_secret_and_one_without_does(shop: FakeSaleor) -> None:
    assert made("shop", {"KIND": "saleor", "OPTIONS": {"jwks": shop.jwks}}).secrets == ()
    assert made("shop", {"KIND": "saleor", "OPTIONS": {"url": "https://shop.example.com"}}).secrets == ()
    with pytest.raises(OperatorError, match="SECRETS"):
        made("shop", {"KIND": "saleor"})


def test_a_token_is_never_shown() -> None:
    assert TOKEN not in repr(Saleor("shop", {"token": TOKEN, "url": "https://shop.example.com"}).options)
