"""Saleor: money that went back, and what was decided about it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.stores.fake_saleor import OTHER, FakeSaleor
from tests.unit.stores.saleor.hearing import hear, kinds, lines, sold


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
