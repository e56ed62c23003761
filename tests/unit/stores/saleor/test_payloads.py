"""Two stories of a real Saleor: whatever deliveries come, in any order, the same events go out."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_events import topics
from commerce_events.stores.adapter import Headers, SignatureError
from commerce_events.stores.difference import Emitted, difference
from commerce_events.stores.saleor.adapter import Saleor
from commerce_events.stores.snapshot import Notice, Snapshot
from commerce_events.validation import validate

FOLDER = Path(__file__).resolve().parents[3] / "payloads" / "saleor"
NOW = datetime(2026, 11, 21, 1, tzinfo=UTC)
JWKS = json.loads((FOLDER / "jwks.json").read_text())
SHOP = Saleor("shop", {"jwks": JWKS})

Request = tuple[Headers, bytes]


def requests_of(story: str) -> dict[str, Request]:
    found = {}
    for path in sorted(FOLDER.glob(f"*-{story}-*.json")):
        captured = json.loads(path.read_text())
        headers = {name.lower(): value for name, value in captured["headers"].items()}
        found[path.stem] = (headers, base64.b64decode(captured["body_base64"]))
    return found


S1, S2 = requests_of("s1"), requests_of("s2")
LINES = {
    line["id"]: line["productSku"]
    for story in (S1, S2)
    for line in json.loads(next(iter(story.values()))[1])["order"]["lines"]
}
D, U = "edX+DemoX+verified", "edX+UniX+2026_T1"


def heard(*requests: Request, shop: Saleor = SHOP) -> tuple[list[tuple[str, Any]], list[Notice]]:
    """What goes out when these are delivered one after the other."""
    emitted, events, notices = Emitted(), [], []
    for headers, raw in requests:
        shop.verify(headers, raw, [], NOW)
        (reading,) = shop.read(headers, raw)
        assert isinstance(reading, Snapshot)
        missing = difference("shop", reading, emitted, NOW)
        emitted = Emitted.of(json.loads(json.dumps(missing.emitted.as_json())))
        notices += missing.notices
        for event_type, body in missing.events:
            validate(event_type, body)
            events.append((event_type, *body.values()))
    return events, notices


def paid(event: tuple[str, Any]) -> list[tuple[str, int]]:
    event_type, order = event
    assert event_type == topics.ORDER_PAID_TYPE
    return [(LINES[line["line_id"]], line["quantity"]) for line in order["lines"]]


def refunded(event: tuple[str, Any]) -> tuple[str, list[tuple[str, int, int]], bool]:
    """Kind, lines as "refunded of ordered", and whether that is all."""
    event_type, refund = event
    assert event_type == topics.ORDER_REFUNDED_TYPE
    lines = [(LINES[line["line_id"]], line["refunded_total"], line["ordered_quantity"]) for line in refund["lines"]]
    return refund["refund_kind"], lines, refund["is_full"]


def test_story_one_is_a_sale_and_three_refunds_the_last_of_which_is_full() -> None:
    events, notices = heard(*S1.values())
    assert paid(events[0]) == [(D, 1), (U, 2)]
    assert [refunded(event) for event in events[1:]] == [
        ("refund", [(D, 1, 1)], False), ("refund", [(U, 1, 2)], False), ("refund", [(U, 2, 2)], True),
    ]  # fmt: skip
    assert notices == []


def test_story_two_is_a_sale_in_two_payments_an_amount_given_back_and_a_chargeback() -> None:
    events, notices = heard(*S2.values())
    assert paid(events[0]) == [(D, 1), (U, 1)]
    assert [refunded(event) for event in events[1:]] == [
        ("refund", [], False), ("chargeback", [(D, 1, 1), (U, 1, 1)], True),
    ]  # fmt: skip
    assert notices == []


@pytest.mark.parametrize(("before", "events"), [
    ("partial", 0), ("rest", 1), ("amountrefund", 2), ("again", 2), ("chargeback", 3),
])  # fmt: skip
def test_each_step_of_story_two_adds_what_it_should_and_paying_again_adds_nothing(before: str, events: int) -> None:
    steps = ["partial", "rest", "amountrefund", "again", "chargeback"]
    until = steps[: steps.index(before) + 1]
    assert len(heard(*(request for name, request in S2.items() if name.split("-")[2] in until))[0]) == events


@pytest.mark.parametrize("story", [S1, S2], ids=["s1", "s2"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_deliveries_in_any_order_and_more_than_once_give_the_same_events(
    story: dict[str, Request], data: st.DataObject
) -> None:
    names = data.draw(st.permutations([*story, *data.draw(st.lists(st.sampled_from(sorted(story)), max_size=8))]))
    events, _ = heard(*(story[name] for name in names))
    expected, _ = heard(*story.values())
    assert sorted(_content(events)) == sorted(_content(expected))


@pytest.mark.parametrize("story", [S1, S2], ids=["s1", "s2"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_last_picture_alone_or_after_any_others_tells_the_whole_story(
    story: dict[str, Request], data: st.DataObject
) -> None:
    *others, last = story
    names = data.draw(st.lists(st.sampled_from(others), max_size=4))
    assert _content(heard(*(story[name] for name in names), story[last])[0]) == _content(heard(story[last])[0])
    assert sorted(_content(heard(story[last])[0])) == sorted(_content(heard(*story.values())[0]))


def _content(events: list[tuple[str, Any]]) -> list[str]:
    return [json.dumps([kind, content], sort_keys=True) for kind, content in events]


def test_paid_at_is_when_the_charges_first_covered_the_total() -> None:
    assert heard(S1["026-s1-refund3-sub-order_updated"])[0][0][1]["paid_at"] == "2026-11-21T00:53:01.599775+00:00"
    assert heard(S2["063-s2-chargeback-sub-order_updated"])[0][0][1]["paid_at"] == "2026-11-21T00:53:30.194724+00:00"


@pytest.mark.parametrize("story", [S1, S2], ids=["s1", "s2"])
def test_every_signature_fits_and_fits_no_other_body(story: dict[str, Request]) -> None:
    for headers, raw in story.values():
        SHOP.verify(headers, raw, [], NOW)
        with pytest.raises(SignatureError):
            SHOP.verify(headers, raw + b" ", [], NOW)


def test_a_fully_paid_event_that_says_it_is_not_paid_is_a_sale() -> None:
    """Rendered at delivery: refunds are in it already."""
    headers, raw = S1["024-s1-refund3-sub-order_refunded"]
    late = {**headers, "saleor-event": "order_fully_paid"}
    assert not json.loads(raw)["order"]["isPaid"]
    assert paid(heard((late, raw))[0][0]) == [(D, 1), (U, 2)]


@pytest.mark.parametrize("name", ["005-s1-markpaid-sub-order_fully_paid", "007-s1-markpaid-sub-order_updated"])
def test_marking_as_paid_sends_fully_paid_and_updated_and_no_paid_and_either_is_the_sale(name: str) -> None:
    sent = {headers["saleor-event"] for of, (headers, _) in S1.items() if "markpaid" in of}
    assert sent == {"order_fully_paid", "order_updated"}
    assert paid(heard(S1[name])[0][0]) == [(D, 1), (U, 2)]


def test_the_chargeback_sent_an_update_alone() -> None:
    assert {headers["saleor-event"] for of, (headers, _) in S2.items() if "chargeback" in of} == {"order_updated"}


def test_the_name_of_the_event_counts_for_nothing() -> None:
    """The body is the inside of ``event``; the header says its name in lower case, and may say what it likes."""
    headers, raw = S1["005-s1-markpaid-sub-order_fully_paid"]
    assert json.loads(raw)["__typename"] == "OrderFullyPaid"
    for name in ("order_cancelled", "", "ORDER_PAID"):
        assert heard(({**headers, "saleor-event": name}, raw)) == heard((headers, raw))
