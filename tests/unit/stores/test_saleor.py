"""Saleor: every fact that is known of it, and every decision, by name."""

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
from tests.unit.stores.fake_saleor import COURSE, OTHER, START, TOKEN, FakeSaleor
from tests.unit.stores.listening import Listener, Request
from tests.unit.stores.serving import served


@pytest.fixture
def shop() -> FakeSaleor:
    return FakeSaleor()


def listener(shop: FakeSaleor, **options: Any) -> Listener:
    return Listener(Saleor("shop", {"jwks": shop.jwks, **options}), [])


def hear(shop: FakeSaleor, *requests: Request, **options: Any) -> Listener:
    return listener(shop, **options).hear(*requests)


def kinds(heard: Listener) -> list[str]:
    return [event_type.split(".")[-2] for event_type, _ in heard.events]


def lines(heard: Listener, at: int = -1) -> list[tuple[str, int, int]]:
    """The lines of a refund: id, this refund's seats, and the total of all."""
    return [(line["line_id"], line["quantity"], line["refunded_total"]) for line in heard.events[at][1]["lines"]]


# --------------------------------------------------------------------------------------------- the story in every way


def story(shop: FakeSaleor) -> tuple[str, list[Request]]:
    """Paid, partly refunded, fully refunded; what was delivered after each."""
    one, two = shop.line(100), shop.line(50, 2, OTHER, "professional")
    order_id = shop.place(one, two)
    said = [shop.deliver(order_id)]
    shop.move(order_id, "CHARGE_SUCCESS", 200)
    said.append(shop.deliver(order_id, "OrderFullyPaid"))
    for line, amount in ((one, 100), (two, 50), (two, 50)):
        shop.grant(order_id, amount, (line, 1))
        shop.move(order_id, "REFUND_SUCCESS", amount)
        said.append(shop.deliver(order_id, "OrderRefunded"))
    return order_id, said


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


# ------------------------------------------------------------------------------------------------- what "paid" means


def test_an_update_can_come_first_and_is_the_sale(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    first, again = shop.deliver(order_id, "OrderUpdated"), shop.deliver(order_id, "OrderFullyPaid")
    assert kinds(hear(shop, first, again)) == ["paid"]


def test_fully_paid_that_comes_again_after_a_further_charge_adds_nothing(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    heard = hear(shop, shop.deliver(order_id, "OrderFullyPaid"))
    shop.move(order_id, "CHARGE_SUCCESS", 20)
    assert kinds(heard.hear(shop.deliver(order_id, "OrderFullyPaid"))) == ["paid"]
    assert heard.notices == []


def test_a_refund_that_bounced_is_a_notice_and_no_second_grant(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    shop.move(order_id, "REFUND_SUCCESS", 100)
    heard = hear(shop, shop.deliver(order_id))
    bounced = shop.move(order_id, "REFUND_REVERSE", 100)
    heard.hear(shop.deliver(order_id, "OrderFullyPaid"), shop.deliver(order_id))
    assert kinds(heard) == ["paid", "refunded"]
    assert [(notice.code, notice.about) for notice in heard.notices] == [("refund_reversed", bounced)]


def test_money_that_comes_after_everything_was_given_back_is_a_notice(shop: FakeSaleor) -> None:
    """A chargeback that was won looks like that as well."""
    order_id = shop.place(shop.line(100))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    shop.move(order_id, "CHARGE_BACK", 100)
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    heard = hear(shop, shop.deliver(order_id))
    assert kinds(heard) == ["paid", "refunded"]
    assert heard.codes == ["charged_again"]


def test_what_is_only_authorized_or_failed_is_no_money(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    for kind in ("AUTHORIZATION_SUCCESS", "CHARGE_REQUEST", "CHARGE_FAILURE", "CHARGE_ACTION_REQUIRED", "INFO"):
        shop.move(order_id, kind, 100)
    assert hear(shop, shop.deliver(order_id)).events == []


def test_money_is_exact(shop: FakeSaleor) -> None:
    """As floats, 0.1 + 0.2 are more than 0.3, and 0.7 + 0.1 less than 0.8."""
    order_id = shop.place(shop.line(0.8))
    shop.move(order_id, "CHARGE_SUCCESS", 0.7)
    shop.move(order_id, "CHARGE_SUCCESS", 0.1)
    heard = hear(shop, shop.deliver(order_id))
    shop.move(order_id, "REFUND_SUCCESS", 0.7)
    shop.move(order_id, "REFUND_SUCCESS", 0.1)
    heard.hear(shop.deliver(order_id))
    assert [content.get("is_full") for _, content in heard.events] == [None, False, True]


def test_a_free_checkout_is_a_sale(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(0))
    heard = hear(shop, shop.deliver(order_id, "OrderFullyPaid"))
    assert kinds(heard) == ["paid"]
    assert heard.events[0][1]["paid_at"].startswith("2026-05-01T12:00:07")


def test_a_free_draft_that_staff_completed_sends_nothing_and_is_found_by_the_sweep(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(0), status="DRAFT", origin="DRAFT")
    with served(shop) as url:
        heard = listener(shop, url=url, token=TOKEN)
        assert heard.sweep(START).events == []
        assert heard.hear(shop.deliver(order_id)).events == []
        shop.orders[order_id]["status"] = "UNFULFILLED"
        assert kinds(heard.sweep(START)) == ["paid"]


@pytest.mark.parametrize("status", ["UNCONFIRMED", "EXPIRED", "CANCELED"])
def test_a_free_order_counts_once_staff_have_confirmed_it(shop: FakeSaleor, status: str) -> None:
    order_id = shop.place(shop.line(0), status=status)
    heard = hear(shop, shop.deliver(order_id))
    assert heard.events == []
    shop.orders[order_id]["status"] = "UNFULFILLED"
    assert kinds(heard.hear(shop.deliver(order_id))) == ["paid"]


def test_an_order_from_elsewhere_with_money_and_no_record_of_it_is_paid(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    raw = json.loads(shop.deliver(order_id)[1])
    raw["order"]["totalCharged"] = {"amount": 100.0}
    heard = hear(shop, shop.signed(json.dumps(raw).encode()))
    assert heard.events[0][1]["paid_at"] == "2026-05-01T12:00:07.000000+00:00"


# -------------------------------------------------------------------------------------- a line added after payment


def grown(shop: FakeSaleor) -> tuple[str, dict[str, Any], dict[str, Any], list[Request]]:
    """An order that was paid and then got a line; both are delivered."""
    first, added = shop.line(100), shop.line(50, course=OTHER)
    order_id = shop.place(first, status="UNCONFIRMED")
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    paid = shop.deliver(order_id)
    shop.add_line(order_id, added)
    return order_id, first, added, [paid, shop.deliver(order_id)]


def without_history(said: Request, shop: FakeSaleor) -> Request:
    """As a query asks that is not ours, or as it is where the shop has forgotten."""
    body = json.loads(said[1])
    body["order"]["events"] = []
    return shop.signed(json.dumps(body).encode())


@pytest.mark.parametrize("has_history", [True, False])
def test_a_line_that_staff_add_to_a_paid_order_has_no_money_whatever_its_flags_say(
    shop: FakeSaleor, has_history: bool
) -> None:
    _, first, added, (paid, more) = grown(shop)
    assert json.loads(more[1])["order"]["isPaid"] and json.loads(more[1])["order"]["chargeStatus"] == "FULL"
    if not has_history:
        paid, more = without_history(paid, shop), without_history(more, shop)
    for said in ([paid, more], [more], [more, paid]):
        heard = hear(shop, *said)
        assert [line["line_id"] for _, content in heard.events for line in content["lines"]] == [first["id"]]
        assert [(notice.code, notice.about) for notice in heard.notices] == [("line_without_money", added["id"])]


@pytest.mark.parametrize("heard_before", [[0, 1], [1], []])
def test_a_line_added_later_goes_out_once_there_is_money_for_it_and_a_collapsed_snapshot_tells_both_steps(
    shop: FakeSaleor, heard_before: list[int]
) -> None:
    order_id, first, added, said = grown(shop)
    shop.move(order_id, "CHARGE_SUCCESS", 50)
    heard = hear(shop, *(said[at] for at in heard_before), shop.deliver(order_id))
    assert [[line["line_id"] for line in content["lines"]] for _, content in heard.events] == [
        [first["id"]], [added["id"]],
    ]  # fmt: skip
    assert heard.events == hear(shop, shop.deliver(order_id)).events


def test_a_line_added_after_a_refund_is_paid_by_its_own_money(shop: FakeSaleor) -> None:
    """What was given back for other lines is not due any more."""
    order_id, (one, two) = sold(shop, 100, 50)
    said = [shop.deliver(order_id)]
    shop.grant(order_id, 50, (two, 1))
    shop.move(order_id, "REFUND_SUCCESS", 50)
    said.append(shop.deliver(order_id))
    added = shop.line(70, course=OTHER)
    shop.add_line(order_id, added)
    said.append(shop.deliver(order_id))
    assert [len(hear(shop, *said[:upto]).events) for upto in (1, 2, 3)] == [1, 2, 2]
    shop.move(order_id, "CHARGE_SUCCESS", 70)
    said.append(shop.deliver(order_id))
    heard = hear(shop, *said)
    assert [[line["line_id"] for line in content["lines"]] for _, content in heard.events] == [
        [one["id"], two["id"]], [two["id"]], [added["id"]],
    ]  # fmt: skip
    assert heard.events == hear(shop, said[-1]).events


def test_the_refund_that_was_full_before_a_line_was_added_stays_full(shop: FakeSaleor) -> None:
    order_id, (one,) = sold(shop, 100)
    shop.grant(order_id, 100, (one, 1))
    shop.move(order_id, "REFUND_SUCCESS", 100)
    said = [shop.deliver(order_id)]
    shop.add_line(order_id, shop.line(70, course=OTHER))
    shop.move(order_id, "CHARGE_SUCCESS", 70)
    said.append(shop.deliver(order_id))
    heard = hear(shop, *said)
    assert [content.get("is_full") for _, content in heard.events] == [None, True, None]
    assert heard.events == hear(shop, said[-1]).events


def test_lines_that_were_added_to_a_draft_are_the_order(shop: FakeSaleor) -> None:
    """Nothing counts before the draft is placed, a free line neither."""
    free, dear = shop.line(0), shop.line(100, course=OTHER)
    order_id = shop.place(status="DRAFT", origin="DRAFT")
    shop.add_line(order_id, free)
    shop.add_line(order_id, dear)
    shop.orders[order_id]["status"] = "UNFULFILLED"
    shop._happens(order_id, "PLACED_FROM_DRAFT")
    heard = hear(shop, shop.deliver(order_id))
    assert heard.events == []
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    heard.hear(shop.deliver(order_id))
    assert [len(content["lines"]) for _, content in heard.events] == [2]


def test_a_free_draft_counts_since_it_was_placed(shop: FakeSaleor) -> None:
    order_id = shop.place(status="DRAFT", origin="DRAFT")
    shop.add_line(order_id, shop.line(0))
    shop.orders[order_id]["status"] = "UNFULFILLED"
    shop._happens(order_id, "PLACED_FROM_DRAFT")
    ((_, order),) = hear(shop, shop.deliver(order_id)).events
    assert order["paid_at"].startswith(shop.orders[order_id]["events"][-1]["date"][:19])


def test_money_on_account_that_went_back_before_the_order_was_paid_is_no_refund(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.move(order_id, "CHARGE_SUCCESS", 60)
    shop.move(order_id, "REFUND_SUCCESS", 60)
    said = [shop.deliver(order_id)]
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    said.append(shop.deliver(order_id))
    heard = hear(shop, *said)
    assert kinds(heard) == ["paid"]
    assert heard.events == hear(shop, said[-1]).events


def test_a_partial_payment_that_would_cover_the_first_line_sells_nothing(shop: FakeSaleor) -> None:
    """Only the flags tell it from an order whose last line was added later."""
    order_id = shop.place(shop.line(100), shop.line(50, course=OTHER))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    heard = hear(shop, shop.deliver(order_id))
    assert (heard.events, heard.notices) == ([], [])
    shop.move(order_id, "CHARGE_SUCCESS", 50)
    assert len(heard.hear(shop.deliver(order_id)).events[0][1]["lines"]) == 2


def test_an_order_that_says_paid_while_its_money_covers_no_line_is_shown_to_a_person(shop: FakeSaleor) -> None:
    """A refund granted before it was paid lowers what the shop asks for."""
    line = shop.line(100)
    order_id = shop.place(line)
    shop.grant(order_id, 60, (line, 1))
    shop.move(order_id, "CHARGE_SUCCESS", 40)
    heard = hear(shop, shop.deliver(order_id))
    assert (heard.events, heard.codes) == ([], ["money_does_not_cover"])


# ------------------------------------------------------------------------------------------------------- refunds


def sold(shop: FakeSaleor, *prices: float) -> tuple[str, list[dict[str, Any]]]:
    made = [shop.line(price, sku=f"SKU-{at}") for at, price in enumerate(prices)]
    order_id = shop.place(*made)
    shop.move(order_id, "CHARGE_SUCCESS", sum(prices))
    return order_id, made


@pytest.mark.parametrize("status", ["NONE", "PENDING", "SUCCESS", "FAILURE"])
def test_a_granted_refund_is_an_intention_until_its_money_has_moved_whatever_its_status(
    shop: FakeSaleor, status: str
) -> None:
    order_id, (one, _) = sold(shop, 100, 50)
    granted = shop.grant(order_id, 100, (one, 1), status=status)
    heard = hear(shop, shop.deliver(order_id))
    assert kinds(heard) == ["paid"]
    shop.move(order_id, "REFUND_REQUEST", 100)
    assert kinds(heard.hear(shop.deliver(order_id))) == ["paid"]
    shop.move(order_id, "REFUND_SUCCESS", 100)
    heard.hear(shop.deliver(order_id))
    assert (heard.events[-1][1]["refund_id"], lines(heard)) == (granted, [(one["id"], 1, 1)])


def test_one_payment_back_covers_two_granted_refunds(shop: FakeSaleor) -> None:
    order_id, (one, two) = sold(shop, 100, 50)
    granted = [shop.grant(order_id, 100, (one, 1)), shop.grant(order_id, 50, (two, 1))]
    shop.move(order_id, "REFUND_SUCCESS", 150)
    heard = hear(shop, shop.deliver(order_id))
    assert [content["refund_id"] for _, content in heard.events[1:]] == granted
    assert [content["is_full"] for _, content in heard.events[1:]] == [False, True]


def test_two_payments_back_cover_one_granted_refund_with_the_second(shop: FakeSaleor) -> None:
    order_id, (one, _) = sold(shop, 100, 50)
    granted = shop.grant(order_id, 100, (one, 1))
    first = shop.move(order_id, "REFUND_SUCCESS", 60)
    heard = hear(shop, shop.deliver(order_id))
    assert (heard.events[-1][1]["refund_id"], lines(heard)) == (first, [])
    shop.move(order_id, "REFUND_SUCCESS", 40)
    assert heard.hear(shop.deliver(order_id)).events[-1][1]["refund_id"] == granted
    assert heard.events == hear(shop, shop.deliver(order_id)).events


def test_the_refund_of_exactly_that_amount_is_the_one_that_is_covered(shop: FakeSaleor) -> None:
    order_id, (one, two) = sold(shop, 100, 50)
    older = shop.grant(order_id, 30, (one, 1))
    granted = shop.grant(order_id, 50, (two, 1))
    shop.move(order_id, "REFUND_SUCCESS", 50)
    heard = hear(shop, shop.deliver(order_id))
    assert [content["refund_id"] for _, content in heard.events[1:]] == [granted]
    shop.move(order_id, "REFUND_SUCCESS", 40)
    assert heard.hear(shop.deliver(order_id)).events[-1][1]["refund_id"] == older


def test_money_that_bounced_covers_no_refund_that_is_granted_later(shop: FakeSaleor) -> None:
    order_id, (one, _) = sold(shop, 100, 50)
    shop.move(order_id, "REFUND_SUCCESS", 50)
    shop.move(order_id, "REFUND_REVERSE", 50)
    granted = shop.grant(order_id, 50, (one, 1))
    heard = hear(shop, shop.deliver(order_id))
    assert granted not in [content.get("refund_id") for _, content in heard.events]
    shop.move(order_id, "REFUND_SUCCESS", 50)
    assert heard.hear(shop.deliver(order_id)).events[-1][1]["refund_id"] == granted


def test_moves_count_in_the_order_of_their_times_whatever_their_ids(shop: FakeSaleor) -> None:
    """Ids are numbers in base64: as texts, the hundredth comes before the ninth."""
    order_id = shop.place(shop.line(100))
    for number, (kind, amount) in enumerate([("CHARGE_SUCCESS", 60), ("REFUND_SUCCESS", 60), ("CHARGE_SUCCESS", 100)]):
        shop.move(order_id, kind, amount)
        shop.orders[order_id]["transactions"][0]["events"][0]["id"] = f"id-{9 - number}"
    charged = shop.orders[order_id]["transactions"][0]["events"][0]["createdAt"]
    ((_, order),) = hear(shop, shop.deliver(order_id)).events
    assert order["paid_at"].startswith(charged[:19])


def test_a_refund_granted_in_the_same_moment_as_its_money_moves_is_covered_by_it(shop: FakeSaleor) -> None:
    order_id, (one, _) = sold(shop, 100, 50)
    granted = shop.grant(order_id, 100, (one, 1))
    shop.move(order_id, "REFUND_SUCCESS", 100)
    (grant,) = shop.orders[order_id]["grantedRefunds"]
    grant["createdAt"] = shop.orders[order_id]["transactions"][0]["events"][0]["createdAt"]
    assert [content["refund_id"] for _, content in hear(shop, shop.deliver(order_id)).events[1:]] == [granted]


@pytest.mark.parametrize("kind", ["REFUND_SUCCESS", "CHARGE_BACK"])
def test_no_money_is_no_refund(shop: FakeSaleor, kind: str) -> None:
    order_id, _ = sold(shop, 100)
    shop.move(order_id, kind, 0)
    assert kinds(hear(shop, shop.deliver(order_id))) == ["paid"]


def test_a_refund_granted_after_its_money_names_the_lines_later_and_says_the_same_in_any_snapshot(
    shop: FakeSaleor,
) -> None:
    order_id, (one, _) = sold(shop, 100, 50)
    moved = shop.move(order_id, "REFUND_SUCCESS", 100)
    before = shop.deliver(order_id)
    granted = shop.grant(order_id, 100, (one, 1))
    shop._touch(order_id)
    after = shop.deliver(order_id)
    heard = hear(shop, before, after)
    assert [content["refund_id"] for _, content in heard.events[1:]] == [moved, granted]
    assert heard.events == hear(shop, after).events


def test_an_amount_alone_gives_back_no_seat(shop: FakeSaleor) -> None:
    order_id, _ = sold(shop, 100, 50)
    moved = shop.move(order_id, "REFUND_SUCCESS", 30)
    heard = hear(shop, shop.deliver(order_id))
    assert (heard.events[-1][1]["refund_id"], lines(heard), heard.events[-1][1]["is_full"]) == (moved, [], False)


def test_the_amount_that_leaves_nothing_is_a_full_refund(shop: FakeSaleor) -> None:
    order_id, (one, two) = sold(shop, 100, 50)
    shop.move(order_id, "REFUND_SUCCESS", 30)
    shop.move(order_id, "REFUND_SUCCESS", 120)
    heard = hear(shop, shop.deliver(order_id))
    assert [content["is_full"] for _, content in heard.events[1:]] == [False, True]
    assert lines(heard) == [(one["id"], 1, 1), (two["id"], 1, 1)]


def test_a_chargeback_is_told_by_an_update_alone_and_takes_everything(shop: FakeSaleor) -> None:
    order_id, (one, _) = sold(shop, 100, 50)
    shop.grant(order_id, 100, (one, 1))
    shop.move(order_id, "REFUND_SUCCESS", 100)
    heard = hear(shop, shop.deliver(order_id))
    shop.move(order_id, "CHARGE_BACK", 50)
    last = heard.hear(shop.deliver(order_id, "OrderUpdated")).events[-1][1]
    assert (last["refund_kind"], last["is_full"]) == ("chargeback", True)


def test_a_chargeback_of_a_part_takes_no_seat(shop: FakeSaleor) -> None:
    order_id, _ = sold(shop, 100, 50)
    shop.move(order_id, "CHARGE_BACK", 20)
    last = hear(shop, shop.deliver(order_id)).events[-1][1]
    assert (last["refund_kind"], last["is_full"], last["lines"]) == ("chargeback", False, [])


def test_a_charge_that_was_corrected_downwards_is_a_notice(shop: FakeSaleor) -> None:
    order_id, _ = sold(shop, 100)
    shop.move(order_id, "CHARGE_SUCCESS", -100)
    heard = hear(shop, shop.deliver(order_id))
    assert (kinds(heard), heard.codes) == (["paid"], ["charge_corrected"])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_ids_and_times_are_the_same_whichever_snapshot_shows_them(data: st.DataObject) -> None:
    """Whatever happens in whatever order: each snapshot tells a beginning of what the last one tells."""
    shop = FakeSaleor()
    order_id, made = sold(shop, 100, 50, 30)
    said = [shop.deliver(order_id)]
    for _ in range(data.draw(st.integers(1, 6))):
        act = data.draw(st.sampled_from(["grant", "refund", "chargeback", "charge", "reverse"]))
        amount = data.draw(st.sampled_from([20, 30, 50, 80, 100]))
        if act == "grant":
            shop.grant(order_id, amount, (data.draw(st.sampled_from(made)), 1))
        else:
            kind = {"refund": "REFUND_SUCCESS", "chargeback": "CHARGE_BACK", "charge": "CHARGE_SUCCESS"}
            shop.move(order_id, kind.get(act, "REFUND_REVERSE"), amount)
        if data.draw(st.booleans()) and data.draw(st.booleans()):
            shop.add_line(order_id, shop.line(20, course=OTHER))
        said.append(shop.deliver(order_id))
    subset = data.draw(st.lists(st.sampled_from(said), max_size=6))
    heard, last = hear(shop, *subset, said[-1]), hear(shop, said[-1])
    facts = [
        sorted(
            (content.get("refund_id", ""), content.get("refunded_at") or content["paid_at"], content.get("is_full", 0),
             sorted(line["line_id"] for line in content["lines"] if "refund_id" not in content))
            for _, content in of.events
        ) for of in (heard, last)
    ]  # fmt: skip
    assert facts[0] == facts[1]


# --------------------------------------------------------------------------------------------- the older payment flow


def test_older_flow_paid_and_refunded_by_product(shop: FakeSaleor) -> None:
    one, two = shop.line(100), shop.line(50, course=OTHER)
    order_id = shop.place(one, two)
    shop.pay(order_id)
    heard = hear(shop, shop.deliver(order_id))
    first = shop.refund_products(order_id, 100, (one, 1))
    heard.hear(shop.deliver(order_id))
    second = shop.refund_products(order_id, 50, (two, 1))
    heard.hear(shop.deliver(order_id))
    assert [content.get("refund_id") for _, content in heard.events] == [None, first, second]
    assert [content["is_full"] for _, content in heard.events[1:]] == [False, True]
    assert heard.events == hear(shop, shop.deliver(order_id)).events


def test_older_flow_marked_as_paid_is_external_money(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.pay(order_id, "EXTERNAL")
    assert kinds(hear(shop, shop.deliver(order_id))) == ["paid"]


def test_older_flow_what_failed_or_was_only_authorized_is_no_money(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.pay(order_id, "AUTH")
    shop.pay(order_id)
    shop.orders[order_id]["payments"][0]["transactions"][-1]["isSuccess"] = False
    assert hear(shop, shop.deliver(order_id)).events == []


def test_older_flow_an_amount_alone(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.pay(order_id)
    shop.pay(order_id, "REFUND", 30)
    heard = hear(shop, shop.deliver(order_id))
    assert (kinds(heard), lines(heard)) == (["paid", "refunded"], [])


def test_older_flow_a_refund_made_by_hand_does_not_hide_another_amount(shop: FakeSaleor) -> None:
    """A fulfillment may be marked as refunded where no payment was asked to give anything back."""
    line = shop.line(50, 2)
    order_id = shop.place(line)
    shop.pay(order_id)
    shop.pay(order_id, "REFUND", 80)
    by_hand = shop.fulfillment(order_id, "REFUNDED", [(line, 1)], {"amount": 50.0})
    heard = hear(shop, shop.deliver(order_id))
    assert [(len(content["lines"]), content["refund_id"] == by_hand) for _, content in heard.events[1:]] == [
        (0, False), (1, True),
    ]  # fmt: skip


def test_older_flow_seats_that_are_handed_back_later_belong_to_the_same_refund(shop: FakeSaleor) -> None:
    line = shop.line(50, 2)
    order_id = shop.place(line)
    shop.pay(order_id)
    refund = shop.refund_products(order_id, 50, (line, 1))
    heard = hear(shop, shop.deliver(order_id))
    shop.orders[order_id]["fulfillments"][0]["lines"] = []
    shop.fulfillment(order_id, "REFUNDED_AND_RETURNED", [(line, 1)])
    heard.hear(shop.deliver(order_id))
    assert [content["refund_id"] for _, content in heard.events[1:]] == [refund]
    assert heard.events == hear(shop, shop.deliver(order_id)).events


@pytest.mark.parametrize("status", ["FULFILLED", "RETURNED", "REPLACED", "CANCELED", "WAITING_FOR_APPROVAL"])
def test_older_flow_other_fulfillments_give_nothing_back(shop: FakeSaleor, status: str) -> None:
    line = shop.line(100)
    order_id = shop.place(line)
    shop.pay(order_id)
    shop.fulfillment(order_id, status, [(line, 1)])
    assert kinds(hear(shop, shop.deliver(order_id))) == ["paid"]


def test_older_flow_without_the_times_that_an_older_query_did_not_ask_for(shop: FakeSaleor) -> None:
    line = shop.line(100)
    order_id = shop.place(line)
    shop.pay(order_id)
    shop.refund_products(order_id, 100, (line, 1))
    body = json.loads(shop.deliver(order_id)[1])
    del body["order"]["fulfillments"][0]["created"], body["order"]["events"]
    for part in body["order"]["payments"][0]["transactions"]:
        del part["created"], part["amount"]
    heard = hear(shop, shop.signed(json.dumps(body).encode()))
    assert (kinds(heard), lines(heard)) == (["paid", "refunded"], [(line["id"], 1, 1)])


# ------------------------------------------------------------------------------------------------------ cancelled


def test_a_paid_order_that_is_cancelled_with_the_money_kept_is_a_notice(shop: FakeSaleor) -> None:
    order_id, _ = sold(shop, 100)
    shop.cancel(order_id)
    heard = hear(shop, shop.deliver(order_id, "OrderCancelled"))
    assert (kinds(heard), heard.codes) == (["paid"], ["cancelled_with_money"])


def test_or_it_is_a_cancellation_where_the_source_says_so(shop: FakeSaleor) -> None:
    order_id, _ = sold(shop, 100)
    shop.cancel(order_id)
    at = shop.orders[order_id]["events"][-1]["date"]
    early = shop.deliver(order_id, "OrderCancelled")
    shop._touch(order_id)
    heard = hear(shop, early, shop.deliver(order_id), cancelled_with_money="cancellation")
    last = heard.events[-1][1]
    assert (last["refund_kind"], last["is_full"], last["refund_id"]) == ("cancellation", True, "cancelled")
    assert last["refunded_at"].startswith(at[:19])
    assert (kinds(heard), heard.codes) == (["paid", "refunded"], [])


@pytest.mark.parametrize("option", ["notice", "cancellation"])
def test_a_cancelled_order_whose_money_went_back_is_a_refund_and_no_more(shop: FakeSaleor, option: str) -> None:
    order_id, _ = sold(shop, 100)
    shop.move(order_id, "REFUND_SUCCESS", 100)
    shop.cancel(order_id)
    heard = hear(shop, shop.deliver(order_id), cancelled_with_money=option)
    assert (kinds(heard), heard.events[-1][1]["refund_kind"], heard.codes) == (["paid", "refunded"], "refund", [])


def test_a_cancelled_order_that_was_never_paid_says_nothing(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100))
    shop.cancel(order_id)
    heard = hear(shop, shop.deliver(order_id))
    assert (heard.events, heard.notices) == ([], [])


# ---------------------------------------------------------------------------------------------------- the learner


def bought_by(shop: FakeSaleor, **options: Any) -> dict[str, Any]:
    order_id = shop.place(shop.line(100))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    learner: dict[str, Any] = hear(shop, shop.deliver(order_id), **options).events[0][1]["learner"]
    return learner


def test_an_anonymous_checkout_that_types_a_known_address_proves_nothing(shop: FakeSaleor) -> None:
    shop.customer(confirmed=True, lms_user_id="4711", username="learner")
    assert bought_by(shop) == {
        "lms_user_id": None, "username": None, "email": "learner@example.com", "email_verified": False,
        "store_customer_id": shop.users["learner@example.com"]["id"],
    }  # fmt: skip


def test_ids_of_metadata_count_where_nobody_checks_out_without_a_login(shop: FakeSaleor) -> None:
    shop.customer(lms_user_id="4711", username="learner")
    learner = bought_by(shop, owns_lms_user_id=True)
    assert (learner["lms_user_id"], learner["username"], learner["email"]) == (4711, "learner", None)


@pytest.mark.parametrize("value", ["", "no number", "-1", "0", "1e3", "٤٧", "9" * 5000])
def test_an_id_of_metadata_that_is_no_number_is_left_out(shop: FakeSaleor, value: str) -> None:
    shop.customer(lms_user_id=value)
    learner = bought_by(shop, owns_lms_user_id=True)
    assert (learner["lms_user_id"], learner["email"]) == (None, "learner@example.com")


@pytest.mark.parametrize("confirmed", [True, False])
def test_an_address_is_verified_where_the_shop_confirms_it_and_demands_a_login(
    shop: FakeSaleor, confirmed: bool
) -> None:
    shop.customer(confirmed=confirmed)
    assert bought_by(shop, emails_verified=True)["email_verified"] is confirmed


def test_the_orders_own_address_counts_before_the_accounts_and_is_not_verified_by_it(shop: FakeSaleor) -> None:
    user = shop.customer("other@example.com", confirmed=True)
    order_id = shop.place(shop.line(0), user=user)
    learner = hear(shop, shop.deliver(order_id), emails_verified=True).events[0][1]["learner"]
    assert (learner["email"], learner["email_verified"]) == ("learner@example.com", False)
    order_id = shop.place(shop.line(0), email="", user=user)
    learner = hear(shop, shop.deliver(order_id), emails_verified=True).events[0][1]["learner"]
    assert (learner["email"], learner["email_verified"]) == ("other@example.com", True)


def test_a_guest_is_known_by_the_address(shop: FakeSaleor) -> None:
    learner = bought_by(shop, owns_lms_user_id=True, emails_verified=True)
    assert (learner["email"], learner["email_verified"], learner["store_customer_id"]) == (
        "learner@example.com", False, None,
    )  # fmt: skip


def test_a_user_that_was_nulled_because_the_app_may_not_read_it_leaves_the_address(shop: FakeSaleor) -> None:
    shop.customer(lms_user_id="4711")
    order_id = shop.place(shop.line(100))
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    shop.orders[order_id]["user"] = None
    assert hear(shop, shop.deliver(order_id)).events[0][1]["learner"]["email"] == "learner@example.com"


def test_an_order_without_any_address_waits_for_a_person(shop: FakeSaleor) -> None:
    order_id = shop.place(shop.line(100), email="")
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    heard = hear(shop, shop.deliver(order_id))
    assert (heard.events, heard.codes) == ([], ["learner_missing"])


@pytest.mark.parametrize(("value", "opts_in"), [("true", True), ("True", True), ("false", False), ("", False)])
def test_news_by_mail_is_the_orders_metadata(shop: FakeSaleor, value: str, opts_in: bool) -> None:
    order_id = shop.place(shop.line(0), metadata=[{"key": "email_opt_in", "value": value}])
    assert hear(shop, shop.deliver(order_id)).events[0][1]["email_opt_in"] is opts_in


# ------------------------------------------------------------------------------------------------ course and mode


def item(shop: FakeSaleor, line: dict[str, Any], **options: Any) -> dict[str, Any]:
    order_id = shop.place(line)
    shop.move(order_id, "CHARGE_SUCCESS", 100)
    found: dict[str, Any] = hear(shop, shop.deliver(order_id), **options).events[0][1]["lines"][0]
    return found


def test_course_and_mode_are_the_variants_metadata(shop: FakeSaleor) -> None:
    found = item(shop, shop.line(100))
    assert (found["course_key"], found["mode"], found["sku"]) == (COURSE, "verified", "SKU-1")


def test_what_all_variants_share_may_stand_on_the_product(shop: FakeSaleor) -> None:
    found = item(shop, shop.line(100, course=None, **{"openedx.course_key": OTHER, "openedx.mode": "audit"}))
    assert (found["course_key"], found["mode"]) == (OTHER, "verified")


def test_else_the_sku_says_what_it_is(shop: FakeSaleor) -> None:
    found = item(shop, shop.line(100, course=None, mode=None))
    assert (found["course_key"], found["mode"], found["sku"]) == (None, None, "SKU-1")


def test_a_donation_or_a_book_says_its_kind_and_the_prefix_is_the_sites(shop: FakeSaleor) -> None:
    found = item(shop, shop.line(100, course=None, mode=None, **{"campus/product_kind": "other"}), prefix="campus/")
    assert found["product_kind"] == "other"


def test_metadata_of_the_line_is_the_buyers_and_counts_for_nothing(shop: FakeSaleor) -> None:
    line = shop.line(100)
    line["metadata"] = [{"key": "openedx.course_key", "value": OTHER}]
    assert item(shop, line)["course_key"] == COURSE


def test_a_variant_that_was_deleted_is_remembered_from_the_paid_event(shop: FakeSaleor) -> None:
    order_id, (line,) = sold(shop, 100)
    heard = hear(shop, shop.deliver(order_id))
    shop.orders[order_id]["lines"][0]["variant"] = None
    shop.grant(order_id, 100, (line, 1))
    shop.move(order_id, "REFUND_SUCCESS", 100)
    heard.hear(shop.deliver(order_id))
    assert heard.events[-1][1]["lines"][0]["course_key"] == COURSE
    assert heard.notices == []


def test_a_variant_that_was_deleted_before_anything_was_heard_leaves_the_sku(shop: FakeSaleor) -> None:
    line = shop.line(100)
    line["variant"] = None
    assert item(shop, line)["sku"] == "SKU-1"


@pytest.mark.parametrize(("channels", "is_test"), [([], False), (["default-channel"], True), (["other"], False)])
def test_orders_of_a_test_channel_are_tests(shop: FakeSaleor, channels: list[str], is_test: bool) -> None:
    order_id, _ = sold(shop, 100)
    assert hear(shop, shop.deliver(order_id), test_channels=channels).events[0][1]["is_test"] is is_test


# -------------------------------------------------------------------------------------------- bodies and questions


def test_the_default_payload_cannot_be_used_and_says_what_is_missing(shop: FakeSaleor) -> None:
    default = [{"type": "Order", "id": "T3JkZXI6MQ==", "user_email": "learner@example.com"}]
    with pytest.raises(BodyError, match="object"):
        hear(shop, shop.signed(json.dumps(default).encode()))


@pytest.mark.parametrize("body", [
    {"__typename": "OrderUpdated", "order": None}, {"__typename": "OrderPaid"}, {"order": []}, {"order": {}}, [], 1,
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


# ---------------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize("options", [
    {"tokn": "x"}, {"token": 1}, {"cancelled_with_money": "keep"}, {"url": "http://shop.example.com"},
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

