"""A shop that only sends webhooks: the gateway publishes for it, and its own order notes say what became of them."""
from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

from django.db import connections, transaction

from commerce_events.bus import inbox
from commerce_events.models import Stream
from commerce_events.stores.orders import apply
from commerce_events.stores.snapshot import Item, Learner, Returned, Reversal, Snapshot
from commerce_events.testing import FakeBus, fulfillment_completed, fulfillment_revoked
from consumers.order_status import api
from consumers.order_status.book import Book
from consumers.order_status.models import Publication
from tests.unit.order_status.test_hooks import WooCommerce, served

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
COURSE = "course-v1:edX+DemoX+2026"


def snapshot(order_id: str = "727", *refunds: Reversal, lines: int = 1) -> Snapshot:
    items = tuple(
        Item(line_id=str(i), quantity=1, product_kind="course_seat", course_key=COURSE, mode="verified")
        for i in range(1, lines + 1)
    )
    return Snapshot(
        order_id=order_id, order_number=order_id, paid_at=AT, learner=Learner(email="learner@example.com"),
        items=items, reversals=tuple(refunds),
    )  # fmt: skip


def status(order_id: str = "727") -> str:
    found = api.order_status("shop", order_id)
    assert found is not None
    return found.status


def test_what_a_snapshot_brings_is_followed(bus: FakeBus) -> None:
    apply("shop", snapshot(), AT)
    bus.deliver(fulfillment_completed("727"))
    assert status() == "fulfilled"
    apply("shop", snapshot("727", Reversal(refund_id="r1", at=AT, is_full=True)), AT)
    bus.wait(minutes=2)
    bus.deliver(fulfillment_revoked("727"))
    assert status() == "refunded"


def test_events_of_one_snapshot_are_sent_again_together_until_each_is_answered(small_bus: FakeBus) -> None:
    given_back = Reversal(refund_id="r1", at=AT, lines=(Returned(line_id="1", quantity=1),))
    apply("shop", snapshot("727", given_back, lines=2), AT)
    assert Publication.objects.values("batch_id").distinct().count() == 1 < Publication.objects.count()
    small_bus.deliver(fulfillment_completed("727", "1"), fulfillment_completed("727", "2"))
    small_bus.wait(minutes=2)
    small_bus.deliver(fulfillment_revoked("727", "1"))
    count = len(small_bus.events)
    small_bus.wait(hours=2)
    assert len(small_bus.events) == count
    assert status() == "fulfilled"


def test_the_shop_s_staff_reads_it_at_the_order(small_bus: FakeBus, settings: Any) -> None:
    shop = WooCommerce()
    with served(shop) as url:
        settings.COMMERCE_ORDER_STATUS = {"HOOKS": {"shop": {"notes": {
            "HOOK": "consumers.order_status.hooks.woocommerce.WooCommerceOrder", "URL": url, "KEY": "k", "SECRET": "s",
        }}}}  # fmt: skip
        apply("shop", snapshot(), AT)
        small_bus.deliver(fulfillment_completed("727"))
        small_bus.wait(seconds=1)
    assert shop.status == "completed"
    assert [note["note"][:40] for note in shop.notes] == ["Open edX: fulfilled. course-v1:edX+DemoX"]


def test_a_snapshot_waits_for_the_results_that_are_being_handled(database: Any, store: None) -> None:
    """Neither takes back what the other has written, though whoever publishes holds a lock of another kind."""
    bus = FakeBus(outbox=True)
    apply("shop", snapshot(), AT)
    bus.relay()
    finished = threading.Event()

    def adding() -> None:
        try:
            apply("shop", snapshot(lines=2), AT)
        finally:
            finished.set()
            connections.close_all()

    with transaction.atomic():  # as the handler is called
        Stream.objects.select_for_update().get(pk=inbox.stream_of("shop:727"))
        book = Book(["shop:727"], AT)
        thread = threading.Thread(target=adding)
        thread.start()
        assert not finished.wait(0.4)
        book.answer(fulfillment_completed("727")["fulfillment"])
        book.write()
    thread.join(30)
    assert finished.is_set()
    found = api.order_status("shop", "727")
    assert found is not None
    assert [line.state for line in found.lines] == ["fulfilled", "published"]
