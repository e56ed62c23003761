"""What is told again meets what is decided, due at the same time: the decision is the last word, in both orders."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from commerce_events import topics
from commerce_events.bus import inbox
from commerce_events.bus.types import REJECTED, RENEW
from consumers.fulfillment.rules.decide import ORDER_RESUME
from tests.unit.fulfillment.site import Site, line, paid, refund_line, refunded

KEY = "shop:100"
STRANGER = {
    "lms_user_id": None, "username": None, "email": "learner@example.com", "email_verified": False,
    "store_customer_id": None,
}  # fmt: skip


def due_together(site: Site, order: int, *enter: Callable[[], Any]) -> list[dict[str, Any]]:
    """Have events handled that are due together and came in this order, or (-1) the opposite; the results told."""
    before = len(site.results())
    for each in enter[::order]:
        each()
    site.work()
    told = site.results()[before:]
    sequences = [result["sequence"] for result in told]
    assert sequences == sorted(sequences), "they are sent in the order of their numbers"
    return told


@pytest.mark.parametrize("order", [1, -1])
def test_an_old_word_does_not_outrank_what_is_decided_beside_it(site: Site, order: int) -> None:
    site.deliver(paid("100", STRANGER))
    assert site.current("100") == {("1", "fulfill", None): ("deferred", "learner_not_found")}
    site.user("late", email="learner@example.com")
    due_together(
        site, order, lambda: inbox.enqueue(RENEW, KEY, {}),
        lambda: inbox.enqueue(ORDER_RESUME, KEY, {"order_key": KEY, "line_ids": ["1"]}),
    )  # fmt: skip
    assert site.current("100") == {("1", "fulfill", None): ("completed", "ok")}


@pytest.mark.parametrize("order", [1, -1])
def test_a_new_epoch_tells_old_and_new_words_in_ascending_order(site: Site, order: int) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada, line("1")))
    site.epoch = 2
    told = due_together(
        site, order, lambda: inbox.enqueue(RENEW, KEY, {}), lambda: site.receive(refunded("100", refund_line("1"))),
    )  # fmt: skip
    assert {(result["action"], result["outcome"]) for result in told} == {
        ("fulfill", "completed"), ("revoke", "revoked"),
    }  # fmt: skip


@pytest.mark.parametrize("order", [1, -1])
def test_a_broken_copy_takes_nothing_back_from_the_good_one_beside_it(site: Site, order: int) -> None:
    ada = site.user("ada")
    broken = {
        "event_type": topics.ORDER_PAID_TYPE, "source": "shop", "order_id": "100", "order_key": KEY,
        "order_number": None, "refund_id": None, "lines": ["1", "2"],
    }  # fmt: skip
    due_together(
        site, order, lambda: inbox.enqueue(REJECTED, KEY, broken), lambda: site.receive(paid("100", ada, line("1"))),
    )  # fmt: skip
    assert site.current("100") == {
        ("1", "fulfill", None): ("completed", "ok"), ("2", "fulfill", None): ("failed", "schema_invalid"),
    }  # fmt: skip
