"""Stripe Checkout: paid, partly refunded, fully refunded; heard in every way, the same events."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from commerce_events.stores.adapter import Ask
from commerce_events.stores.stripe.adapter import Stripe
from tests.unit.stores.fake_stripe import API_KEY, COURSE, OTHER, SECRET, FakeStripe
from tests.unit.stores.listening import Listener, Request
from tests.unit.stores.serving import served
from tests.unit.stores.stripe.hearing import SINCE, Listen, kinds


def story(account: FakeStripe) -> list[list[Request]]:
    """Paid, partly refunded, fully refunded; what is sent at each step."""
    one, two = account.line(), account.line(5000, 2, OTHER, "professional")
    session = account.session(one, two)
    return [
        [account.complete(session)], account.refund(session, 10000, lines=COURSE),
        account.refund(session, 5000, lines=f"{two['id']}=1"), account.refund(session, 5000, lines=f"{OTHER}=1"),
    ]  # fmt: skip


@pytest.fixture
def expected() -> list[tuple[str, dict[str, Any]]]:
    account = FakeStripe()
    with served(account) as url:
        heard = Listener(Stripe("shop", {"api_key": API_KEY, "api_url": url}), [SECRET])
        return heard.hear(*(said for step in story(account) for said in step)).events


def test_the_story_is_a_sale_and_refunds_the_last_of_which_is_full(listen: Listen, account: FakeStripe) -> None:
    heard = listen()
    for step in story(account):
        heard.hear(*step)
    assert kinds(heard) == ["paid", "refunded", "refunded", "refunded"]
    assert [content["is_full"] for _, content in heard.events[1:]] == [False, False, True]
    assert [line["refunded_total"] for _, content in heard.events[1:] for line in content["lines"]] == [1, 1, 2]
    assert heard.notices == []


def test_heard_late_it_is_one_snapshot_and_the_same_events(
    listen: Listen, account: FakeStripe, expected: list[Any]
) -> None:
    """Whatever comes first, a refund even, asks for all there is."""
    said = [request for step in story(account) for request in step]
    for first in (said[0], said[1], said[2], said[-1]):
        assert listen().hear(first).events == expected


def test_in_any_order_and_twice_the_same_events(listen: Listen, account: FakeStripe, expected: list[Any]) -> None:
    said = [request for step in story(account) for request in step]
    for seed in range(5):
        order = said * 2
        random.Random(seed).shuffle(order)
        assert listen().hear(*order).events == expected


def test_step_by_step_in_any_order_of_each_step_the_same_events(
    listen: Listen, account: FakeStripe, expected: list[Any]
) -> None:
    heard = listen()
    one, two = account.line(), account.line(5000, 2, OTHER, "professional")
    session = account.session(one, two)
    heard.hear(account.complete(session))
    for amount, lines in ((10000, COURSE), (5000, f"{two['id']}=1"), (5000, f"{OTHER}=1")):
        heard.hear(*reversed(account.refund(session, amount, lines=lines)))
    assert heard.events == expected


def test_the_sweep_alone_gives_the_same_events(listen: Listen, account: FakeStripe, expected: list[Any]) -> None:
    story(account)
    assert listen().sweep(SINCE).events == expected


def test_a_sweep_from_before_stripe_forgets_its_events_asks_for_the_objects(
    listen: Listen, account: FakeStripe, expected: list[Any]
) -> None:
    story(account)
    account.events = []
    heard = listen().sweep(SINCE)
    assert datetime.now(UTC) - SINCE > timedelta(days=29)
    assert (heard.events, "/v1/events" in [path for path, _ in account.asked]) == (expected, False)


def test_the_sweep_of_the_last_days_asks_for_events_and_for_each_order_once(
    listen: Listen, account: FakeStripe
) -> None:
    account.now = int(time.time()) - 3600
    since = datetime.fromtimestamp(account.now, UTC)
    session = account.session(account.line())
    account.complete(session)
    account.refund(session, 3000)
    old = account.session(account.line())
    old["created"] -= 90 * 86400
    account.complete(old)
    heard = listen().sweep(since)
    assert kinds(heard) == ["paid", "refunded", "paid"]
    assert {path for path, _ in account.asked[:1]} == {"/v1/events"}
    assert len([path for path, _ in account.asked if path.endswith(f"{session['id']}/line_items")]) <= 2


def test_the_sweep_reads_every_page(listen: Listen, account: FakeStripe) -> None:
    account.now = int(time.time()) - 7200
    since = datetime.fromtimestamp(account.now, UTC)
    for _ in range(101):
        account.complete(account.session(account.line()))
    asks = list(listen().adapter.changed(since))
    assert len(asks) == 101
    assert asks[0] == Ask(account._all("checkout.session")[0]["id"], "session")
