"""Stripe Checkout: every fact that is known of it, and every decision, by name."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.stores.adapter import Ask, BodyError, Nothing, SignatureError
from commerce_events.stores.stripe.adapter import EVENTS, Stripe
from tests.unit.stores.fake_stripe import API_KEY, COURSE, OTHER, SECRET, START, FakeStripe, header
from tests.unit.stores.listening import NOW, Listener, Request
from tests.unit.stores.serving import served

SINCE = datetime.fromtimestamp(START, UTC)
Listen = Callable[..., Listener]


@pytest.fixture
def account() -> FakeStripe:
    return FakeStripe()


@pytest.fixture
def listen(account: FakeStripe) -> Iterator[Listen]:
    with served(account) as url:
        yield lambda **options: Listener(
            Stripe("shop", {"api_key": API_KEY, "api_url": url, **options}), [SECRET]
        )


def kinds(heard: Listener) -> list[str]:
    return [event_type.split(".")[-2] for event_type, _ in heard.events]


# --------------------------------------------------------------------------------------------- the story in every way


def story(account: FakeStripe) -> list[list[Request]]:
    """Paid, partly refunded, fully refunded; what is sent at each step."""
    one, two = account.line(), account.line(5000, 2, OTHER, "professional")
    session = account.session(one, two)
    return [
        [account.complete(session)], account.refund(session, 10000, lines=COURSE),
        account.refund(session, 5000, lines=f"{two['id']}=1"), account.refund(session, 5000, lines=f"{OTHER}=1"),
    ]  # fmt: skip


@pytest.fixture
def expected() -> list[tuple[str, dict[str, Any]]]:
    account = FakeStripe()
    with served(account) as url:
        heard = Listener(Stripe("shop", {"api_key": API_KEY, "api_url": url}), [SECRET])
        return heard.hear(*(said for step in story(account) for said in step)).events


def test_the_story_is_a_sale_and_refunds_the_last_of_which_is_full(listen: Listen, account: FakeStripe) -> None:
    heard = listen()
    for step in story(account):
        heard.hear(*step)
    assert kinds(heard) == ["paid", "refunded", "refunded", "refunded"]
    assert [content["is_full"] for _, content in heard.events[1:]] == [False, False, True]
    assert [line["refunded_total"] for _, content in heard.events[1:] for line in content["lines"]] == [1, 1, 2]
    assert heard.notices == []


def test_heard_late_it_is_one_snapshot_and_the_same_events(
    listen: Listen, account: FakeStripe, expected: list[Any]
) -> None:
    """Whatever comes first, a refund even, asks for all there is."""
    said = [request for step in story(account) for request in step]
    for first in (said[0], said[1], said[2], said[-1]):
        assert listen().hear(first).events == expected


def test_in_any_order_and_twice_the_same_events(listen: Listen, account: FakeStripe, expected: list[Any]) -> None:
    said = [request for step in story(account) for request in step]
    for seed in range(5):
        order = said * 2
        random.Random(seed).shuffle(order)
        assert listen().hear(*order).events == expected


def test_step_by_step_in_any_order_of_each_step_the_same_events(
    listen: Listen, account: FakeStripe, expected: list[Any]
) -> None:
    heard = listen()
    one, two = account.line(), account.line(5000, 2, OTHER, "professional")
    session = account.session(one, two)
    heard.hear(account.complete(session))
    for amount, lines in ((10000, COURSE), (5000, f"{two['id']}=1"), (5000, f"{OTHER}=1")):
        heard.hear(*reversed(account.refund(session, amount, lines=lines)))
    assert heard.events == expected


def test_the_sweep_alone_gives_the_same_events(listen: Listen, account: FakeStripe, expected: list[Any]) -> None:
    story(account)
    assert listen().sweep(SINCE).events == expected


def test_a_sweep_from_before_stripe_forgets_its_events_asks_for_the_objects(
    listen: Listen, account: FakeStripe, expected: list[Any]
) -> None:
    story(account)
    account.events = []
    heard = listen().sweep(SINCE)
    assert datetime.now(UTC) - SINCE > timedelta(days=29)
    assert (heard.events, "/v1/events" in [path for path, _ in account.asked]) == (expected, False)


def test_the_sweep_of_the_last_days_asks_for_events_and_for_each_order_once(
    listen: Listen, account: FakeStripe
) -> None:
    account.now = int(time.time()) - 3600
    since = datetime.fromtimestamp(account.now, UTC)
    session = account.session(account.line())
    account.complete(session)
    account.refund(session, 3000)
    old = account.session(account.line())
    old["created"] -= 90 * 86400
    account.complete(old)
    heard = listen().sweep(since)
    assert kinds(heard) == ["paid", "refunded", "paid"]
    assert {path for path, _ in account.asked[:1]} == {"/v1/events"}
    assert len([path for path, _ in account.asked if path.endswith(f"{session['id']}/line_items")]) <= 2


def test_the_sweep_reads_every_page(listen: Listen, account: FakeStripe) -> None:
    account.now = int(time.time()) - 7200
    since = datetime.fromtimestamp(account.now, UTC)
    for _ in range(101):
        account.complete(account.session(account.line()))
    asks = list(listen().adapter.changed(since))
    assert len(asks) == 101
    assert asks[0] == Ask(account._all("checkout.session")[0]["id"], "session")


# -------------------------------------------------------------------------------------------------- what "paid" means


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


# ---------------------------------------------------------------------------------------------------------- refunds


def paid(account: FakeStripe, *lines: dict[str, Any]) -> dict[str, Any]:
    session = account.session(*(lines or (account.line(),)))
    account.complete(session)
    return session


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


# --------------------------------------------------------------------------------------------------------- disputes


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


# ------------------------------------------------------------------------------------------------ course and learner


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


# --------------------------------------------------------------------------------------------- deliveries and questions


def test_the_events_id_is_the_deliverys(account: FakeStripe) -> None:
    said = account.complete(account.session(account.line()))
    assert Stripe("shop", {}).delivery(*said) == account.events[-1]["id"]


def test_other_events_are_nothing(account: FakeStripe) -> None:
    for kind in ("payment_intent.created", "customer.created", "checkout.session.expired", "invoice.paid", ""):
        (reading,) = Stripe("shop", {}).read(*account._told(kind, {"object": "charge", "payment_intent": "pi_1"}))
        assert isinstance(reading, Nothing)


@pytest.mark.parametrize("body", [b"", b"[]", b"x", b'{"type": 1.5}', b'{"type": "refund.created", "data": 1}'])
def test_a_body_of_another_shape_is_set_aside(body: bytes) -> None:
    with pytest.raises(BodyError):
        Stripe("shop", {}).read({}, body)


@pytest.mark.parametrize("created", [0, -1, 10**12, 10**30, "1777636800x", None])
def test_an_answer_whose_time_is_none_is_set_aside(listen: Listen, account: FakeStripe, created: Any) -> None:
    said = account.refund(paid(account), 10000)[0]
    next(made for made in account.objects.values() if made["object"] == "refund")["created"] = created
    with pytest.raises(BodyError):
        listen().hear(said)


def test_the_endpoint_listens_to_no_more_than_a_sweep_may_ask_for() -> None:
    assert len(EVENTS) <= 20


def test_stripe_away_is_asked_later_and_a_wrong_key_needs_an_operator(listen: Listen, account: FakeStripe) -> None:
    said = account.complete(account.session(account.line()))
    for options in ({"api_key": "wrong"}, {"api_key": ""}):
        with pytest.raises(OperatorError):
            listen(**options).hear(said)
    account.is_away = True
    with pytest.raises(TransientError):
        listen().hear(said)


@pytest.mark.parametrize("options", [{"key": ""}, {"client_reference_id": "email"}, {"api_url": "http://example.com"}])
def test_a_wrong_option_is_refused_when_the_source_is_made(options: dict[str, Any]) -> None:
    with pytest.raises(OperatorError):
        Stripe("shop", options)


# -------------------------------------------------------------------------------------------------------- signatures

HERE = Stripe("shop", {})
secrets = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=40)


def passes(said: str, raw: bytes, *known: str, now: datetime = NOW) -> bool:
    try:
        HERE.verify({"stripe-signature": said}, raw, known, now)
    except SignatureError:
        return False
    return True


def stripe_passes(said: str, raw: bytes, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(raw, said, secret, None)
    except stripe.SignatureVerificationError:
        return False
    return True


def test_stripes_own_library_takes_what_is_taken_here() -> None:
    account = FakeStripe()
    _, raw = account.complete(account.session(account.line()))
    now = datetime.now(UTC)
    said = header(raw, SECRET, at=now)
    assert stripe.Webhook.construct_event(raw, said, SECRET).id == account.events[-1]["id"]
    assert passes(said, raw, SECRET, now=now)


@given(raw=st.text(max_size=100).map(str.encode), secret=secrets.filter(str.strip))
def test_what_the_library_signs_opens_for_any_bytes(raw: bytes, secret: str) -> None:
    said = stripe.WebhookSignature.generate_signature_header(raw.decode(), secret, int(NOW.timestamp()))
    assert passes(said, raw, secret) and stripe_passes(said, raw, secret)


def test_the_whole_secret_is_the_key() -> None:
    """Where Standard Webhooks take the base64 behind the prefix."""
    assert not passes(header(b"{}", "c2VjcmV0"), b"{}", SECRET)
    assert not passes(header(b"{}", "secret"), b"{}", SECRET)


def test_while_a_secret_is_rolled_there_are_two_signatures_or_two_secrets() -> None:
    assert passes(header(b"{}", "whsec_new", "whsec_old"), b"{}", "whsec_old")
    assert passes(header(b"{}", "whsec_old"), b"{}", "whsec_new", "whsec_old")


@pytest.mark.parametrize(("seconds", "is_taken"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)])
def test_a_signature_counts_five_minutes(seconds: int, is_taken: bool) -> None:
    assert passes(header(b"{}", SECRET, at=NOW - timedelta(seconds=seconds)), b"{}", SECRET) is is_taken


def test_the_time_is_signed_and_stands_there_once() -> None:
    said = header(b"{}", SECRET, at=NOW - timedelta(hours=1))
    late, now = str(int(NOW.timestamp()) - 3600), str(int(NOW.timestamp()))
    assert not passes(said.replace(late, now), b"{}", SECRET)
    assert not passes(f"t={now}," + said, b"{}", SECRET)
    assert not passes(said.replace(f"t={late},", ""), b"{}", SECRET)


def test_v0_and_other_schemes_do_not_count() -> None:
    said = header(b"{}", SECRET)
    assert not passes(said.replace("v0=deprecated", "").replace("v1=", "v0="), b"{}", SECRET)


@given(said=st.one_of(
    st.text(max_size=80), st.builds("t={},v1={}".format, st.integers(), st.text(max_size=64)),
    st.builds(
        lambda parts: ",".join(f"{name}={value}" for name, value in parts),
        st.lists(st.tuples(st.sampled_from(["t", "v1", "v0", ""]), st.one_of(
            st.just(str(int(NOW.timestamp()))), st.text(max_size=20), st.from_regex("[0-9a-f]{64}", fullmatch=True),
        )), max_size=4),
    ),
), raw=st.binary(max_size=60), known=st.lists(st.text(max_size=10), max_size=2))  # fmt: skip
def test_anything_else_is_refused_in_one_way(said: str, raw: bytes, known: list[str]) -> None:
    assert not passes(said, raw, *known)


@given(raw=st.binary(min_size=1, max_size=100), data=st.data())
@settings(deadline=None)
def test_one_flipped_bit_refuses(raw: bytes, data: st.DataObject) -> None:
    said = bytearray(header(raw, SECRET).split(",v0")[0].encode())
    body = bytearray(raw)
    of = data.draw(st.sampled_from([said, body]))
    bit = data.draw(st.integers(0, len(of) * 8 - 1))
    of[bit // 8] ^= 1 << bit % 8
    assert not passes(said.decode("latin-1"), bytes(body), SECRET)


@given(raw=st.binary(max_size=60))
def test_without_a_signature_or_without_a_secret_nobody_enters(raw: bytes) -> None:
    assert not passes(header(raw, ""), raw, "") and not passes(header(raw, SECRET), raw)
    with pytest.raises(SignatureError):
        HERE.verify({}, raw, [SECRET], NOW)
