"""Each hook against a server that answers as its store's documentation says."""
from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from commerce_events.exceptions import OperatorError, TransientError
from consumers.order_status.hooks import News
from consumers.order_status.hooks.saleor import SaleorOrder
from consumers.order_status.hooks.signed_webhook import SignedWebhook, key, signed
from consumers.order_status.hooks.woocommerce import WooCommerceOrder

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
LINE = {
    "line_id": "11", "course_key": "course-v1:edX+DemoX+2026", "mode": "verified", "quantity": 1, "state": "fulfilled",
    "reason_code": "ok", "is_final": True, "alarm": None, "is_news": True,
}  # fmt: skip
FAILED = {**LINE, "line_id": "12", "course_key": None, "state": "failed", "reason_code": "course_not_found"}
REQUEST = {
    "request_id": "r", "line_id": "11", "lms_user_id": 7, "course_key": "course-v1:edX+DemoX+2026", "mode": "verified",
    "requested_at": "2026-05-01T12:00:00.000000+00:00", "is_within_window": True, "initiator": "learner",
}  # fmt: skip


def news(status: str = "fulfilled", *lines: dict[str, Any], order_id: str = "727", attempt: int = 1) -> News:
    body = {"source": "shop", "order_id": order_id, "order_number": order_id, "status": status,
            "lines": list(lines or (LINE,))}  # fmt: skip
    return News(
        "1f0c1d9e-0000-4000-8000-000000000001", "order.changed", "shop", order_id, order_id, body,
        datetime(2026, 5, 1, 12, tzinfo=UTC), attempt,
    )  # fmt: skip


def request(order_id: str = "727") -> News:
    head = {"source": "shop", "order_id": order_id, "order_number": order_id}
    return News("2f0c1d9e-0000-4000-8000-000000000002", "refund.requested", "shop", order_id, order_id,
                {**head, **REQUEST}, datetime(2026, 5, 1, 12, tzinfo=UTC))  # fmt: skip


class Shop:
    """Answers requests; a subclass is a store with state."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, dict[str, str], bytes]] = []
        self.failing: list[int] = []

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        return 204, None


@contextmanager
def served(shop: Shop) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            shop.heard.append((self.command, self.path, headers, body))
            status, content = (shop.failing.pop(0), {}) if shop.failing else shop.answer(self.command, self.path, body)
            raw = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST  # noqa: N815 – http.server's name

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# --------------------------------------------------------------------------------------------------- Standard Webhooks


def test_a_signed_call_is_verified_by_the_standard_s_own_library() -> None:
    shop = Shop()
    with served(shop) as url:
        SignedWebhook(timeout=5, url=url, secrets=[SECRET]).tell(news())
    ((_, _, headers, body),) = shop.heard
    said = Webhook(SECRET).verify(body, headers)
    assert said["type"] == "order.changed"
    assert said["timestamp"] == "2026-05-01T12:00:00.000000+00:00"
    assert said["data"]["lines"] == [LINE]
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", headers)


def test_while_one_secret_follows_the_other_both_fit() -> None:
    shop = Shop()
    with served(shop) as url:
        SignedWebhook(timeout=5, url=url, secrets=[SECRET, OTHER]).tell(news())
    ((_, _, headers, body),) = shop.heard
    for secret in (SECRET, OTHER):
        Webhook(secret).verify(body, headers)


def test_our_signature_is_the_library_s() -> None:
    at, body = datetime(2026, 5, 1, 12, 30, 15, tzinfo=UTC), '{"a": "ü"}'
    ours = signed("msg_1", at, body.encode(), [key(SECRET)])
    assert ours["webhook-signature"] == Webhook(SECRET).sign("msg_1", at, body)


def test_each_attempt_has_the_same_id_and_a_time_of_its_own() -> None:
    shop = Shop()
    with served(shop) as url:
        for attempt in (1, 2):
            SignedWebhook(timeout=5, url=url, secrets=[SECRET]).tell(news(attempt=attempt))
    assert {headers["webhook-id"] for _, _, headers, _ in shop.heard} == {news().id}


@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 500, 503])
def test_no_2xx_comes_again(status: int) -> None:
    shop = Shop()
    shop.failing = [status]
    with served(shop) as url, pytest.raises(TransientError, match=str(status)):
        SignedWebhook(timeout=5, url=url, secrets=[SECRET]).tell(news())


def test_gone_is_gone() -> None:
    shop = Shop()
    shop.failing = [410]
    with served(shop) as url, pytest.raises(OperatorError):
        SignedWebhook(timeout=5, url=url, secrets=[SECRET]).tell(news())


def test_nobody_there_comes_again() -> None:
    with served(Shop()) as url:
        pass
    with pytest.raises(TransientError, match="nobody answers"):
        SignedWebhook(timeout=0.5, url=url, secrets=[SECRET]).tell(news())


@pytest.mark.parametrize("secrets", [[], "whsec_abc", ["whsec_abc"], ["no base64 at all!"], [""]])
def test_a_secret_that_is_none_is_refused_and_not_repeated(secrets: Any) -> None:
    with pytest.raises(ValueError, match="secret") as refused:
        SignedWebhook(timeout=5, url="http://127.0.0.1:9", secrets=secrets)
    assert "abc" not in str(refused.value)


# --------------------------------------------------------------------------------------------------------- WooCommerce


class WooCommerce(Shop):
    """Orders and their notes."""

    def __init__(self, status: str = "processing") -> None:
        super().__init__()
        self.status = status
        self.notes: list[dict[str, Any]] = []

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        path = path.split("?")[0]
        if path == "/wp-json/wc/v3/orders/727/notes":
            if method == "GET":
                return 200, self.notes
            self.notes.append({"id": len(self.notes) + 1, "customer_note": False, **json.loads(body)})
            return 201, self.notes[-1]
        if path == "/wp-json/wc/v3/orders/727":
            if method == "POST":
                self.status = json.loads(body)["status"]
            return 200, {"id": 727, "status": self.status}
        return 404, {"code": "woocommerce_rest_shop_order_invalid_id"}


def woocommerce(url: str, **more: Any) -> WooCommerceOrder:
    return WooCommerceOrder(timeout=5, url=url, key="ck_1", secret="cs_1", **more)


def test_a_shop_s_staff_reads_what_became_of_the_lines() -> None:
    shop = WooCommerce()
    with served(shop) as url:
        woocommerce(url).tell(news("needs_attention", LINE, FAILED, {**LINE, "is_news": False}))
    assert [note["note"] for note in shop.notes] == [
        "Open edX: needs attention. course-v1:edX+DemoX+2026 fulfilled; line 12 failed (course_not_found). [1f0c1d9e]"
    ]
    assert shop.status == "processing"
    assert all(headers["authorization"].startswith("Basic ") for _, _, headers, _ in shop.heard)


def test_a_fulfilled_order_is_completed() -> None:
    shop = WooCommerce()
    with served(shop) as url:
        woocommerce(url).tell(news())
    assert shop.status == "completed"


@pytest.mark.parametrize("status", ["completed", "cancelled", "refunded", "failed"])
def test_an_order_that_was_ended_in_the_shop_is_left_alone(status: str) -> None:
    shop = WooCommerce(status)
    with served(shop) as url:
        woocommerce(url).tell(news())
    assert shop.status == status
    assert not [path for method, path, _, _ in shop.heard if method == "POST" and not path.endswith("/notes")]


def test_statuses_are_the_site_s_choice() -> None:
    shop = WooCommerce()
    with served(shop) as url:
        woocommerce(url, statuses={}).tell(news())
        assert shop.status == "processing"
        woocommerce(url, statuses={"needs_attention": "on-hold"}).tell(news("needs_attention"))
    assert shop.status == "on-hold"


def test_a_note_is_not_written_twice_when_the_first_attempt_died_behind_it() -> None:
    shop = WooCommerce()
    with served(shop) as url:
        for attempt in (1, 2, 3):
            woocommerce(url).tell(news(attempt=attempt))
    assert len(shop.notes) == 1


def test_a_refund_request_is_a_note() -> None:
    shop = WooCommerce()
    with served(shop) as url:
        woocommerce(url).tell(request())
    (note,) = shop.notes
    assert "has left course-v1:edX+DemoX+2026, within the refund window" in note["note"]


def test_an_order_that_the_shop_does_not_know_needs_a_person() -> None:
    with served(WooCommerce()) as url, pytest.raises(OperatorError, match="999"):
        woocommerce(url).tell(news(order_id="999"))


@pytest.mark.parametrize(("status", "kind"), [(503, TransientError), (401, OperatorError)])
def test_what_the_shop_says_decides_whether_it_comes_again(status: int, kind: type[Exception]) -> None:
    shop = WooCommerce()
    shop.failing = [status]
    with served(shop) as url, pytest.raises(kind):
        woocommerce(url).tell(news())


# -------------------------------------------------------------------------------------------------------------- Saleor

ORDER = "T3JkZXI6MTI3"


class Saleor(Shop):
    """One order with two lines, and what its API makes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.metadata: dict[str, str] = {}
        self.left = {"11": 2, "12": 1}
        self.refuse = ""
        self.mutations: list[str] = []

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        assert path == "/graphql/"
        asked = json.loads(body)
        variables = asked["variables"]
        if "updateMetadata" in asked["query"]:
            self.mutations.append("metadata")
            if self.refuse:
                return 200, {"data": {"updateMetadata": {"errors": [{"field": "id", "code": self.refuse}]}}}
            self.metadata |= {pair["key"]: pair["value"] for pair in variables["input"]}
            return 200, {"data": {"updateMetadata": {"errors": []}}}
        if "orderFulfill" in asked["query"]:
            self.mutations.append("fulfill")
            assert variables["input"]["notifyCustomer"] is False
            for line in variables["input"]["lines"]:
                (stock,) = line["stocks"]
                assert stock["warehouse"] == "V2FyZWhvdXNlOjE="
                self.left[line["orderLineId"]] -= stock["quantity"]
            return 200, {"data": {"orderFulfill": {"errors": []}}}
        if variables["id"] != ORDER:
            return 200, {"data": {"order": None}}
        lines = [{"id": name, "quantityToFulfill": left} for name, left in self.left.items()]
        return 200, {"data": {"order": {"lines": lines}}}


def saleor(url: str, **more: Any) -> SaleorOrder:
    return SaleorOrder(timeout=5, url=url, token="t", **more)


def test_metadata_says_how_an_order_stands() -> None:
    shop = Saleor()
    with served(shop) as url:
        saleor(url).tell(news("needs_attention", LINE, FAILED, order_id=ORDER))
    assert shop.metadata == {
        "openedx.status": "needs_attention", "openedx.lines": '{"11":"fulfilled","12":"failed"}',
    }  # fmt: skip
    assert shop.mutations == ["metadata"]
    assert all(headers["authorization"] == "Bearer t" for _, _, headers, _ in shop.heard)


def test_fulfilled_lines_are_fulfilled_in_the_shop_once() -> None:
    shop = Saleor()
    with served(shop) as url:
        for attempt in (1, 2):
            saleor(url, warehouse="V2FyZWhvdXNlOjE=").tell(news("open", LINE, FAILED, order_id=ORDER, attempt=attempt))
    assert shop.left == {"11": 0, "12": 1}
    assert shop.mutations == ["metadata", "fulfill", "metadata"]


def test_a_refund_request_is_metadata() -> None:
    shop = Saleor()
    with served(shop) as url:
        saleor(url).tell(request(ORDER))
    assert shop.metadata == {"openedx.refund_requested.11": REQUEST["requested_at"]}


def test_what_saleor_refuses_needs_a_person() -> None:
    shop = Saleor()
    shop.refuse = "NOT_FOUND"
    with served(shop) as url, pytest.raises(OperatorError, match="id: NOT_FOUND"):
        saleor(url).tell(news(order_id=ORDER))


def test_an_answer_without_data_needs_a_person() -> None:
    class Broken(Saleor):
        def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
            return 200, {"errors": [{"message": "PermissionDenied"}], "data": None}

    with served(Broken()) as url, pytest.raises(OperatorError, match="does not answer the question"):
        saleor(url).tell(news(order_id=ORDER))
