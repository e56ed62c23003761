"""The operator of a store sees how its orders stand, and changes nothing by looking."""
from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from commerce_events import publish_order_paid
from commerce_events.testing import FakeBus, fulfillment_completed, fulfillment_deferred, order_paid, refund_requested
from commerce_events.testing.builders import line
from consumers.order_status import findings
from consumers.order_status.models import Call, Publication, RefundRequest


def command(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("commerce_order_status", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def rows(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(command(*arguments, "--format", "json")[0])
    return found


def paid(order_id: str, source: str = "shop") -> None:
    with transaction.atomic():
        publish_order_paid(order_paid(order_id, source=source, lines=[line("1"), line("2")])["order"])


@pytest.fixture
def orders(small_bus: FakeBus) -> FakeBus:
    paid("1")
    paid("2")
    paid("3", "other")
    small_bus.deliver(fulfillment_completed("1"), fulfillment_completed("1", "2"), fulfillment_completed("2"))
    return small_bus


def test_what_is_not_at_its_end_is_listed(orders: FakeBus) -> None:
    assert {(row["order_key"], row["line_id"], row["state"]) for row in rows("list")} == {
        ("shop:2", "2", "published"), ("other:3", "1", "published"), ("other:3", "2", "published"),
    }  # fmt: skip
    assert len(rows("list", "--all")) == 6
    assert {row["order_key"] for row in rows("list", "--source", "other")} == {"other:3"}
    assert {row["order_key"] for row in rows("list", "--all", "--status", "fulfilled")} == {"shop:1"}
    assert [row["state"] for row in rows("list", "--order", "shop:1")] == ["fulfilled", "fulfilled"]
    assert "ORDER KEY" in command()[0]


def test_alarms_are_listed(orders: FakeBus) -> None:
    assert command("list", "--alarm") == ("", "No line fits.\n")
    orders.wait(minutes=16)
    assert {(row["order_key"], row["line_id"], row["alarm"]) for row in rows("list", "--alarm")} == {
        ("shop:2", "2", "no_result"), ("other:3", "1", "no_result"), ("other:3", "2", "no_result"),
    }  # fmt: skip


def test_sending_again_is_dry_unless_told_otherwise(orders: FakeBus) -> None:
    orders.relay()
    before = len(orders.events)
    out, err = command("resend")
    assert ("shop:2" in out, "other:3" in out, "shop:1" in out) == (True, True, False)
    assert "Nothing was changed" in err
    assert len(orders.events) == before
    out, err = command("resend", "--yes")
    assert "2 of 2 are sent again" in err
    assert len(orders.events) == before + 2


def test_an_answered_order_can_be_sent_again_by_name(orders: FakeBus) -> None:
    orders.relay()
    before = len(orders.events)
    command("resend", "--order", "shop:1", "--yes")
    assert [event.key for event in orders.events[before:]] == ["shop:1"]
    assert command("resend", "--order", "shop:1", "--yes")[1] == "1 of 1 are sent again.\n"
    assert Publication.objects.get(order_key="shop:1").sends == 3
    with pytest.raises(CommandError) as refused:
        command("resend", "--order", "shop:9")
    assert refused.value.returncode == 3


def test_what_the_outbox_no_longer_keeps_is_said(orders: FakeBus) -> None:
    from commerce_events.models import Outbox

    orders.relay()
    Outbox.objects.all().delete()
    assert "0 of 2 are sent again; the others are no longer kept." in command("resend", "--yes")[1]


def test_refund_requests_are_listed_and_settled(orders: FakeBus) -> None:
    orders.deliver(refund_requested("1"))
    (row,) = rows("requests")
    with pytest.raises(CommandError) as refused:
        command("requests", "--settle", row["request_id"])
    assert refused.value.returncode == 2
    command("requests", "--settle", row["request_id"], "--because", "refunded in full")
    assert rows("requests") == []
    (settled,) = rows("requests", "--all")
    assert (settled["state"], settled["resolution"]) == ("settled", "refunded in full")
    with pytest.raises(CommandError) as refused:
        command("requests", "--settle", "nobody", "--because", "?")
    assert refused.value.returncode == 3
    assert RefundRequest.objects.count() == 1


def test_calls_are_listed_retried_and_given_up(orders: FakeBus, settings: Any) -> None:
    settings.COMMERCE_ORDER_STATUS = {"HOOKS": {"shop": {"notes": {"HOOK": "no.where.Hook"}}}}
    settings.SILENCED_SYSTEM_CHECKS = ["commerce_order_status.W002"]  # it was right when the call was made
    orders.deliver(fulfillment_deferred("2", "2"))
    orders.wait(seconds=1)
    (row,) = rows("calls")
    assert (row["state"], row["kind"]) == ("held", "order.changed")
    assert "Nothing was changed" in command("calls", "--retry")[1]
    assert "1 are made again." in command("calls", "--retry", "--yes")[1]
    assert Call.objects.get().state == "pending"
    assert "1 are given up." in command("calls", "--discard", "--yes")[1]
    assert rows("calls") == []
    with pytest.raises(CommandError):
        command("calls", "--retry", "--discard")


def test_an_order_nobody_knows_ends_with_3_and_a_wrong_key_with_2(orders: FakeBus) -> None:
    for key, code in (("shop:9", 3), ("1042", 2)):
        with pytest.raises(CommandError) as refused:
            command("list", "--order", key)
        assert refused.value.returncode == code


def test_a_store_nobody_knows_ends_with_3(orders: FakeBus) -> None:
    with pytest.raises(CommandError) as refused:
        command("list", "--source", "zz")
    assert refused.value.returncode == 3


def test_without_calls_there_is_nothing_to_say_yes_to(orders: FakeBus) -> None:
    assert command("calls", "--state", "held", "--retry")[1] == "No call waits.\n"


def test_the_doctor_says_what_is_late(orders: FakeBus) -> None:
    def warned() -> list[str]:
        return [finding.about for finding in findings.everything() if finding.state == "warning"]

    assert warned() == []
    orders.wait(minutes=16)
    assert warned() == ["order lines without any result"]
    orders.deliver(fulfillment_deferred("2", "2"))
    orders.wait(hours=80)
    assert warned() == ["order lines without any result", "order lines without an end"]
    assert all(finding.hint for finding in findings.everything() if finding.state == "warning")


def test_a_store_that_reads_no_results_is_told(settings: Any) -> None:
    from consumers.order_status import checks

    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "HANDLERS": [], "TOPICS": ["commerce-order-lifecycle"]}
    assert [found.id for found in checks.settings()] == [checks.HANDLER]
    settings.COMMERCE_ORDER_STATUS = {"COLOUR": "red"}
    assert [found.id for found in checks.settings()] == [checks.SETTINGS]
