"""A store's own door: one transaction holds the order and the event that tells of it."""
from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import pytest
from django.db import connection, connections, transaction

from commerce_events import ContractError, OperatorError, from_dict, publish_order_paid, publish_order_refunded, wire
from commerce_events.bus import outbox
from commerce_events.models import Outbox, OutboxBatch, Stream
from commerce_events.publishing import Published, published
from commerce_events.testing import builders
from tests.engines.schema import TestDatabase


def order(order_id: str = "1001", **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = builders.order_paid(order_id, **more)["order"]
    return body


def refund(order_id: str = "1001", **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = builders.order_refunded(order_id, **more)["refund"]
    return body


def waiting() -> list[outbox.Pending]:
    return outbox.messages(outbox.batches(100))


def test_what_is_committed_waits_for_the_relay(database: TestDatabase) -> None:
    with transaction.atomic():
        event = publish_order_paid(order())
    (message,) = waiting()
    assert (message.key, message.topic, message.slot) == ("shop:1001", "commerce-order-lifecycle", "paid:0")
    assert message.message_id == event.message_id
    assert wire.decode(message.event_type, message.body)["order"]["lines"][0]["mode"] == "verified"


def test_what_is_rolled_back_was_never_said(database: TestDatabase) -> None:
    with transaction.atomic():
        publish_order_paid(order())
        transaction.set_rollback(True)
    assert not OutboxBatch.objects.exists() and not Outbox.objects.exists() and not Stream.objects.exists()


def test_an_object_is_as_good_as_a_dictionary(sqlite: TestDatabase) -> None:
    body = builders.order_paid("1001")
    with transaction.atomic():
        one = publish_order_paid(body["order"])
        other = publish_order_paid(from_dict("org.openedx.commerce.order.paid.v1", body))
    assert one.message_id == other.message_id


def test_outside_of_a_transaction_nothing_is_written(sqlite: TestDatabase) -> None:
    with pytest.raises(OperatorError) as refused:
        publish_order_paid(order())
    assert "transaction.atomic()" in refused.value.hint
    assert not Stream.objects.exists() and not Outbox.objects.exists()


def test_a_transaction_without_atomic_is_one_too(postgresql: TestDatabase) -> None:
    connection.set_autocommit(False)
    try:
        publish_order_paid(order())
        connection.commit()
    finally:
        connection.set_autocommit(True)
    assert len(waiting()) == 1


def test_a_broken_order_leaves_the_transaction_as_it_was(sqlite: TestDatabase) -> None:
    with transaction.atomic():
        with pytest.raises(ContractError) as refused:
            publish_order_paid(order(is_test="false"))
        assert refused.value.path == "order.is_test"
        publish_order_paid(order("1002"))
    assert [message.key for message in waiting()] == ["shop:1002"]


def test_a_time_without_a_zone_names_its_field(sqlite: TestDatabase) -> None:
    from datetime import datetime

    import attr

    naive = attr.evolve(from_dict("org.openedx.commerce.order.paid.v1", {"order": order()}),
                        paid_at=datetime(2026, 1, 1))  # noqa: DTZ001 – that is the fault
    with transaction.atomic(), pytest.raises(ContractError, match="paid_at"):
        publish_order_paid(naive)


def test_the_lms_s_words_are_not_a_store_s(sqlite: TestDatabase) -> None:
    from commerce_events.publishing import publish

    with transaction.atomic(), pytest.raises(ContractError, match="no event of a store"):
        publish("org.openedx.commerce.fulfillment.completed.v1", {"fulfillment": {}})


def test_the_same_content_has_the_same_id_and_other_content_another(sqlite: TestDatabase) -> None:
    from datetime import UTC, datetime

    at = datetime(2026, 5, 1, tzinfo=UTC)
    with transaction.atomic():
        first = publish_order_paid(order(at=at))
        again = publish_order_paid(order(at=at, occurred_at="2026-05-02T00:00:00.000000+00:00"))
        other = publish_order_paid(order(at=at, revision=1))
    assert first.message_id == again.message_id != other.message_id


def test_a_refund_has_a_place_of_its_own(sqlite: TestDatabase) -> None:
    with transaction.atomic():
        publish_order_refunded(refund(refund_id="r7"))
    (message,) = waiting()
    assert message.slot == "refunded:r7"


def test_events_of_one_order_keep_the_order_of_their_commits(database: TestDatabase) -> None:
    """The second writer waits for the first one's commit: its place is behind it, though it began earlier."""
    with transaction.atomic():
        publish_order_paid(order("other"))
    began, finished = threading.Event(), threading.Event()

    def refunding() -> None:
        try:
            with transaction.atomic():
                began.set()
                publish_order_refunded(refund())
        finally:
            finished.set()
            connections.close_all()

    with transaction.atomic():
        publish_order_paid(order())
        thread = threading.Thread(target=refunding)
        thread.start()
        assert began.wait(10) or database.kind == "sqlite"  # SQLite lets nobody begin
        assert not finished.wait(0.3)
    thread.join(20)
    assert finished.is_set()
    kinds = [message.slot for message in waiting() if message.key == "shop:1001"]
    assert kinds == ["paid:0", "refunded:r1"]


def test_a_message_can_be_sent_again_under_its_old_id(database: TestDatabase) -> None:
    with transaction.atomic():
        event = publish_order_paid(order())
    outbox.sent([event.batch_id])
    assert waiting() == []
    with transaction.atomic():
        assert outbox.again(event.batch_id)
        assert outbox.again(event.batch_id)  # it waits already: once is enough
    assert [message.message_id for message in waiting()] == [event.message_id]
    assert not outbox.again(event.batch_id + 1)


def test_a_receiver_hears_of_it_in_the_same_transaction(sqlite: TestDatabase) -> None:
    heard: list[Published] = []

    def refuse(event: Published, **_: Any) -> None:
        heard.append(event)
        raise ZeroDivisionError

    published.connect(refuse)
    try:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            publish_order_paid(order())
    finally:
        published.disconnect(refuse)
    assert [(event.order_key, event.data["order_id"]) for event in heard] == [("shop:1001", "1001")]
    assert not OutboxBatch.objects.exists()


STORE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"consumers", "edx_event_bus_kafka", "edx_django_utils", "openedx_events"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
from importlib import util
found = util.find_spec
util.find_spec = lambda name, package=None: None if name == "openedx_events" else found(name, package)
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["commerce_events"], USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
from django.core.management import call_command
from django.db import transaction
call_command("migrate", verbosity=0)
from commerce_events import publish_order_paid
from commerce_events.testing import builders
with transaction.atomic():
    publish_order_paid(builders.order_paid("1001")["order"])
from commerce_events.bus import outbox
print(*(message.key for message in outbox.messages(outbox.batches(10))))
print(*sorted(name for name in sys.modules if name in ("confluent_kafka", "openedx_events")))
"""


def test_a_store_needs_django_and_this_package_alone() -> None:
    """No platform library, no setting of ours, and no Kafka client in the process that answers requests."""
    done = subprocess.run([sys.executable, "-c", STORE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["shop:1001", ""]


@pytest.mark.django_db
def test_the_transaction_of_a_test_case_is_not_the_store_s() -> None:
    """A store that forgets its own would pass all of its tests, and fail in production."""
    with pytest.raises(OperatorError):
        publish_order_paid(order())
    with transaction.atomic():
        assert publish_order_paid(order()).order_key == "shop:1001"
