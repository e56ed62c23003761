"""``commerce_retry``: what waits, is held or has failed is chosen, shown, and decided again or given up."""
from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from commerce_events.exceptions import TransientError
from commerce_events.models import Inbox
from consumers.fulfillment import api
from consumers.fulfillment.models import Attempt
from consumers.fulfillment.reference.gateway import ReferenceGateway
from consumers.fulfillment.reference.models import ReferenceEnrollment
from consumers.fulfillment.rules.policy import Policy, Source
from tests.unit.fulfillment.site import DEMO, OTHER, Site, learner, line, paid, refunded

LATE = "course-v1:edX+Late+2026"


def asked(*arguments: str) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("commerce_retry", *arguments, "--format", "json", "--by", "operator", stdout=out, stderr=StringIO())
    rows: list[dict[str, Any]] = json.loads(out.getvalue())
    return rows


def names(rows: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    return [(row["what"], row["order_key"], row["line_id"], row["reason_code"]) for row in rows]


class Broken(ReferenceGateway):
    """An LMS whose last release broke enrolling."""

    def __init__(self, error: type[Exception] = KeyError) -> None:
        self.error = error

    def courses(self, course_keys: Any) -> Any:
        raise self.error("a name nobody may read: learner@example.com")


def held_events(site: Site, *events: Any, error: type[Exception] = KeyError) -> None:
    working, site.handler.gateway = site.handler.gateway, Broken(error)
    site.receive(*events)
    for _ in range(60 if error is TransientError else 6):
        site.later(3700)
    site.handler.gateway = working


def test_it_says_first_what_it_would_do(site: Site) -> None:
    site.deliver(paid("100", site.user("ada"), line("1", LATE), line("2")))
    assert names(asked("--all")) == [("line", "shop:100", "1", "course_not_found")]
    site.course(LATE)
    site.work()
    assert site.current("100")["1", "fulfill", None] == ("failed", "course_not_found")
    asked("--all", "--yes")
    site.work()
    assert site.current("100")["1", "fulfill", None] == ("completed", "ok")
    journey = api.journey("shop", "100")
    assert journey is not None
    assert journey.steps[-1].actor == "operator"


def test_every_condition_narrows(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(
        paid("1", ada, line("1", LATE), line("2", mode="honor")), paid("2", ada, line("1", LATE)),
        paid("3", ada, source="other"), paid("4", learner(email="nobody@example.com")),
    )  # fmt: skip

    def orders(*arguments: str) -> list[str]:
        return [f"{row['order_key']} {row['line_id']}" for row in asked(*arguments)]

    assert orders("--all") == ["other:3 1", "shop:1 1", "shop:1 2", "shop:2 1"]
    assert orders("--reason", "course_not_found") == ["shop:1 1", "shop:2 1"]
    assert orders("--course", DEMO) == ["other:3 1", "shop:1 2"]
    assert orders("--source", "shop", "--course", DEMO) == ["shop:1 2"]
    assert orders("--order", "shop:2") == ["shop:2 1"]
    assert orders("--state", "waiting") == ["shop:4 1"]
    assert orders("--state", "held") == []


def test_an_event_that_was_held_is_tried_as_often_as_a_new_one(site: Site) -> None:
    ada = site.user("ada")
    held_events(site, paid("100", ada))
    assert names(asked("--all")) == [("event", "shop:100", "", "internal_error")]
    assert names(asked("--course", LATE)) == []
    assert names(asked("--reason", "internal_error", "--course", DEMO, "--yes")) == names(
        [{"what": "event", "order_key": "shop:100", "line_id": "", "reason_code": "internal_error"}]
    )
    assert Inbox.objects.get(event_type=paid("100", ada)[0]).attempts == 0
    site.later(1)
    assert site.seat(ada) == "verified"
    journey = api.journey("shop", "100")
    assert journey is not None
    assert sorted(step.actor for step in journey.steps) == ["operator"] + ["rules"] * 3
    assert "learner@example.com" not in "".join(Attempt.objects.values_list("trace", flat=True))


def test_what_an_outage_of_days_held_is_found_by_its_reason(site: Site) -> None:
    ada = site.user("ada")
    held_events(site, paid("100", ada), error=TransientError)
    assert names(asked("--reason", "database_unavailable", "--yes")) == [
        ("event", "shop:100", "", "database_unavailable")
    ]
    site.later(1)
    assert site.seat(ada) == "verified"


def test_a_held_refund_is_carried_out_only_if_that_is_approved(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    ReferenceEnrollment.objects.update(is_certified=True)
    site.deliver(refunded("100", refund_id="r7"))
    (row,) = asked("--reason", "certificate_issued", "--yes")
    assert (row["what"], row["refund_id"]) == ("refund", "r7")
    site.work()
    assert site.seat(ada) == "verified"
    asked("--order", "shop:100", "--approve", "--yes")
    site.work()
    assert site.current("100")["1", "revoke", "r7"] == ("revoked", "ok")


def test_what_is_given_up_ends_and_the_store_is_told(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(paid("1", learner(email="nobody@example.com")), paid("2", ada))
    ReferenceEnrollment.objects.update(is_certified=True)
    site.deliver(refunded("2"))
    held_events(site, paid("3", site.user("bob"), line("1"), line("2", LATE)))
    assert names(asked("--discard", "--state", "waiting", "--state", "held", "--yes")) == [
        ("line", "shop:1", "1", "learner_not_found"),
        ("refund", "shop:2", "1", "certificate_issued"),
        ("event", "shop:3", "", "internal_error"),
    ]
    site.later(1)
    assert site.current("1")["1", "fulfill", None] == ("failed", "discarded")
    assert site.current("2")["1", "revoke", "r1"] == ("retained", "discarded")
    assert site.current("3") == {
        ("1", "fulfill", None): ("failed", "discarded"), ("2", "fulfill", None): ("failed", "discarded"),
    }  # fmt: skip
    assert site.seats() == {(ada.pk, DEMO): "verified"}
    assert asked("--state", "held") == asked("--state", "waiting") == []


def test_a_refund_that_was_held_as_an_event_leaves_the_access_when_it_is_given_up(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada))
    held_events(site, refunded("100"))
    asked("--discard", "--order", "shop:100", "--yes")
    site.later(1)
    assert site.current("100")["1", "revoke", "r1"] == ("retained", "discarded")
    assert site.seat(ada) == "verified"
    assert Inbox.objects.filter(state="discarded").count() == 1


def test_a_refund_that_was_refused_while_its_store_was_stopped_is_decided_again(site: Site) -> None:
    ada = site.user("ada")
    site.deliver(paid("100", ada), paid("101", ada, line("1", OTHER)))
    policy, site.handler.policy = site.handler.policy, Policy(sources={"other": Source()})
    site.deliver(refunded("100"))
    assert site.current("100")["1", "fulfill", None] == ("completed", "ok")
    assert site.current("100")[None, "revoke", "r1"] == ("failed", "source_not_allowed")
    site.handler.policy = policy
    site.deliver(refunded("100"))
    assert site.seat(ada) == "verified", "to send it again is no help: it is known"
    rows = asked("--source", "shop", "--reason", "source_not_allowed", "--yes")
    assert names(rows) == [("event", "shop:100", "", "source_not_allowed")]
    site.work()
    assert site.current("100")["1", "revoke", "r1"] == ("revoked", "ok")
    assert site.seats() == {(ada.pk, OTHER): "verified"}
    assert asked("--all") == [] == asked("--discard", "--all")


def test_what_a_person_gave_up_is_tried_again_only_by_its_name(site: Site) -> None:
    site.deliver(paid("1", learner(email="nobody@example.com")))
    asked("--discard", "--state", "waiting", "--yes")
    site.work()
    assert asked("--all", "--yes") == []
    assert [row["order_key"] for row in asked("--reason", "discarded")] == ["shop:1"]
    assert [row["order_key"] for row in asked("--order", "shop:1")] == ["shop:1"]


def test_who_a_purged_order_was_for_nobody_knows(site: Site) -> None:
    site.deliver(paid("1", learner(email="nobody@example.com")), paid("2", site.user("ada"), line("1", LATE)))
    asked("--discard", "--state", "waiting", "--yes")
    site.work()
    Inbox.objects.update(payload="")
    said = StringIO()
    call_command("commerce_retry", "--order", "shop:1", "--yes", stdout=StringIO(), stderr=said)
    assert "1 cannot be" in said.getvalue() and "0 are decided again" in said.getvalue()
    (row,) = asked("--order", "shop:2")
    assert not row["is_lost"], "the ledger knows the learner of a line that failed later"


def test_what_is_over_is_not_tried_again(site: Site) -> None:
    site.deliver(paid("100", site.user("ada")))
    handled = Inbox.objects.filter(state="handled").first()
    assert handled is not None
    assert not api.retry_event(handled.pk, "operator")
    assert not api.discard_event(handled.pk, "operator")
    assert asked("--all") == []


def test_failed_lines_cannot_fail_more(site: Site) -> None:
    site.deliver(paid("100", site.user("ada"), line("1", LATE)))
    assert asked("--discard", "--all") == []


@pytest.mark.parametrize("arguments", [
    (), ("--all", "--reason", "course_full"), ("--reason", "coarse_full"),
    ("--order", "shop:1", "--discard", "--approve"),
])  # fmt: skip
def test_what_is_not_said_well_is_not_done(site: Site, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as caught:
        asked(*arguments)
    assert caught.value.returncode == 2
