"""The rest of the table of situations: what is told when an event fails, or cannot be read."""
from __future__ import annotations

from typing import Any

import pytest

from commerce_events import topics
from commerce_events.bus import inbox
from commerce_events.bus.types import REJECTED
from commerce_events.exceptions import TransientError
from consumers.fulfillment.models import Grant
from consumers.fulfillment.reference.gateway import OneByOneGateway
from consumers.fulfillment.rules.situations import SITUATIONS, Situation
from tests.unit.fulfillment.site import Site, line, paid, refund_line, refunded
from tests.unit.rules.test_situations import PLAYS

REST = [row for row in SITUATIONS if row.name not in PLAYS]
TWO_DAYS = 50


class NoCoursesError(TransientError):
    """As the platform's gateway says it when the course store is away."""

    reason_code = "content_store_unavailable"


ERRORS = {
    "database_unavailable": TransientError("away"),
    "content_store_unavailable": NoCoursesError("away"),
    "internal_error": RuntimeError("nobody foresaw this"),
}


class Failing(OneByOneGateway):
    """A platform that fails as long as ``error`` is set."""

    error: Exception | None = None

    def apply(self, changes: Any) -> Any:
        if self.error is not None:
            raise self.error
        return super().apply(changes)


def fails(site: Site, reason: str, *events: Any) -> None:
    gateway = Failing()
    site.handler.gateway = gateway
    site.deliver(*events[:-1])
    gateway.error = ERRORS[reason]
    site.deliver(events[-1])
    for _ in range(TWO_DAYS):
        site.later(3600)


@pytest.mark.parametrize("situation", REST, ids=lambda row: row.name)
def test_a_situation_is_as_the_table_says(site: Site, situation: Situation) -> None:
    order, back = paid("100", site.user("ada"), line("1")), refunded("100", refund_line("1"))
    action, outcome = situation.said.split()
    if situation.reason == "schema_invalid":
        event_type = topics.ORDER_PAID_TYPE if action == "fulfill" else topics.ORDER_REFUNDED_TYPE
        told = {"event_type": event_type, "source": "shop", "order_id": "100", "lines": ["1"]}
        inbox.enqueue(REJECTED, "shop:100", told | ({"refund_id": "r1"} if action == "revoke" else {}))
        site.work()
    else:
        fails(site, situation.reason, order, *([back] if action == "revoke" else []))
    refund_id = "r1" if action == "revoke" else None
    assert site.current("100")["1", action, refund_id] == (outcome, situation.reason)
    states = Grant.objects.values_list("state", flat=True)
    assert (list(states) or ["unknown"]) == [situation.state]


def test_a_full_refund_that_fails_is_told_for_each_line_of_the_ledger(site: Site) -> None:
    fails(site, "internal_error", paid("100", site.user("ada"), line("1"), line("2", mode="audit")), refunded("100"))
    told = site.current("100")
    assert told["1", "revoke", "r1"] == told["2", "revoke", "r1"] == ("deferred", "internal_error")
    assert (None, "revoke", "r1") not in told
    site.handler.gateway = OneByOneGateway()
    assert site.deliver(refunded("100", refund_id="r2"))


def test_a_refund_of_money_that_fails_is_told_for_the_order(site: Site) -> None:
    class Broken(Failing):
        def courses(self, course_keys: Any) -> Any:
            raise RuntimeError("nobody foresaw this")

    site.deliver(paid("100", site.user("ada")))
    site.handler.gateway = Broken()
    site.deliver(refunded("100", is_full=False))
    assert site.current("100")[None, "revoke", "r1"] == ("deferred", "internal_error")
