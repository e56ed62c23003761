"""What each webhook is answered, and what it leaves behind: a test per status."""

from __future__ import annotations

import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.db import connections
from django.test import Client, RequestFactory

from commerce_events.bus import sources
from commerce_events.gateway import views
from commerce_events.stores.models import Delivery, Notice, OpenAsk, StoreOrder
from tests.unit.gateway.conftest import Deliver
from tests.unit.stores import tiny
from tests.unit.stores.conftest import OTHER_SECRET, SECRET, STORES
from tests.unit.stores.tiny import order_of
from tests.unit.stores.told import kinds, told


def orders(*ids: str) -> dict[str, Any]:
    return {"orders": [order_of(order_id) for order_id in ids]}


def outcome(response: Any) -> tuple[int, str]:
    return response.status_code, json.loads(response.content)["outcome"]


def rows() -> int:
    return sum(model.objects.count() for model in (Delivery, Notice, OpenAsk, StoreOrder))


# ------------------------------------------------------------------------------------------------------------ taken


def test_200_an_order_goes_out_in_the_request(database: Any, deliver: Deliver) -> None:
    assert outcome(deliver(orders("77", "78"))) == (200, "done")
    assert [key for key, _ in told()] == ["shop:77", "shop:78"]


def test_200_a_repeat_changes_nothing_with_an_id_or_without(database: Any, deliver: Deliver) -> None:
    assert outcome(deliver(orders("77"), delivery="d1")) == (200, "done")
    assert outcome(deliver(orders("77"), delivery="d1")) == (200, "repeated")
    assert outcome(deliver(orders("77"))) == (200, "done")
    assert kinds() == ["paid"]


def test_200_an_event_about_nothing_leaves_nothing(database: Any, deliver: Deliver) -> None:
    assert outcome(deliver({"product": 5})) == (200, "done")
    assert rows() == 0


def test_200_a_question_is_remembered_once(database: Any, deliver: Deliver) -> None:
    for _ in range(2):
        assert outcome(deliver({"ask": "77"})) == (200, "done")
    assert [(ask.ask_id, ask.times) for ask in OpenAsk.objects.all()] == [("77", 2)]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [(b"{", "body_invalid"), (b'{"boom": 1}', "adapter_failed"), (b"[\xff", "body_invalid")],
)
def test_200_what_cannot_be_used_is_set_aside_with_its_bytes(
    database: Any, deliver: Deliver, raw: bytes, reason: str
) -> None:
    assert outcome(deliver(raw)) == (200, "set_aside")
    assert outcome(deliver(raw)) == (200, "repeated")
    (kept,) = Delivery.objects.all()
    assert (kept.state, kept.reason, bytes(kept.raw)) == ("set_aside", reason, raw)
    assert "learner@example.com" not in kept.detail


def test_200_what_would_break_the_contract_is_set_aside_whole(database: Any, deliver: Deliver) -> None:
    assert outcome(deliver(orders("77", "x" * 129), delivery="d1")) == (200, "set_aside")
    assert told() == []
    assert [(kept.reason, kept.name) for kept in Delivery.objects.all()] == [("contract_broken", "d1")]


@pytest.mark.parametrize("seats", [10**10, 10**20, 10**400])
def test_200_a_number_beyond_measure_is_set_aside(database: Any, deliver: Deliver, seats: int) -> None:
    body = {"orders": [{**order_of("77"), "quantity": seats}]}
    assert outcome(deliver(body, delivery="d1")) == (200, "set_aside")
    assert told() == []
    assert [(kept.reason, kept.name) for kept in Delivery.objects.all()] == [("contract_broken", "d1")]


def test_200_what_nobody_foresaw_in_an_order_is_set_aside(
    database: Any, deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise KeyError("learner@example.com")

    monkeypatch.setattr("commerce_events.stores.orders.difference", fails)
    assert outcome(deliver(orders("77"), delivery="d1")) == (200, "set_aside")
    (kept,) = Delivery.objects.all()
    assert kept.reason == "adapter_failed"
    assert "KeyError" in kept.detail and "learner@example.com" not in kept.detail


@pytest.mark.parametrize("text", ["\0", "\ud800", "x" * 70_000])
def test_200_a_text_that_this_database_cannot_hold_is_set_aside(database: Any, deliver: Deliver, text: str) -> None:
    nobody = {**order_of(text), "email": ""}
    for number, body in enumerate(({"ask": text}, {"orders": [order_of(text)]}, {"orders": [nobody]})):
        raw, name = json.dumps(body).encode(), f"d{number}"
        status, word = outcome(deliver(raw, delivery=name))
        assert (status, outcome(deliver(raw, delivery=name))) == (200, (200, "repeated"))
        kept = Delivery.objects.get(name=name)
        assert (word, bytes(kept.raw or b"")) in (("set_aside", raw), ("done", b""))
        # a database that takes it may: what goes out is judged by the contract
        assert word == "set_aside" or database.kind != "postgresql"
    assert told() == []


def test_200_what_a_paused_store_sends_is_kept_and_waits(database: Any, deliver: Deliver) -> None:
    sources.say("shop", "paused", "the tests")
    assert outcome(deliver(orders("77"))) == (200, "waits")
    assert told() == []
    assert [kept.state for kept in Delivery.objects.all()] == ["received"]
    assert outcome(deliver({"ask": "1"}, source="other", secret=OTHER_SECRET)) == (200, "done")


# ---------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize("headers", [
    {}, {"x-signature": "zz"}, {"x-signature": ""}, {"x-signature": "00" * 32}, {"x-signature": "é"},
])  # fmt: skip
def test_401_without_a_signature_that_fits_and_no_row(
    database: Any, deliver: Deliver, headers: dict[str, str]
) -> None:
    assert outcome(deliver(orders("77"), headers=headers)) == (401, "signature")
    assert rows() == 0


def test_401_for_another_stores_signature(database: Any, deliver: Deliver) -> None:
    """A store cannot act for another one."""
    assert outcome(deliver(orders("77"), source="other", secret=SECRET)) == (401, "signature")
    assert outcome(deliver(orders("77"), source="shop", secret=OTHER_SECRET)) == (401, "signature")
    assert rows() == 0


def test_401_for_a_signature_that_is_too_old(database: Any, deliver: Deliver) -> None:
    raw = json.dumps(orders("77")).encode()
    for minutes, expected in ((4, 200), (6, 401), (-6, 401)):
        at = (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()
        assert deliver(raw, headers=tiny.signed(SECRET, raw, at=at)).status_code == expected


def test_two_secrets_hold_while_one_follows_the_other(sqlite: Any, deliver: Deliver, settings: Any) -> None:
    new = "the-new-secret-of-the-shop"

    def known(*secrets: str) -> None:
        shop = {**STORES["shop"], "SECRETS": list(secrets)}
        settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "STORES": {"shop": shop}}

    def statuses() -> list[int]:
        return [deliver(orders("77"), secret=secret).status_code for secret in (SECRET, new)]

    assert statuses() == [200, 401]
    known(SECRET, new)
    assert statuses() == [200, 200]
    known(new)
    assert statuses() == [401, 200]


def test_403_for_a_store_that_was_stopped(database: Any, deliver: Deliver) -> None:
    sources.say("shop", "stopped", "the tests")
    assert outcome(deliver(orders("77"))) == (403, "stopped")
    assert rows() == 0


def test_404_for_a_store_that_nobody_knows(deliver: Deliver) -> None:
    assert outcome(deliver(orders("77"), source="nobody")) == (404, "unknown_source")
    assert outcome(Client().get("/else")) == (404, "unknown")


def test_405_for_anything_but_post(deliver: Deliver) -> None:
    response = Client().get("/webhooks/shop")
    assert (response.status_code, response["Allow"]) == (405, "POST")


def test_409_for_an_id_that_says_something_else(database: Any, deliver: Deliver) -> None:
    assert outcome(deliver(orders("77"), delivery="d1")) == (200, "done")
    for _ in range(2):
        assert outcome(deliver(orders("78"), delivery="d1")) == (409, "reused")
    assert [key for key, _ in told()] == ["shop:77"]
    assert [(notice.code, notice.about) for notice in Notice.objects.all()] == [("delivery_id_reused", "d1")]


def test_an_id_belongs_to_its_store(database: Any, deliver: Deliver) -> None:
    assert outcome(deliver(orders("77"), delivery="d1")) == (200, "done")
    assert outcome(deliver(orders("78"), source="other", secret=OTHER_SECRET, delivery="d1")) == (200, "done")
    assert [key for key, _ in told()] == ["shop:77", "other:78"]


def sent(body: bytes, **environ: Any) -> tuple[int, str]:
    """As a server hands it over."""
    base = RequestFactory().post("/webhooks/shop", content_type="application/json").environ
    base.pop("CONTENT_LENGTH")
    return outcome(views.webhook(WSGIRequest({**base, "wsgi.input": BytesIO(body), **environ}), "shop"))


def test_400_and_411_for_a_body_without_its_end(deliver: Deliver) -> None:
    assert sent(b"{}", CONTENT_LENGTH="9") == (400, "broken_off")
    assert sent(b"{}") == (411, "length_required")
    assert sent(b"{}", HTTP_TRANSFER_ENCODING="chunked") == (411, "length_required")


def test_a_body_in_chunks_is_read_where_the_server_says_its_end(sqlite: Any, deliver: Deliver) -> None:
    raw = json.dumps(orders("77")).encode()
    headers = {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in tiny.signed(SECRET, raw).items()}
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    assert sent(raw, **headers, **chunked) == (200, "done")
    assert sent(b" " * (views.reception().max_body + 1), **chunked) == (413, "too_long")


def test_413_for_a_body_that_is_too_long(sqlite: Any, deliver: Deliver, settings: Any) -> None:
    settings.COMMERCE_GATEWAY = {"MAX_BODY": 1024}
    assert outcome(deliver(b" " * 1025)) == (413, "too_long")
    assert outcome(deliver(b" " * 1024)) == (200, "set_aside")


def test_429_for_a_store_that_sends_too_much_and_not_for_the_others(
    sqlite: Any, deliver: Deliver, settings: Any
) -> None:
    stores = {**STORES, "shop": {**STORES["shop"], "RATE": 2}}
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "STORES": stores}
    for _ in range(3):  # what is not signed takes nothing off the rate
        assert deliver(orders("77"), secret="nobody's").status_code == 401
    assert [deliver(orders("77")).status_code for _ in range(3)] == [200, 200, 429]
    assert 0 < int(deliver(orders("77"))["Retry-After"]) <= 60
    assert deliver(orders("77"), source="other", secret=OTHER_SECRET).status_code == 200


def test_503_when_every_place_is_taken(sqlite: Any, deliver: Deliver, settings: Any) -> None:
    settings.COMMERCE_GATEWAY = {"AT_ONCE": 1, "QUEUED": 0}
    with views.reception().places.taken():
        response = deliver(orders("77"))
        assert outcome(response) == (503, "busy")
        assert int(response["Retry-After"]) > 0
    assert outcome(deliver(orders("77"))) == (200, "done")


def test_503_while_the_database_is_away_and_not_after(
    postgresql: Any, deliver: Deliver, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert outcome(deliver(orders("77"))) == (200, "done")
    with connections["default"].cursor() as cursor:  # the connection dies while nobody uses it
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    end(pid)
    assert outcome(deliver(orders("78"))) == (200, "done")
    away = connections.settings["default"]
    port, away["PORT"] = away["PORT"], "9"
    connections.close_all()
    del connections["default"]
    try:
        response = deliver(orders("79"))
        assert outcome(response) == (503, "database_away")
        assert int(response["Retry-After"]) > 0
        assert outcome(Client().get("/readyz")) == (503, "database_away")
        assert outcome(Client().get("/healthz")) == (200, "ok")
    finally:
        away["PORT"] = port
        del connections["default"]
    assert outcome(deliver(orders("79"))) == (200, "done")
    assert outcome(Client().get("/readyz")) == (200, "ok")


def test_503_and_a_line_in_the_log_for_what_nobody_foresaw(
    deliver: Deliver, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "STORES": {"shop": {"KIND": "learner@example.com"}}}
    client = Client(raise_request_exception=False)
    response = client.post("/webhooks/shop", b"{}", content_type="application/json")
    assert outcome(response) == (503, "failed")
    assert int(response["Retry-After"]) > 0
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("commerce_events")]
    assert len(ours) == 1 and "OperatorError" in ours[0] and "learner@example.com" not in ours[0]


def end(pid: int) -> None:
    def kill() -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        connections.close_all()

    thread = threading.Thread(target=kill)
    thread.start()
    thread.join(10)


# ------------------------------------------------------------------------------------------------------------ races


@pytest.mark.parametrize("same", [True, False])
def test_of_one_id_sent_many_times_at_once_one_is_taken(database: Any, deliver: Deliver, same: bool) -> None:
    gate, answers = threading.Barrier(5), []

    def send(number: int) -> None:
        try:
            gate.wait(10)
            answers.append(outcome(deliver(orders("77" if same else f"7{number}"), delivery="d1")))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    again = (200, "repeated") if same else (409, "reused")
    assert sorted(answers) == sorted([(200, "done"), *[again] * 4])
    assert kinds() == ["paid"]
    assert Delivery.objects.count() == 1


# --------------------------------------------------------------------------------------------------------- the log


def test_no_payload_comes_into_the_log(sqlite: Any, deliver: Deliver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    deliver(orders("77"), delivery="d1")
    deliver(orders("78"), delivery="d1")
    deliver(b'{"boom": "learner@example.com"}')
    deliver(b'{"learner@example.com')
    deliver(orders("77"), headers={"x-signature": "learner@example.com"})
    deliver(orders("x" * 129))
    assert "shop" in caplog.text
    assert "learner@example.com" not in caplog.text
    assert SECRET not in caplog.text
