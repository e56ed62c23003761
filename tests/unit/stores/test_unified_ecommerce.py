"""MIT's unified-ecommerce: every fact that is known of it, and every decision, by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_events.exceptions import OperatorError
from commerce_events.stores.adapter import Ask, BodyError, Nothing, SignatureError
from commerce_events.stores.snapshot import Snapshot
from commerce_events.stores.unified_ecommerce import UnifiedEcommerce
from tests.unit.stores.listening import NOW, Listener, Request
from tests.unit.stores.serving import Answer, served

KEY = "the-shared-key-of-the-system"
COURSE, OTHER = "course-v1:MITx+DemoX+2026", "course-v1:MITx+UniX+2026"


class At(UnifiedEcommerce):
    """Its clock stands still."""

    clock = staticmethod(lambda: datetime(2026, 5, 1, 12, tzinfo=UTC))


def listener(**options: Any) -> Listener:
    return Listener(At("shop", options), [KEY])


def line(line_id: int = 31, sku: str | None = COURSE, system_data: Any = None) -> dict[str, Any]:
    return {
        "id": line_id, "quantity": 1, "item_description": "A course", "unit_price": "100.00", "total_price": "100.00",
        "product": {
            "id": 5, "sku": sku, "name": "A course", "description": "", "system_data": system_data, "system": 1,
            "price": "100.00", "deleted_by_cascade": False, "image_metadata": None, "details_url": "",
        },
    }  # fmt: skip


def request(request_id: int, *lines: int, status: str = "approved-complete", amount: str = "100.00") -> dict[str, Any]:
    return {
        "id": request_id, "created_on": "2026-05-02T10:00:00Z", "updated_on": "2026-05-02T11:00:00Z",
        "processed_date": "2026-05-02T11:00:00Z" if status == "approved-complete" else None, "processed_by": None,
        "total_refunded": "0.00000", "status": status, "zendesk_ticket": "", "refund_reason": "", "requester": 4,
        "lines": [{
            "id": 900 + at, "created_on": "2026-05-02T10:00:00Z", "updated_on": "2026-05-02T11:00:00Z",
            "status": status, "refunded_amount": amount, "refund_request": request_id, "line": at, "transactions": [],
        } for at in lines],
    }  # fmt: skip


def body(*lines: dict[str, Any], state: str = "fulfilled", kind: str = "postsale", **more: Any) -> dict[str, Any]:
    return {
        "system_slug": "mitxonline", "system_key": KEY, "type": kind,
        "user": {
            "id": 4, "global_id": "g-4", "username": "0b8a5d0e-1111-4d3c-9a6f-000000000001",
            "email": "learner@example.com", "first_name": "", "last_name": "", "name": "",
        },
        "data": {
            "reference_number": "mitxonline-production-77", "total_price_paid": "200.00", "state": state,
            "lines": list(lines), "refunds": [], **more,
        },
    }  # fmt: skip


def sent(said: Any) -> Request:
    return {"content-type": "application/json"}, json.dumps(said).encode()


def kinds(heard: Listener) -> list[str]:
    return [event_type.split(".")[-2] for event_type, _ in heard.events]


ONE, TWO = line(31), line(32, OTHER)
STEPS = [
    sent(body(ONE, TWO)), sent(body(ONE, TWO, state="refunded", refunds=[request(1, 31)])),
    sent(body(ONE, TWO, state="refunded", refunds=[request(1, 31), request(2, 32)])),
]  # fmt: skip


def test_a_postsale_is_a_sale_and_each_request_that_was_paid_back_is_a_refund() -> None:
    heard = listener().hear(*STEPS)
    assert kinds(heard) == ["paid", "refunded", "refunded"]
    assert [content["is_full"] for _, content in heard.events[1:]] == [False, True]
    assert [(found["course_key"], found["mode"]) for found in heard.events[0][1]["lines"]] == [
        (COURSE, "verified"), (OTHER, "verified"),
    ]  # fmt: skip
    assert heard.events[1][1]["refunded_at"] == "2026-05-02T11:00:00.000000+00:00"


def test_one_collapsed_snapshot_any_order_and_twice_give_the_same_events() -> None:
    expected = listener().hear(*STEPS).events
    for order in ([2], [0, 2, 1], [2, 1, 0], [0, 0, 1, 1, 2, 2], [1, 0, 2]):
        assert listener().hear(*(STEPS[at] for at in order)).events == expected


def test_a_refund_without_lines_is_about_an_amount() -> None:
    """As releases send it whose postsale of a refunded order says nothing of the request."""
    for lines in ((), (ONE, TWO)):
        heard = listener().hear(STEPS[0], sent(body(*lines, state="refunded")), sent(body(*lines, state="refunded")))
        assert kinds(heard) == ["paid", "refunded"]
        assert (heard.events[1][1]["lines"], heard.events[1][1]["is_full"]) == ([], False)


def test_or_about_the_whole_order_where_the_source_says_so() -> None:
    heard = listener(refunded_is_full=True).hear(STEPS[0], sent(body(state="refunded")))
    assert (heard.events[1][1]["is_full"], len(heard.events[1][1]["lines"])) == (True, 2)
    partly = listener(refunded_is_full=True).hear(STEPS[0], sent(body(state="partially_refunded")))
    assert partly.events[1][1]["is_full"] is False


def test_a_refund_without_lines_may_come_first() -> None:
    heard = listener().hear(sent(body(state="refunded")), STEPS[0])
    assert kinds(heard) == ["refunded", "paid"]


@pytest.mark.parametrize("status", ["pending", "created", "denied", "approved", "failed"])
def test_a_request_that_was_not_paid_back_gives_nothing_back(status: str) -> None:
    heard = listener().hear(sent(body(ONE, refunds=[request(1, 31, status=status)])))
    assert kinds(heard) == ["paid"]


def test_less_than_was_paid_for_a_line_is_an_amount() -> None:
    heard = listener().hear(sent(body(ONE, state="refunded", refunds=[request(1, 31, amount="40.00")])))
    assert heard.events[1][1]["lines"] == []


def test_a_presale_or_a_test_is_nothing() -> None:
    for kind in ("presale", "test"):
        (reading,) = At("shop", {}).read({}, sent({**body(kind=kind), "data": {"action": "add"}})[1])
        assert isinstance(reading, Nothing)


@pytest.mark.parametrize("said", [{}, {"type": "zzz"}, {"type": "postsale"}, {"type": "postsale", "data": {}}])
def test_a_body_that_says_nothing_is_set_aside(said: dict[str, Any]) -> None:
    with pytest.raises(BodyError):
        At("shop", {}).read({}, sent({"system_key": KEY, **said})[1])


@pytest.mark.parametrize("state", ["pending", "canceled", "declined", "errored", "review"])
def test_an_order_that_is_not_fulfilled_is_not_sold(state: str) -> None:
    assert listener().hear(sent(body(ONE, state=state))).events == []


def test_nothing_says_when_so_the_hour_of_hearing_counts() -> None:
    assert listener().hear(STEPS[0]).events[0][1]["paid_at"] == "2026-05-01T12:00:00.000000+00:00"
    before = datetime.now(UTC)
    assert before <= UnifiedEcommerce("shop", {}).clock() <= datetime.now(UTC)


@pytest.mark.parametrize(("sku", "data", "course", "mode"), [
    (COURSE, None, COURSE, "verified"), ("program-v1:MITx+P", None, None, None),
    (COURSE, {"mode": "audit"}, COURSE, "audit"), ("SKU-1", "text", None, None),
    ("SKU-1", {"course_key": OTHER, "mode": "professional"}, OTHER, "professional"),
])  # fmt: skip
def test_the_sku_is_the_readable_id_and_system_data_may_say_more(
    sku: str, data: Any, course: str | None, mode: str | None
) -> None:
    (found,) = listener().hear(sent(body(line(sku=sku, system_data=data)))).events[0][1]["lines"]
    assert (found["sku"], found["course_key"], found["mode"]) == (sku, course, mode)


def test_the_mode_of_a_course_is_the_sites_to_say() -> None:
    assert listener(mode="professional").hear(STEPS[0]).events[0][1]["lines"][0]["mode"] == "professional"


def test_the_user_is_known_by_the_address_because_the_name_is_that_of_another_service() -> None:
    assert listener().hear(STEPS[0]).events[0][1]["learner"] == {
        "lms_user_id": None, "username": None, "email": "learner@example.com", "email_verified": False,
        "store_customer_id": "4",
    }  # fmt: skip


def test_the_service_lists_orders_to_their_own_customer_alone_so_there_is_nobody_to_ask() -> None:
    for call in (lambda: listener().sweep(NOW), lambda: At("shop", {}).fetch(Ask("77"))):
        with pytest.raises(OperatorError, match="own customer"):
            call()


class OwnPage:
    """A page of the site's own: bodies as webhooks have them, without the key, page by page."""

    def __init__(self, *bodies: Any) -> None:
        self.bodies = [{name: value for name, value in said.items() if name != "system_key"} for said in bodies]
        self.asked: list[dict[str, str]] = []

    def get(self, path: str, query: dict[str, str], headers: dict[str, str]) -> Answer:
        self.asked.append(query)
        if (path, headers.get("authorization")) != ("/changed", "Bearer token"):
            return 403, {}, {}
        of = query.get("reference_number")
        found = [said for said in self.bodies if of in (None, said["data"]["reference_number"])]
        begin = int(query.get("offset", 0))
        more = f"https://elsewhere.example.com/?offset={begin + 1}" if begin + 1 < len(found) else None
        return 200, {"results": found[begin : begin + 1], "next": more}, {}


def test_the_sweep_of_such_a_page_alone_gives_the_same_events() -> None:
    page = OwnPage(*(json.loads(raw) for _, raw in STEPS))
    with served(page) as url:
        heard = listener(orders_url=f"{url}/changed", token="token").sweep(NOW)
    assert heard.events == listener().hear(*STEPS).events
    assert [asked.get("offset") for asked in page.asked] == [None, "1", "2"]
    assert page.asked[0] == {"updated_since": NOW.isoformat()}


def test_an_order_that_nobody_understands_becomes_a_question_and_holds_up_no_other() -> None:
    broken = body({**ONE, "quantity": "x"})
    broken["data"]["reference_number"] = "78"
    with served(OwnPage(broken, body(ONE))) as url:
        there = At("shop", {"orders_url": f"{url}/changed", "token": "token"})
        first, second = there.changed(NOW)
        assert (first, isinstance(second, Snapshot)) == (Ask("78"), True)
        with pytest.raises(BodyError):
            there.fetch(Ask("78"))
        (reading,) = there.fetch(Ask("79"))
        assert isinstance(reading, Nothing)


def test_order_and_state_tell_what_is_new_not_an_id() -> None:
    assert At("shop", {}).delivery(*STEPS[0]) is None


@pytest.mark.parametrize("said", [{"data": {"state": "fulfilled", "lines": [1]}}, {"data": []}, {"user": 1}])
def test_a_body_of_another_shape_is_set_aside(said: Any) -> None:
    with pytest.raises(BodyError):
        listener().hear(sent({**body(ONE), **said}))


def test_a_staging_shop_sells_tests_alone() -> None:
    assert listener(is_test=True).hear(STEPS[0]).events[0][1]["is_test"] is True


# ------------------------------------------------------------------------------------------------------------ the key


def passes(raw: bytes, *secrets: str, **options: Any) -> bool:
    try:
        UnifiedEcommerce("shop", options).verify({}, raw, secrets, NOW)
    except SignatureError:
        return False
    return True


def test_the_key_in_the_body_lets_it_in_and_two_count_while_one_follows_the_other() -> None:
    raw = STEPS[0][1]
    assert passes(raw, KEY) and passes(raw, "new", KEY)
    assert not passes(raw, "new") and not passes(raw)


def test_an_empty_key_is_no_key() -> None:
    for key in ("", None, 0):
        assert not passes(json.dumps({**body(ONE), "system_key": key}).encode(), "", KEY)


def test_the_slug_of_another_system_is_refused_with_the_key() -> None:
    assert passes(STEPS[0][1], KEY, system_slug="mitxonline")
    assert not passes(STEPS[0][1], KEY, system_slug="xpro")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["system_key", "system_slug", "type", "data"]), inner, max_size=3), max_leaves=8,
)  # fmt: skip


@given(raw=st.one_of(st.binary(max_size=80), json_values.map(lambda value: json.dumps(value).encode())))
def test_anything_else_is_refused_in_one_way(raw: bytes) -> None:
    assert not passes(raw, KEY)


@given(bit=st.integers(0, len(KEY) * 8 - 1))
def test_one_flipped_bit_of_the_key_refuses(bit: int) -> None:
    key = bytearray(KEY.encode())
    key[bit // 8] ^= 1 << bit % 8
    assert not passes(json.dumps({**body(ONE), "system_key": key.decode("latin-1")}).encode(), KEY)
