"""Shadow mode decides and keeps what it decided; nobody is enrolled, and nobody is told."""
from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import nullcontext
from datetime import timedelta
from io import StringIO
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command

from commerce_events.bus import inbox
from commerce_events.bus.handle import Handle
from commerce_events.bus.types import REJECTED
from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.models import Inbox, Source, Stream
from consumers.fulfillment import api, conf, findings
from consumers.fulfillment.handler import FulfillmentHandler
from consumers.fulfillment.models import Attempt, Grant, WaitingLine
from consumers.fulfillment.reference.gateway import OneByOneGateway, ReferenceGateway
from consumers.fulfillment.reference.models import ReferenceEnrollment
from consumers.fulfillment.rules.decide import ORDER_PAID
from consumers.fulfillment.rules.policy import Policy
from consumers.fulfillment.rules.policy import Source as Store
from tests.engines.schema import TestDatabase
from tests.unit.fulfillment.site import DEMO, OTHER, Site, learner, line, paid, refunded, words

TWO = Policy(sources={"shop": Store(), "other": Store()})


class Shadowed(Site):
    """A site in shadow mode, until ``lift``."""

    def __init__(self, shadow: bool | Collection[str] = True, bulk: bool = True) -> None:
        super().__init__(ReferenceGateway() if bulk else OneByOneGateway(), TWO)
        self.mode(shadow)

    def mode(self, shadow: bool | Collection[str]) -> None:
        self.handler = FulfillmentHandler(self.handler.gateway, TWO, shadow)
        self.stage = Handle(dict.fromkeys(self.handler.event_types, self.handler))

    def decided(self) -> list[tuple[str, str, str | None, str | None]]:
        """Outcome, reason and modes of every decision, in order."""
        rows = Inbox.objects.filter(state="shadow").order_by("pk").values_list("decision", flat=True)
        return [(each[3], each[4], each[5], each[6]) for row in rows for each in orjson.loads(row)]


@pytest.fixture(params=[True, False], ids=["bulk", "one by one"])
def site(request: pytest.FixtureRequest, database: TestDatabase) -> Shadowed:
    site = Shadowed(bulk=request.param)
    site.course(DEMO)
    site.course(OTHER)
    return site


def of_orders() -> list[Inbox]:
    """The events of orders; those of accounts that were made are others."""
    return list(Inbox.objects.exclude(event_type__startswith="internal.learner").order_by("pk"))


def nothing_was_done(site: Site) -> bool:
    return not (
        ReferenceEnrollment.objects.exists() or Grant.objects.exists() or WaitingLine.objects.exists()
        or site.messages() or Stream.objects.exclude(next_n=1, revision=0, closed=False).exists()
    )  # fmt: skip


def test_what_would_be_done_is_kept_and_nothing_is_done(site: Shadowed) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada), paid("101", learner(email="nobody@example.com")), paid("102", ada, line(mode="no")))
    assert site.decided() == [
        ("completed", "ok", None, "verified"),
        ("deferred", "learner_not_found", None, None),
        ("failed", "mode_not_found", None, None),
    ]
    assert nothing_was_done(site)
    assert {row.state for row in of_orders()} == {"shadow"}
    assert len(of_orders()) == 3, "no timers either"


def test_the_straight_path_keeps_it_too(database: TestDatabase) -> None:
    site = Shadowed()
    site.course(DEMO)
    stored = site.take_in(paid("100", site.user("ada")))
    assert (stored.handled, stored.messages) == (1, False)
    assert site.decided() == [("completed", "ok", None, "verified")]
    assert nothing_was_done(site)


@pytest.mark.parametrize("together", [True, False])
def test_a_refund_meets_the_grant_that_would_be_there(site: Shadowed, together: bool) -> None:
    ada = site.user("ada")
    events = [paid("100", ada), refunded("100")]
    if together:
        site.deliver(*events)
    else:
        site.deliver(events[0])
        site.set_seat(ada, "verified")  # whoever still does the work
        site.deliver(events[1])
    assert site.decided() == [("completed", "ok", None, "verified"), ("revoked", "ok", "verified", None)]
    assert site.seat(ada) == (None if together else "verified")
    assert site.messages() == []


def test_only_the_stores_that_are_named_are_in_shadow(database: TestDatabase) -> None:
    site = Shadowed(shadow=["other"])
    site.course(DEMO)
    ada, bob = site.user("ada"), site.user("bob")
    site.take_in(paid("100", ada), paid("100", bob, source="other"))
    site.deliver(paid("101", bob, source="other"))
    assert site.seats() == {(ada.pk, DEMO): "verified"}
    assert words(site.results()) == [("completed", "ok")]
    assert len(site.decided()) == 2


def test_a_store_that_is_not_allowed_is_told_nothing_either(site: Shadowed) -> None:
    site.deliver(paid("100", site.user("ada"), source="unheard"))
    assert [row[:2] for row in site.decided()] == [("failed", "source_not_allowed")]
    assert site.messages() == []


def test_an_event_that_cannot_be_read_is_told_to_nobody(site: Shadowed) -> None:
    data = {"source": "shop", "order_id": "1", "order_key": "shop:1", "lines": ["1"], "event_type": ORDER_PAID}
    inbox.enqueue(REJECTED, "shop:1", data)
    site.work()
    assert [row[:2] for row in site.decided()] == [("failed", "schema_invalid")]
    assert site.messages() == []


def test_a_failure_is_noted_and_told_to_nobody(site: Shadowed) -> None:
    class Away(ReferenceGateway):
        def courses(self, course_keys: object) -> Any:
            raise TransientError("no answer")

    site.handler.gateway = Away()
    site.deliver(paid("100", site.user("ada")))
    assert Attempt.objects.count() == 1
    assert site.messages() == []
    assert [row.state for row in of_orders()] == ["pending"]


def test_a_journey_tells_what_was_only_decided(site: Shadowed) -> None:
    site.deliver(paid("100", site.user("ada")))
    journey = api.journey("shop", "100")
    assert journey is not None
    assert [(step.actor, step.effects[0].outcome) for step in journey.steps] == [("shadow", "completed")]
    assert journey.lines == ()


def test_after_shadow_mode_new_orders_are_handled_and_old_ones_are_unknown(site: Shadowed) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    site.deliver(paid("100", ada))
    site.set_seat(ada, "verified")
    site.mode(False)
    assert words(site.deliver(refunded("100"))) == [("retained", "grant_not_found")]
    assert words(site.deliver(paid("200", bob))) == [("completed", "ok")]
    assert site.seats() == {(ada.pk, DEMO): "verified", (bob.pk, DEMO): "verified"}


def test_acting_gives_the_ledger_what_shadow_mode_decided(site: Shadowed) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    site.deliver(paid("100", ada), paid("101", bob), paid("102", bob, line(course_key=OTHER)), refunded("102"))
    site.set_seat(ada, "verified")
    site.mode(False)
    assert acting(yes=True) == [{"events": 4, "done": True}]
    site.later(3)
    assert site.current("100") == {("1", "fulfill", None): ("completed", "already_enrolled")}
    assert site.current("101") == {("1", "fulfill", None): ("completed", "ok")}
    assert site.current("102")["1", "revoke", "r1"] == ("revoked", "ok")
    assert not Inbox.objects.filter(state="shadow").exists()
    assert words(site.deliver(refunded("101"))) == [("revoked", "ok")]
    assert site.seats() == {(ada.pk, DEMO): "verified"}


def test_an_order_that_is_sent_again_is_handled_once_shadow_mode_is_over(database: TestDatabase) -> None:
    site = Shadowed()
    site.course(DEMO)
    ada = site.user("ada")
    order = paid("100", ada)
    site.take_in(order)
    site.set_seat(ada, "verified")
    site.now += timedelta(seconds=60)
    assert site.take_in(order).duplicates == 1
    site.work()
    assert site.decided() == [("completed", "ok", None, "verified")], "what was decided first stands"
    site.mode(False)
    site.now += timedelta(seconds=120)
    site.take_in(order)
    site.work()
    assert site.current("100") == {("1", "fulfill", None): ("completed", "already_enrolled")}
    assert Inbox.objects.filter(event_type=order[0]).count() == 1


# ------------------------------------------------------------------------------------------------------ the command


def compared(*arguments: str, differ: int = 0) -> list[dict[str, Any]]:
    out = StringIO()
    with pytest.raises(CommandError, match=f"^{differ} enrollments") if differ else nullcontext() as caught:
        call_command("commerce_shadow", *arguments, "--format", "json", stdout=out, stderr=StringIO())
    assert caught is None or caught.value.returncode == 6
    rows: list[dict[str, Any]] = json.loads(out.getvalue() or "[]")
    return rows


def acting(**options: Any) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("commerce_shadow", "act", format="json", stdout=out, stderr=StringIO(), **options)
    rows: list[dict[str, Any]] = json.loads(out.getvalue())
    return rows


def test_what_was_decided_is_compared_with_what_there_is(site: Shadowed) -> None:
    ada, bob, eve = site.user("ada"), site.user("bob"), site.user("eve")
    site.deliver(paid("1", ada), paid("2", bob), paid("3", eve), refunded("3"))
    site.deliver(paid("4", learner(email="x@example.com")))
    site.set_seat(ada, "verified")
    site.set_seat(bob, "audit")
    (row,) = compared(differ=1)
    assert (row["order_key"], row["decided"], row["found"], row["lms_user_id"]) == (
        "shop:2", "verified", "audit", bob.pk,
    )  # fmt: skip
    rows = compared("--all", differ=1)
    assert [(row["order_key"], row["verdict"]) for row in rows] == [
        ("shop:1", "same"), ("shop:2", "differs"), ("shop:3", "older"), ("shop:3", "same"), ("shop:4", ""),
    ]  # fmt: skip
    with pytest.raises(CommandError, match="no store is called 'nobody'") as caught:
        compared("--all", "--source", "nobody")
    assert caught.value.returncode == 3
    assert "x@example.com" not in json.dumps(rows)


def test_acting_is_dry_without_yes_and_refused_while_shadow_mode_is_on(site: Shadowed, settings: Any) -> None:
    site.deliver(paid("1", site.user("ada")))
    assert acting() == [{"events": 1, "done": False}]
    stores = {"SOURCES": {"shop": {}, "other": {}}, "SHADOW": ["shop"]}
    settings.COMMERCE_FULFILLMENT = {**settings.COMMERCE_FULFILLMENT, **stores}
    for more in ({}, {"source": "shop"}):
        with pytest.raises(CommandError, match="still on") as caught:
            acting(yes=True, **more)
        assert caught.value.returncode == 3
    assert acting(yes=True, source="other") == [{"events": 0, "done": True}]
    with pytest.raises(CommandError, match="no store is called 'nobody'") as caught:
        acting(source="nobody")
    assert caught.value.returncode == 3
    assert [row.state for row in of_orders()] == ["shadow"]
    assert not Source.objects.exists()


def test_doctor_says_that_it_is_on_and_what_it_left(site: Shadowed) -> None:
    site.deliver(paid("1", site.user("ada")))
    assert [(row.state, "every store" in row.says) for row in findings.shadow(True)] == [("warning", True)]
    assert [(row.state, "shop" in row.says) for row in findings.shadow(["shop"])] == [("warning", True)]
    assert [(row.state, "commerce_shadow act" in row.hint) for row in findings.shadow(False)] == [("warning", True)]
    Inbox.objects.all().delete()
    assert [row.state for row in findings.shadow(False)] == ["ok"]


def test_what_is_no_mode_is_refused(settings: Any) -> None:
    settings.COMMERCE_FULFILLMENT = {"SHADOW": "shop"}
    with pytest.raises(OperatorError, match="is not True or False or a list"):
        conf.shadow()
