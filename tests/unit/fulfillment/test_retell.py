"""What is told without deciding anything: renewals, rejections and failures."""
from __future__ import annotations

from typing import Any

import pytest

from commerce_events import identity, topics
from commerce_events.bus import inbox
from commerce_events.bus.types import REJECTED, RENEW
from commerce_events.exceptions import TransientError
from consumers.fulfillment import api
from consumers.fulfillment.gateway import Change, Pair
from consumers.fulfillment.reference.gateway import OneByOneGateway
from tests.unit.fulfillment.site import DEMO, OTHER, Site, line, paid, refund_line, refunded, words


def test_a_new_epoch_tells_every_current_result_again_above_the_old_ones(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada, line("1"), line("2", OTHER)), refunded("100", refund_line("2")))
    old = site.results()
    site.epoch = 2
    inbox.enqueue(RENEW, "shop:100", {})
    site.work()
    new = [row for row in site.results() if row not in old]
    assert words(new) == words(old)
    assert [row["sequence"] for row in new] == [identity.sequence(2, n) for n in (4, 5, 6)]
    assert not {row["result_id"] for row in new} & {row["result_id"] for row in old}
    assert site.seats() == {(ada.pk, DEMO): "verified"}


def test_only_the_current_word_on_a_line_is_told_again(site: Site) -> None:
    site.deliver(paid("100", {"email": "learner@example.com"} | dict.fromkeys(("lms_user_id", "username"))
                      | {"email_verified": False, "store_customer_id": None}))
    site.user("late", email="learner@example.com")
    site.work()
    inbox.enqueue(RENEW, "shop:100", {})
    site.work()
    assert words(site.results()) == [("deferred", "learner_not_found"), ("completed", "ok"), ("completed", "ok")]


def rejected(order_id: str = "100", **more: Any) -> dict[str, Any]:
    return {
        "event_type": topics.ORDER_PAID_TYPE, "source": "shop", "order_id": order_id, "order_key": f"shop:{order_id}",
        "order_number": None, "refund_id": None, "lines": ["1", "2"], **more,
    }  # fmt: skip


def test_an_order_that_breaks_the_contract_fails_line_by_line(site: Site) -> None:
    inbox.enqueue(REJECTED, "shop:100", rejected())
    site.work()
    assert site.current("100") == {
        ("1", "fulfill", None): ("failed", "schema_invalid"), ("2", "fulfill", None): ("failed", "schema_invalid"),
    }  # fmt: skip


def test_a_line_with_a_result_keeps_it_when_a_later_copy_is_broken(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    inbox.enqueue(REJECTED, "shop:100", rejected())
    site.work()
    assert site.current("100")["1", "fulfill", None] == ("completed", "ok")
    assert site.current("100")["2", "fulfill", None] == ("failed", "schema_invalid")


def test_a_broken_refund_is_answered_as_one(site: Site) -> None:
    event_type = topics.ORDER_REFUNDED_TYPE
    inbox.enqueue(REJECTED, "shop:100", rejected(event_type=event_type, refund_id="r1", lines=["1"]))
    site.work()
    assert site.current("100") == {("1", "revoke", "r1"): ("failed", "schema_invalid")}


@pytest.mark.parametrize("more", [{"order_id": "9" * 129}, {"source": None}, {"refund_id": "r" * 129}])
def test_ids_that_break_the_contract_are_not_repeated(site: Site, more: dict[str, Any]) -> None:
    inbox.enqueue(REJECTED, "shop:100", rejected(**more))
    site.work()
    assert site.results() == []


class Flaky(OneByOneGateway):
    """Fails as often as it is told to."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def apply(self, changes: Any) -> Any:
        if self.errors:
            raise self.errors.pop(0)
        return super().apply(changes)


class Refusing(OneByOneGateway):
    """A platform with a rule of its own that shows only when one tries."""

    def __init__(self, **refused: str) -> None:
        self.refused = refused

    def apply(self, changes: list[Change]) -> dict[Pair, str]:
        super().apply(changes)  # partly carried out: the caller takes it back
        return {c.pair: reason for c in changes for part, reason in self.refused.items() if part in c.pair.course_key}


@pytest.fixture
def flaky(site: Site) -> Any:
    def make(*errors: Exception) -> Site:
        return Site(Flaky(*errors))

    return make


def test_a_transient_failure_is_told_once_and_then_made_good(flaky: Any) -> None:
    site = flaky(TransientError("away"), TransientError("away"), TransientError("away"), TransientError("away"))
    ada, bob = site.user("ada"), site.user("bob")
    site.deliver(paid("100", ada))
    (result,) = site.results()
    assert words([result]) == [("deferred", "database_unavailable")]
    assert not result["is_final"]
    assert site.seats() == {}
    site.deliver(paid("101", bob))
    for _ in range(5):
        site.later(3600)
    assert site.seats() == {(ada.pk, DEMO): "verified", (bob.pk, DEMO): "verified"}
    assert site.current("100")["1", "fulfill", None] == ("completed", "ok")
    journey = api.journey("shop", "100")
    assert journey is not None
    assert journey.steps[0].trace.startswith("TransientError")
    assert journey.steps[-1].attempt > 1


def test_a_failure_takes_no_earlier_result_back(flaky: Any) -> None:
    site = flaky()
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    site.handler.gateway.errors = [RuntimeError("broken")] * 20
    site.deliver(paid("100", ada, line("1"), line("2", OTHER), revision=1))
    assert site.current("100")["1", "fulfill", None] == ("completed", "ok")
    assert site.current("100")["2", "fulfill", None] == ("deferred", "internal_error")


def test_what_the_platform_refuses_is_decided_again(site: Site) -> None:
    site = Site(Refusing(Other="blocked_by_filter"))
    ada = site.user("ada")
    assert words(site.deliver(paid("100", ada, line("1"), line("2", OTHER)))) == [
        ("completed", "ok"), ("failed", "blocked_by_filter"),
    ]  # fmt: skip
    assert site.seats() == {(ada.pk, DEMO): "verified"}
    assert site.grant("100", "2").state == "failed"


def test_a_refund_that_the_platform_refuses_is_held(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    site.handler.gateway = Refusing(Demo="blocked_by_filter")
    assert words(site.deliver(refunded("100"))) == [("deferred", "blocked_by_filter")]
    assert site.seat(ada) == "verified"
    assert site.grant("100").state == "held"
