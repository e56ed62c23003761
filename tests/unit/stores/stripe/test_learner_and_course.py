"""Stripe Checkout: who learns what; what is not about an order; options."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.stores.adapter import Ask, BodyError, Nothing
from commerce_events.stores.stripe.adapter import EVENTS, Stripe
from tests.unit.stores.fake_stripe import API_KEY, COURSE, OTHER, SECRET, FakeStripe
from tests.unit.stores.listening import Listener
from tests.unit.stores.serving import served
from tests.unit.stores.stripe.hearing import Listen, paid


def line_of(heard: Listener) -> dict[str, Any]:
    found: dict[str, Any] = heard.events[0][1]["lines"][0]
    return found


def test_the_price_says_what_it_is_before_its_product(listen: Listen, account: FakeStripe) -> None:
    line = account.line(of_price={"mode": "professional"})
    found = line_of(listen().hear(account.complete(account.session(line))))
    assert (found["course_key"], found["mode"]) == (COURSE, "professional")


@pytest.mark.parametrize("alone", [True, False])
def test_metadata_of_the_session_counts_where_there_is_one_line(
    listen: Listen, account: FakeStripe, alone: bool
) -> None:
    lines = [account.line(course=None), account.line(course=OTHER)][: 1 if alone else 2]
    session = account.session(*lines)
    session["metadata"] = {"course_key": COURSE, "mode": "audit"}
    found = line_of(listen().hear(account.complete(session)))
    assert (found["course_key"], found["mode"]) == ((COURSE, "audit") if alone else (None, None))


def test_else_the_lookup_key_of_the_price_is_the_sku(listen: Listen, account: FakeStripe) -> None:
    session = account.session(account.line(course=None, lookup_key="SKU-9"))
    assert line_of(listen().hear(account.complete(session)))["sku"] == "SKU-9"


def test_a_line_without_a_quantity_is_one(listen: Listen, account: FakeStripe) -> None:
    assert line_of(listen().hear(account.complete(account.session(account.line(quantity=None)))))["quantity"] == 1


def test_a_site_may_have_a_prefix(listen: Listen, account: FakeStripe) -> None:
    line = account.line(course=None, of_price={"openedx_course_key": OTHER, "course_key": COURSE})
    found = line_of(listen(prefix="openedx_").hear(account.complete(account.session(line))))
    assert found["course_key"] == OTHER


def learner_of(heard: Listener) -> dict[str, Any]:
    found: dict[str, Any] = heard.events[0][1]["learner"]
    return found


def claimed(account: FakeStripe) -> dict[str, Any]:
    session = account.session(account.line())
    session |= {"client_reference_id": "4711", "metadata": {"lms_user_id": "4712", "username": "learner"}}
    session["customer"] = "cus_1"
    return session


def test_ids_that_anybody_can_write_are_not_used(listen: Listen, account: FakeStripe) -> None:
    """A payment link takes ``client_reference_id`` from its address."""
    assert learner_of(listen().hear(account.complete(claimed(account)))) == {
        "lms_user_id": None, "username": None, "email": "learner@example.com", "email_verified": False,
        "store_customer_id": "cus_1",
    }  # fmt: skip


@pytest.mark.parametrize(("options", "lms_user_id", "username"), [
    ({"client_reference_id": "lms_user_id"}, 4711, None), ({"client_reference_id": "username"}, None, "4711"),
    ({"owns_lms_user_id": True}, 4712, "learner"),
    ({"owns_lms_user_id": True, "client_reference_id": "lms_user_id"}, 4711, "learner"),
])  # fmt: skip
def test_they_are_where_the_sites_own_page_makes_every_session(
    listen: Listen, account: FakeStripe, options: dict[str, Any], lms_user_id: int | None, username: str | None
) -> None:
    learner = learner_of(listen(**options).hear(account.complete(claimed(account))))
    assert (learner["lms_user_id"], learner["username"]) == (lms_user_id, username)


def test_a_session_without_an_address_waits_for_a_person(listen: Listen, account: FakeStripe) -> None:
    heard = listen().hear(account.complete(account.session(account.line()), email=None))
    assert (heard.events, heard.codes) == ([], ["learner_missing"])


def test_consent_to_promotions_is_news_by_mail(listen: Listen, account: FakeStripe) -> None:
    session = account.session(account.line())
    session["consent"] = {"promotions": "opt_in", "terms_of_service": None}
    assert listen().hear(account.complete(session)).events[0][1]["email_opt_in"] is True


@pytest.mark.parametrize("livemode", [True, False])
def test_what_is_not_live_is_a_test(livemode: bool) -> None:
    account = FakeStripe(livemode)
    with served(account) as url:
        heard = Listener(Stripe("shop", {"api_key": API_KEY, "api_url": url}), [SECRET])
        assert heard.hear(account.complete(account.session(account.line()))).events[0][1]["is_test"] is not livemode


def test_the_events_id_is_the_deliverys(account: FakeStripe) -> None:
    said = account.complete(account.session(account.line()))
    assert Stripe("shop", {"api_key": API_KEY}).delivery(*said) == account.events[-1]["id"]


def test_other_events_are_nothing(account: FakeStripe) -> None:
    here = Stripe("shop", {"api_key": API_KEY})
    for kind in ("payment_intent.created", "customer.created", "checkout.session.expired", "invoice.paid"):
        (reading,) = here.read(*account._told(kind, {"object": "charge", "payment_intent": "pi_1"}))
        assert isinstance(reading, Nothing)


@pytest.mark.parametrize("body", [
    b"", b"[]", b"x", b'{"type": 1.5}', b'{"type": "refund.created", "data": 1}', b'{"id": "evt_1"}',
    b'{"id": "evt_1", "type": "charge.refunded"}',
    b'{"type": "charge.refunded", "data": {"object": {"object": "charge", "id": "../../v1/accounts"}}}',
    b'{"type": "refund.created", "data": {"object": {"object": "refund", "payment_intent": "pi_1?limit=1"}}}',
])
def test_a_body_of_another_shape_is_set_aside(body: bytes) -> None:
    with pytest.raises(BodyError):
        Stripe("shop", {"api_key": API_KEY}).read({}, body)


@pytest.mark.parametrize("created", [0, -1, 10**12, 10**30, "1777636800x", None])
def test_an_answer_whose_time_is_none_is_set_aside(listen: Listen, account: FakeStripe, created: Any) -> None:
    said = account.refund(paid(account), 10000)[0]
    next(made for made in account.objects.values() if made["object"] == "refund")["created"] = created
    with pytest.raises(BodyError):
        listen().hear(said)


@pytest.mark.parametrize("kind", ["session", "charge"])
def test_an_id_that_is_none_goes_into_no_address(listen: Listen, account: FakeStripe, kind: str) -> None:
    with pytest.raises(BodyError):
        listen().adapter.fetch(Ask("../refunds?limit=1", kind))
    assert account.asked == []


def test_the_endpoint_listens_to_no_more_than_a_sweep_may_ask_for() -> None:
    assert len(EVENTS) <= 20


def test_stripe_away_is_asked_later_and_a_wrong_key_needs_an_operator(listen: Listen, account: FakeStripe) -> None:
    said = account.complete(account.session(account.line()))
    with pytest.raises(OperatorError):
        listen(api_key="wrong").hear(said)
    account.is_away = True
    with pytest.raises(TransientError):
        listen().hear(said)


@pytest.mark.parametrize("options", [{"key": ""}, {"api_key": ""}, {"client_reference_id": "email"}, {"api_url": "http://example.com"}])
def test_a_wrong_option_is_refused_when_the_source_is_made(options: dict[str, Any]) -> None:
    with pytest.raises(OperatorError):
        Stripe("shop", {"api_key": API_KEY, **options})
