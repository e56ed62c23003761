"""Stripe Checkout: sales, refunds and disputes, and what was decided about them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from commerce_events.stores.adapter import Ask, Nothing
from tests.unit.stores.fake_stripe import COURSE, OTHER, FakeStripe
from tests.unit.stores.stripe.hearing import Listen, kinds, paid


def test_a_completed_session_names_no_lines_so_they_are_fetched(listen: Listen, account: FakeStripe) -> None:
    said = account.complete(account.session(account.line()))
    assert "line_items" not in json.loads(said[1])["data"]["object"]
    (line,) = listen().hear(said).events[0][1]["lines"]
    assert (line["course_key"], line["mode"], line["quantity"]) == (COURSE, "verified", 1)


def test_paid_at_is_when_the_card_was_charged(listen: Listen, account: FakeStripe) -> None:
    session = account.session(account.line())
    heard = listen().hear(account.complete(session))
    charged = datetime.fromtimestamp(account.charge_of(session)["created"], UTC)
    assert heard.events[0][1]["paid_at"] == charged.isoformat(timespec="microseconds")


def test_a_slow_payment_counts_when_its_money_has_come(listen: Listen, account: FakeStripe) -> None:
    session = account.session(account.line())
    heard = listen().hear(account.complete(session, "unpaid"))
    assert (heard.events, account.asked) == ([], [])
    assert kinds(heard.hear(account.clear(session))) == ["paid"]


def test_nothing_due_is_paid(listen: Listen, account: FakeStripe) -> None:
    heard = listen().hear(account.complete(account.session(account.line(0)), "no_payment_required"))
    assert kinds(heard) == ["paid"]


@pytest.mark.parametrize("mode", ["setup", "subscription"])
def test_setup_and_subscription_are_no_sale_though_setup_says_no_payment_required(
    listen: Listen, account: FakeStripe, mode: str
) -> None:
    session = account.session(account.line(), mode=mode)
    heard = listen().hear(account.complete(session, "no_payment_required"))
    assert account.asked == []
    (reading,) = heard.adapter.fetch(Ask(session["id"], "session"))
    assert isinstance(reading, Nothing)


def test_a_session_that_is_still_open_is_no_sale(listen: Listen, account: FakeStripe) -> None:
    session = account.session(account.line())
    session |= {"payment_status": "no_payment_required", "customer_email": "learner@example.com"}
    heard = listen()
    heard.take([Ask(session["id"], "session")])
    assert heard.events == []
    session["status"] = "complete"
    heard.take([Ask(session["id"], "session")])
    assert kinds(heard) == ["paid"]


def test_more_lines_than_one_page_are_all_sold(listen: Listen, account: FakeStripe) -> None:
    lines = [account.line(100, course=f"course-v1:edX+N{number}+2026") for number in range(101)]
    heard = listen().hear(account.complete(account.session(*lines)))
    assert [line["line_id"] for line in heard.events[0][1]["lines"]] == [line["id"] for line in lines]


def test_charge_refunded_and_refund_events_speak_of_one_refund(listen: Listen, account: FakeStripe) -> None:
    said = account.refund(paid(account), 3000)
    assert [json.loads(raw)["type"] for _, raw in said] == ["refund.created", "charge.refunded", "refund.updated"]
    assert kinds(listen().hear(*said)) == ["paid", "refunded"]


def test_a_refund_is_about_an_amount_unless_its_metadata_names_lines(listen: Listen, account: FakeStripe) -> None:
    heard = listen().hear(*account.refund(paid(account), 3000))
    assert (heard.events[1][1]["lines"], heard.events[1][1]["is_full"]) == ([], False)


def test_the_refund_that_leaves_nothing_is_full(listen: Listen, account: FakeStripe) -> None:
    session = paid(account, account.line(), account.line(5000, 2, OTHER))
    account.refund(session, 3000)
    account.refund(session, 17000)
    heard = listen().hear(account.sent(account.events[-1]))
    assert [content["is_full"] for _, content in heard.events[1:]] == [False, True]
    assert [line["refunded_total"] for line in heard.events[2][1]["lines"]] == [1, 2]


def test_all_that_was_captured_is_all_there_was(listen: Listen, account: FakeStripe) -> None:
    session = paid(account)
    account.charge_of(session)["amount_captured"] = 8000
    assert listen().hear(*account.refund(session, 8000)).events[1][1]["is_full"] is True


def test_everything_given_back_for_a_line_that_is_named_is_about_that_line(
    listen: Listen, account: FakeStripe
) -> None:
    session = paid(account, account.line(), account.line(0, course=OTHER))
    last = listen().hear(*account.refund(session, 10000, lines=COURSE)).events[1][1]
    assert (last["is_full"], len(last["lines"])) == (False, 1)


def test_lines_that_the_metadata_names_and_nobody_knows_are_a_notice(listen: Listen, account: FakeStripe) -> None:
    heard = listen().hear(*account.refund(paid(account), 3000, lines="li_other, ?=x"))
    assert (heard.events[1][1]["lines"], heard.codes) == ([], ["refund_lines_unknown"])


@pytest.mark.parametrize("named", ["SKU-9", "SKU-9=2", " SKU-9 , "])
def test_a_line_may_be_named_by_its_sku(listen: Listen, account: FakeStripe, named: str) -> None:
    session = paid(account, account.line(quantity=2, lookup_key="SKU-9"), account.line(course=OTHER))
    (line,) = listen().hear(*account.refund(session, 3000, lines=named)).events[1][1]["lines"]
    assert line["quantity"] == 2


@pytest.mark.parametrize("status", ["pending", "requires_action", "failed", "canceled"])
def test_a_refund_that_is_pending_or_failed_moves_nothing(listen: Listen, account: FakeStripe, status: str) -> None:
    heard = listen().hear(*account.refund(paid(account), 10000, status))
    assert kinds(heard) == ["paid"]
    assert heard.codes == (["refund_failed"] if status == "failed" else [])


def test_a_pending_refund_counts_once_it_succeeded(listen: Listen, account: FakeStripe) -> None:
    session = paid(account)
    heard = listen().hear(*account.refund(session, 10000, "pending"))
    assert kinds(heard.hear(account.refund_becomes(session, "succeeded"))) == ["paid", "refunded"]


def test_a_refund_that_bounced_is_a_notice_and_no_second_grant(listen: Listen, account: FakeStripe) -> None:
    session = paid(account)
    heard = listen().hear(*account.refund(session, 10000))
    heard.hear(account.refund_becomes(session, "failed"))
    assert (kinds(heard), heard.codes) == (["paid", "refunded"], ["refund_failed"])


def test_a_refund_names_only_its_payment_and_may_come_before_the_sale_was_heard(
    listen: Listen, account: FakeStripe
) -> None:
    session = paid(account)
    said = account.refund(session, 10000)[0]
    of = json.loads(said[1])["data"]["object"]
    assert "session" not in json.dumps(of) and of["payment_intent"] == session["payment_intent"]
    assert kinds(listen().hear(said)) == ["paid", "refunded"]


def test_a_refund_that_names_only_its_charge_is_found_by_the_charge(listen: Listen, account: FakeStripe) -> None:
    session = paid(account)
    account.refund(session, 10000)
    event = json.loads(json.dumps(account.events[-1]))
    event["data"]["object"]["payment_intent"] = None
    assert kinds(listen().hear(account.sent(event))) == ["paid", "refunded"]


@pytest.mark.parametrize("missing", ["session", "intent"])
def test_a_payment_that_is_not_checkouts_is_nothing(listen: Listen, account: FakeStripe, missing: str) -> None:
    charge = account._made("ch", "charge", payment_intent=account._id("pi") if missing == "session" else None)
    assert listen().hear(account._told("charge.refunded", charge)).events == []


@pytest.mark.parametrize("status", ["needs_response", "under_review", "lost", "appeal_needs_response"])
def test_a_dispute_takes_the_money(listen: Listen, account: FakeStripe, status: str) -> None:
    heard = listen().hear(account.dispute(paid(account), status))
    last = heard.events[1][1]
    assert (last["refund_kind"], last["is_full"], len(last["lines"])) == ("chargeback", True, 1)


@pytest.mark.parametrize(
    "status", ["warning_needs_response", "warning_under_review", "warning_closed", "prevented"]
)
def test_a_warning_moves_no_money(listen: Listen, account: FakeStripe, status: str) -> None:
    heard = listen().hear(account.dispute(paid(account), status))
    assert (kinds(heard), heard.notices) == (["paid"], [])


def test_a_dispute_that_was_won_is_a_notice_and_no_second_grant(listen: Listen, account: FakeStripe) -> None:
    heard = listen().hear(account.dispute(paid(account)))
    heard.hear(account.dispute_becomes("won"))
    assert (kinds(heard), heard.codes) == (["paid", "refunded"], ["chargeback_won"])


def test_a_dispute_of_a_part_takes_no_seat(listen: Listen, account: FakeStripe) -> None:
    last = listen().hear(account.dispute(paid(account), amount=100)).events[1][1]
    assert (last["refund_kind"], last["is_full"], last["lines"]) == ("chargeback", False, [])
