"""Any store, by our own format and Standard Webhooks: every fact and every decision, by name."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.stores import signed_json
from commerce_events.stores.adapter import Ask, BodyError, Nothing, SignatureError
from commerce_events.stores.signed_json import SignedJson
from commerce_events.stores.snapshot import Snapshot
from tests.unit.stores.listening import NOW, Listener, Request
from tests.unit.stores.serving import Answer, served

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four b").decode()
FORMER = "whsec_" + base64.b64encode(b"the one that counted before").decode()
COURSE = "course-v1:edX+DemoX+2026"
SEAT = {"line_id": "1", "quantity": 1, "course_key": COURSE, "mode": "verified"}
TWO = {"line_id": "2", "quantity": 2, "sku": "SKU-2"}
ORDER: dict[str, Any] = {
    "order_id": "shop:77", "order_number": "A-77", "paid_at": "2026-05-01T12:00:00Z", "is_test": False,
    "email_opt_in": True, "learner": {"email": "learner@example.com", "email_verified": True},
    "items": [SEAT, TWO], "reversals": [],
}  # fmt: skip


def signed(raw: bytes, name: str = "msg_1", secret: str = SECRET, at: datetime = NOW) -> Request:
    """By the reference library. It takes any clock's time for UTC, and ours is."""
    return {
        "webhook-id": name, "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, at.replace(tzinfo=UTC), raw.decode()),
    }, raw  # fmt: skip


def sent(order: Any, name: str = "msg_1") -> Request:
    return signed(json.dumps(order).encode(), name)


def listener(**options: Any) -> Listener:
    return Listener(SignedJson("shop", options), [SECRET, FORMER])


def refund(refund_id: str, minute: int, *lines: tuple[str, int], **more: Any) -> dict[str, Any]:
    said = [{"line_id": line_id, "quantity": quantity} for line_id, quantity in lines]
    return {"refund_id": refund_id, "at": f"2026-05-02T12:{minute:02}:00+02:00", "lines": said, **more}


def steps() -> list[Any]:
    back = [refund("r1", 1, ("1", 1)), refund("r2", 2, ("2", 1)), refund("r3", 3, ("2", 1))]
    return [{**ORDER, "paid_at": None}, *({**ORDER, "reversals": back[:count]} for count in range(4))]


STEPS = [sent(step, f"msg_{at}") for at, step in enumerate(steps())]
EXPECTED = listener().hear(*STEPS).events


# --------------------------------------------------------------------------------------------- the story in every way


def test_the_story_is_a_sale_and_refunds_the_last_of_which_is_full() -> None:
    (_, order), *refunds = EXPECTED
    assert [(line["line_id"], line["course_key"], line["sku"]) for line in order["lines"]] == [
        ("1", COURSE, None), ("2", None, "SKU-2"),
    ]  # fmt: skip
    assert [(content["is_full"], [line["refunded_total"] for line in content["lines"]]) for _, content in refunds] == [
        (False, [1]), (False, [1]), (True, [2]),
    ]  # fmt: skip
    assert refunds[0][1]["refunded_at"] == "2026-05-02T10:01:00.000000+00:00"


def test_one_collapsed_snapshot_gives_the_same_events() -> None:
    assert listener().hear(STEPS[-1]).events == EXPECTED


def test_in_any_order_and_twice_the_same_events() -> None:
    for order in permutations(STEPS):
        heard = listener().hear(*order, *order).events
        assert sorted(map(str, heard)) == sorted(map(str, EXPECTED))


class FakeStore:
    """The two addresses that a store may offer for the sweep."""

    def __init__(self, *orders: Any, page: int = 2) -> None:
        self.orders, self.page, self.is_away, self.asked = list(orders), page, False, list[dict[str, str]]()

    def get(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        self.asked.append(query)
        if self.is_away:
            return 503, {}, {}
        if headers.get("authorization") != "Bearer token":
            return 403, {}, {}
        if path != "/orders":
            found = [order for order in self.orders if path == f"/orders/{order['order_id'].replace(':', '%3A')}"]
            return (200, found[-1], {}) if found else (404, {}, {})
        begin = int(query.get("after", 0))
        end = begin + self.page
        return 200, {"orders": self.orders[begin:end], "next": str(end) if end < len(self.orders) else None}, {}


def test_the_sweep_alone_gives_the_same_events_page_by_page() -> None:
    store = FakeStore(*steps())
    with served(store) as url:
        heard = listener(orders_url=f"{url}/orders", token="token").sweep(datetime(2026, 5, 1, tzinfo=UTC))
    assert heard.events == EXPECTED
    assert [asked.get("after") for asked in store.asked] == [None, "2", "4"]
    assert {asked["changed_since"] for asked in store.asked} == {"2026-05-01T00:00:00+00:00"}


def test_an_order_can_be_asked_for_by_its_id() -> None:
    with served(FakeStore(*steps())) as url:
        heard = listener(orders_url=f"{url}/orders", token="token")
        heard.take([Ask("shop:77")])
        assert heard.events == EXPECTED
        (reading,) = heard.adapter.fetch(Ask("78"))
        assert isinstance(reading, Nothing)


def test_a_refund_that_the_store_deleted_is_a_notice_and_an_old_delivery_is_none() -> None:
    heard = listener().hear(STEPS[3], STEPS[1])
    assert heard.notices == []
    with served(FakeStore(steps()[1])) as url:
        there = SignedJson("shop", {"orders_url": f"{url}/orders", "token": "token"})
        heard.take(there.changed(datetime(2026, 5, 1, tzinfo=UTC)))
    assert [(notice.code, notice.about) for notice in heard.notices] == [("refund_gone", "r1"), ("refund_gone", "r2")]
    assert len(heard.events) == 3


def test_an_order_that_nobody_understands_becomes_a_question_and_holds_up_no_other() -> None:
    with served(FakeStore({**ORDER, "order_id": "1", "paidAt": ""}, ORDER)) as url:
        there = SignedJson("shop", {"orders_url": f"{url}/orders", "token": "token"})
        first, second = there.changed(datetime(2026, 5, 1, tzinfo=UTC))
        assert (first, isinstance(second, Snapshot)) == (Ask("1"), True)


def test_the_sweep_is_optional_and_its_faults_are_known() -> None:
    since = datetime(2026, 5, 1, tzinfo=UTC)
    with pytest.raises(OperatorError, match="cannot be asked"):
        listener().sweep(since)
    store = FakeStore()
    with served(store) as url:
        with pytest.raises(OperatorError, match="refuses"):
            listener(orders_url=f"{url}/orders", token="wrong").sweep(since)
        store.is_away = True
        with pytest.raises(TransientError):
            listener(orders_url=f"{url}/orders").sweep(since)


# ------------------------------------------------------------------------------------------------------- the format


def test_ids_of_the_lms_count_where_the_store_knows_them_by_a_login() -> None:
    known = {"lms_user_id": 4711, "username": "learner", "email": "learner@example.com", "store_customer_id": "c-7"}
    said = sent({**ORDER, "learner": known})
    learner = listener().hear(said).events[0][1]["learner"]
    assert (learner["lms_user_id"], learner["username"], learner["email"]) == (None, None, "learner@example.com")
    learner = listener(owns_lms_user_id=True).hear(said).events[0][1]["learner"]
    assert (learner["lms_user_id"], learner["username"], learner["email"]) == (4711, "learner", None)


def test_everything_that_an_event_can_say_can_be_said() -> None:
    item = {
        "line_id": "9", "quantity": 3, "product_kind": "course_entitlement", "mode": "verified",
        "course_uuid": "0b8a5d0e-1111-4d3c-9a6f-000000000001", "credit_provider": "asu",
        "beneficiary": {"email": "other@example.com"}, "is_paid": True,
    }  # fmt: skip
    back = refund("r1", 1, ("9", 1), kind="void", reason_code="left", access_hint="keep", is_full=False)
    (_, order), (_, given_back) = listener().hear(sent({**ORDER, "items": [item], "reversals": [back]})).events
    (line,) = order["lines"]
    assert {name: line[name] for name in item if name not in ("beneficiary", "is_paid")} == {
        name: item[name] for name in item if name not in ("beneficiary", "is_paid")
    }
    assert line["beneficiary"]["email"] == "other@example.com"
    assert [given_back[name] for name in ("refund_kind", "reason_code", "access_hint")] == ["void", "left", "keep"]
    assert order["email_opt_in"] is True


def test_a_line_without_money_is_a_notice_until_there_is_some() -> None:
    heard = listener().hear(sent({**ORDER, "items": [SEAT, {**TWO, "is_paid": False}]}))
    assert heard.codes == ["line_without_money"]
    heard.hear(sent(ORDER, "msg_2"))
    assert [[line["line_id"] for line in content["lines"]] for _, content in heard.events] == [["1"], ["2"]]


def test_a_refund_may_come_without_its_order() -> None:
    back = {"refund_id": "r1", "at": "2026-05-02T12:00:00Z", "lines": [{"line_id": "1", "quantity": 1, "ordered": 2}]}
    heard = listener().hear(sent({"order_id": "77", "is_partial": True, "reversals": [back]}))
    assert heard.events[0][1]["lines"][0]["ordered_quantity"] == 2


@pytest.mark.parametrize("options", [{}, {"is_test": True}])
def test_a_staging_shop_sells_tests_alone(options: dict[str, Any]) -> None:
    assert listener(**options).hear(sent(ORDER)).events[0][1]["is_test"] is bool(options)


def changed(*path: Any, to: Any) -> dict[str, Any]:
    order = deepcopy({**ORDER, "reversals": [refund("r1", 1, ("1", 1))]})
    holder: Any = order
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = to
    return order


@pytest.mark.parametrize("body", [
    [], 1, "x", {}, changed("paidAt", to="2026-05-01T12:00:00Z"), changed("items", 0, "course", to=COURSE),
    changed("learner", "mail", to="learner@example.com"), changed("notices", to=[]), changed("order_id", to=""),
    changed("paid_at", to="2026-05-01T12:00:00"), changed("paid_at", to="yesterday"), changed("paid_at", to=1.5),
    changed("items", 0, "quantity", to=0), changed("items", 0, "quantity", to="1"), changed("items", to={}),
    changed("items", 0, "quantity", to=1.5), changed("is_test", to="false"), changed("reversals", 0, "at", to=None),
    changed("reversals", 0, "lines", 0, "quantity", to=-1), changed("learner", to="learner@example.com"),
    changed("reversals", 0, "reason", to="x"),
])  # fmt: skip
def test_the_format_is_strict_because_a_misspelt_field_would_never_be_noticed(body: Any) -> None:
    with pytest.raises(BodyError) as error:
        listener().hear(sent(body))
    assert "learner@example.com" not in str(error.value)


def test_what_the_format_does_not_name_is_only_what_other_adapters_say() -> None:
    assert {entry.name for entry in fields(Snapshot)} - signed_json._FIELDS[Snapshot] == signed_json._NOT_SAID


def test_the_webhooks_id_is_the_deliverys_for_ever() -> None:
    heard = listener().hear(sent(ORDER), sent({**ORDER, "order_id": "78"}))
    assert [content["order_id"] for _, content in heard.events] == ["shop:77"]


@pytest.mark.parametrize(("body", "says"), [
    ({**ORDER, "items": [{"line_id": "1", "quantity": 1}]}, "neither course_key nor sku"),
    ({**ORDER, "learner": {"email": "learner.example.com"}}, "learner.email is no address"),
])  # fmt: skip
def test_what_no_lms_could_fulfil_is_set_aside(body: Any, says: str) -> None:
    with pytest.raises(BodyError, match=says):
        listener().hear(sent(body))


def test_an_id_that_is_not_ascii_is_not_called_missing() -> None:
    headers, raw = sent(ORDER)
    with pytest.raises(SignatureError, match="not ASCII"):
        listener().hear(({**headers, "webhook-id": "é"}, raw))


@pytest.mark.parametrize("options", [{"orders": ""}, {"orders_url": "ftp://example.com"}, {"is_test": "yes"}])
def test_a_wrong_option_is_refused_when_the_source_is_made(options: dict[str, Any]) -> None:
    with pytest.raises(OperatorError):
        SignedJson("shop", options)


# -------------------------------------------------------------------------------------------------------- signatures

HERE = SignedJson("shop", {})
Headers = dict[str, str]


def passes(headers: Headers, raw: bytes, *secrets: str, now: datetime = NOW) -> bool:
    try:
        HERE.verify(headers, raw, secrets or (SECRET,), now)
    except SignatureError:
        return False
    return True


def library_passes(headers: Headers, raw: bytes, secret: str = SECRET) -> bool:
    try:
        Webhook(secret).verify(raw, headers, json_parse=False)
    except WebhookVerificationError:
        return False
    return True


def test_the_reference_library_takes_what_is_taken_here_and_refuses_what_is_refused() -> None:
    now = datetime.now(UTC)
    changes: list[Callable[[Headers], Headers]] = [
        lambda said: said, lambda said: {**said, "webhook-id": "msg_2"},
        lambda said: {**said, "webhook-signature": "v1,"},
        lambda said: {**said, "webhook-timestamp": str(int(now.timestamp()) - 1)},
        lambda said: {**said, "webhook-signature": said["webhook-signature"].replace("v1,", "v2,")},
        lambda said: {**said, "webhook-signature": "v1a,AAAA v1,AAAA " + said["webhook-signature"]},
    ]  # fmt: skip
    headers, raw = signed(b'{"order_id": "77"}', at=now)
    answers = [(passes(change(headers), raw, now=now), library_passes(change(headers), raw)) for change in changes]
    assert answers == [(True, True), (False, False), (False, False), (False, False), (False, False), (True, True)]


def test_the_base64_behind_the_prefix_is_the_key_with_or_without_its_padding() -> None:
    headers, raw = sent(ORDER)
    assert passes(headers, raw, SECRET) and passes(headers, raw, SECRET.removeprefix("whsec_"))
    assert passes(headers, raw, SECRET.rstrip("="))
    assert not passes(headers, raw, "whsec_" + base64.b64encode(SECRET.encode()).decode())


def test_while_a_secret_is_rolled_there_are_two_signatures_or_two_secrets() -> None:
    (now, raw), (before, _) = signed(b"{}"), signed(b"{}", secret=FORMER)
    both = {**now, "webhook-signature": f"{before['webhook-signature']} {now['webhook-signature']}"}
    assert passes(both, raw, SECRET) and passes(both, raw, FORMER) and passes(before, raw, SECRET, FORMER)
    assert not passes(before, raw, SECRET)


@pytest.mark.parametrize(("seconds", "is_taken"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)])
def test_a_signature_counts_five_minutes(seconds: int, is_taken: bool) -> None:
    assert passes(*signed(b"{}", at=NOW - timedelta(seconds=seconds))) is is_taken


def test_id_and_time_are_signed_with_the_body() -> None:
    headers, raw = sent(ORDER)
    assert not passes({**headers, "webhook-id": "msg_2"}, raw)
    assert not passes({**headers, "webhook-timestamp": str(int(NOW.timestamp()) + 1)}, raw)


def test_a_secret_that_is_no_base64_needs_an_operator() -> None:
    headers, raw = sent(ORDER)
    with pytest.raises(OperatorError, match="secret"):
        HERE.verify(headers, raw, ["whsec_not base64!"], NOW)


@given(raw=st.text(max_size=200).map(str.encode), name=st.from_regex("[!-~]{1,40}", fullmatch=True))
def test_what_the_library_signs_opens_for_any_bytes(raw: bytes, name: str) -> None:
    assert passes(*signed(raw, name))


words = st.one_of(st.text(max_size=40), st.just(str(int(NOW.timestamp()))), st.binary(max_size=40).map(
    lambda raw: "v1," + base64.b64encode(raw).decode()
))  # fmt: skip


@given(raw=st.binary(max_size=60), said=st.lists(words, min_size=3, max_size=3))
def test_anything_else_is_refused_in_one_way(raw: bytes, said: list[str]) -> None:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    assert not passes(dict(zip(names, said, strict=True)), raw)


@settings(deadline=None)
@given(raw=st.text(min_size=1, max_size=60).map(str.encode), data=st.data())
def test_one_flipped_bit_refuses(raw: bytes, data: st.DataObject) -> None:
    headers, _ = signed(raw)
    name = data.draw(st.sampled_from([*headers, ""]))
    of = bytearray(headers[name].encode() if name else raw)
    bit = data.draw(st.one_of(st.integers(0, len(of) * 8 - 1), st.integers(len(of) * 8 - 24, len(of) * 8 - 1)).filter(
        lambda bit: bit >= 0
    ))  # fmt: skip
    of[bit // 8] ^= 1 << bit % 8
    assert not passes({**headers, name: of.decode("latin-1")}, raw if name else bytes(of))


def test_a_signature_has_one_writing() -> None:
    """The last sign of the base64 of 32 bytes has two bits that a lenient reading passes over."""
    headers, raw = sent(ORDER)
    right = headers["webhook-signature"]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    taken = [letter for letter in letters if passes({**headers, "webhook-signature": f"{right[:-2]}{letter}="}, raw)]
    assert taken == [right[-2]]


def test_without_a_signature_or_without_a_secret_nobody_enters() -> None:
    headers, raw = sent(ORDER)
    for name in headers:
        assert not passes({key: value for key, value in headers.items() if key != name}, raw)
    with pytest.raises(SignatureError):
        HERE.verify(headers, raw, [], NOW)
    empty = {**headers, "webhook-signature": signed(raw)[0]["webhook-signature"]}
    with pytest.raises(SignatureError):
        HERE.verify(empty, raw, ["whsec_", ""], NOW)
