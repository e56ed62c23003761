"""Any Open edX event made durable: sent by the stock producer, given to the receivers of its signal, and not lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from django.utils import timezone
from opaque_keys.edx.keys import CourseKey
from openedx_events.learning.data import CourseData, CourseEnrollmentData, UserData, UserPersonalData
from openedx_events.learning.signals import COURSE_ENROLLMENT_CREATED

from commerce_events.bus import handlers
from commerce_events.bus.clock import utc_now
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.handlers import SignalHandler
from commerce_events.bus.worker import Options, Worker
from commerce_events.models import DeadLetter, Inbox, Lease, Stream
from tests.engines.broker import Broker
from tests.engines.schema import TestDatabase

#: The stock producer's client of the registry leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning"
)

TOPIC = "learning-enrollment"
EVENT_TYPE = COURSE_ENROLLMENT_CREATED.event_type


def enrollments() -> SignalHandler:
    """What COMMERCE_EVENTS['HANDLERS'] names."""
    return SignalHandler(EVENT_TYPE)


def enrollment(name: str) -> CourseEnrollmentData:
    return CourseEnrollmentData(
        user=UserData(
            pii=UserPersonalData(username=name, email=f"{name}@example.com", name=""), id=7, is_active=True
        ),
        course=CourseData(course_key=CourseKey.from_string("course-v1:edX+DemoX+2026"), display_name="Demo"),
        mode="verified", is_active=True, creation_date=datetime(2026, 5, 1, tzinfo=UTC),
    )  # fmt: skip


class Site:
    """A site with one receiver, which writes a row and raises as often as it is told to."""

    def __init__(self) -> None:
        self.received: list[tuple[Any, Any]] = []
        self.failures = 0

    def receive(self, sender: Any, enrollment: Any, metadata: Any, **_: Any) -> None:
        Lease.objects.create(name=enrollment.user.pii.username, expires_at=timezone.now())
        if self.failures:
            self.failures -= 1
            raise RuntimeError("a receiver's own fault")
        self.received.append((enrollment, metadata))

    def consume(self) -> None:
        """The worker, until nothing is left to do."""
        settings = bus_settings()
        Worker(settings, handlers.load(settings.handlers), Options(start="earliest", until_idle=True)).run()


@pytest.fixture
def site(database: TestDatabase, broker: Broker, prefix: str, settings: Any) -> Iterator[Site]:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic(f"{prefix}-{TOPIC}", 3, 1)])[f"{prefix}-{TOPIC}"].result(20)
    settings.COMMERCE_EVENTS = {
        **settings.COMMERCE_EVENTS, "TOPICS": [TOPIC], "HANDLERS": [f"{__name__}.enrollments"],
    }  # fmt: skip
    made = Site()
    COURSE_ENROLLMENT_CREATED.connect(made.receive)
    yield made
    COURSE_ENROLLMENT_CREATED.disconnect(made.receive)


def send(name: str, times: int = 1) -> UUID:
    """With the stock producer, so often under one id."""
    from edx_event_bus_kafka import create_producer

    metadata = COURSE_ENROLLMENT_CREATED.generate_signal_metadata()
    producer = create_producer()
    for _ in range(times):
        producer.send(
            signal=COURSE_ENROLLMENT_CREATED, topic=TOPIC, event_key_field="enrollment.user.pii.username",
            event_data={"enrollment": enrollment(name)}, event_metadata=metadata,
        )  # fmt: skip
    producer.prepare_for_shutdown()
    sent: UUID = metadata.id
    return sent


def written() -> set[str]:
    """The rows that the receiver wrote and that were committed."""
    return set(Lease.objects.filter(name__in=["learner", "other"]).values_list("name", flat=True))


def test_receivers_get_what_was_sent(site: Site) -> None:
    sent = send("learner")
    site.consume()
    ((received, metadata),) = site.received
    assert received == enrollment("learner")
    assert (metadata.id, metadata.event_type, metadata.sourcelib) == (sent, EVENT_TYPE, metadata.sourcelib)
    row = Inbox.objects.get()
    assert (row.state, row.event_type) == ("handled", EVENT_TYPE)
    assert Stream.objects.get().topic.endswith(TOPIC)
    assert not DeadLetter.objects.exists()


def test_an_event_that_is_sent_twice_is_received_once(site: Site) -> None:
    send("learner", times=3)
    send("other")
    site.consume()
    assert {received.user.pii.username for received, _ in site.received} == {"learner", "other"}
    assert len(site.received) == 2


def test_a_receiver_that_raises_has_its_work_undone_and_the_event_comes_again(site: Site) -> None:
    site.failures = 2  # with the other due events of its key, and alone
    send("learner")
    site.consume()
    assert written() == set() and not site.received, "rolled back with the transaction"
    row = Inbox.objects.get()
    assert (row.state, row.attempts) == ("pending", 1)
    Inbox.objects.update(due_at=utc_now())
    site.consume()
    assert written() == {"learner"} and len(site.received) == 1
    assert Inbox.objects.get().state == "handled"


def test_what_fails_again_and_again_is_held_for_a_person_and_others_flow(site: Site) -> None:
    site.failures = 10
    send("learner")
    for _ in range(5):
        site.consume()
        Inbox.objects.filter(state="pending").update(due_at=utc_now())
    assert list(Inbox.objects.values_list("state", "reason")) == [("held", "internal_error")]
    send("other")
    site.consume()
    assert [received.user.pii.username for received, _ in site.received] == ["other"]
