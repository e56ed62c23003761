"""Saleor: paid, partly refunded, fully refunded; heard in every way, the same events."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_events.stores.adapter import Ask
from tests.unit.stores.fake_saleor import START, TOKEN, FakeSaleor
from tests.unit.stores.saleor.hearing import hear, kinds, listener, story
from tests.unit.stores.serving import served


def expected() -> list[tuple[str, dict[str, Any]]]:
    shop = FakeSaleor()
    return hear(shop, *story(shop)[1]).events


def test_three_snapshots_are_a_sale_and_refunds_the_last_of_which_is_full(shop: FakeSaleor) -> None:
    heard = hear(shop, *story(shop)[1])
    assert kinds(heard) == ["paid", "refunded", "refunded", "refunded"]
    assert [content["is_full"] for _, content in heard.events[1:]] == [False, False, True]
    assert [line["refunded_total"] for _, content in heard.events[1:] for line in content["lines"]] == [1, 1, 2]
    assert heard.notices == []


def test_one_collapsed_snapshot_gives_the_same_events(shop: FakeSaleor) -> None:
    assert hear(shop, story(shop)[1][-1]).events == expected()


def test_each_snapshot_twice_gives_the_same_events(shop: FakeSaleor) -> None:
    said = story(shop)[1]
    assert hear(shop, *said, *said).events == expected()


@settings(max_examples=40, deadline=None)
@given(order=st.permutations([0, 0, 1, 2, 3, 4, 4]))
def test_snapshots_in_any_order_give_the_same_events(order: list[int]) -> None:
    shop = FakeSaleor()
    said = story(shop)[1]
    heard = hear(shop, *(said[at] for at in order)).events
    assert sorted(json.dumps(event, sort_keys=True) for event in heard) == sorted(
        json.dumps(event, sort_keys=True) for event in expected()
    )


def test_the_sweep_alone_gives_the_same_events(shop: FakeSaleor) -> None:
    story(shop)
    with served(shop) as url:
        assert listener(shop, url=url, token=TOKEN).sweep(START).events == expected()


def test_a_question_for_one_order_gives_the_same_events(shop: FakeSaleor) -> None:
    order_id, _ = story(shop)
    with served(shop) as url:
        heard = listener(shop, url=url, token=TOKEN)
        heard.take([Ask(order_id), Ask("T3JkZXI6MA==")])
    assert heard.events == expected()


def test_a_shop_with_apps_of_others_is_asked_and_no_forged_delivery_counts(shop: FakeSaleor) -> None:
    """The shop signs for every app with one key, and a query of theirs may call anything an order."""
    _, said = story(shop)
    forged = json.loads(said[-1][1])
    forged["order"]["userEmail"] = "stranger@example.com"
    forged["order"]["lines"][0]["quantity"] = 100
    invented = {"order": {**forged["order"], "id": "T3JkZXI6MA=="}}
    with served(shop) as url:
        heard = listener(shop, url=url, token=TOKEN, asks=True)
        heard.hear(*(shop.signed(json.dumps(body).encode()) for body in (forged, invented)))
    assert heard.events == expected()
