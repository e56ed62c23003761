"""A site in a test: real tables, the real handle stage, the reference gateway. Only Kafka is left out."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
from django.contrib.auth import get_user_model
from django.db import transaction

from commerce_events import identity, topics, wire
from commerce_events.bus import effects, outbox
from commerce_events.bus.codec import Received
from commerce_events.bus.handle import Handle
from commerce_events.bus.ids import STREAMS
from commerce_events.bus.intake import Batch, Intake, Stored
from commerce_events.bus.types import Context, Event, Outcome, Stream
from commerce_events.models import Inbox, Outbox
from commerce_events.models import Stream as StreamRow
from commerce_events.validation import validate
from consumers.fulfillment import digests
from consumers.fulfillment.gateway import Gateway
from consumers.fulfillment.handler import FulfillmentHandler
from consumers.fulfillment.models import Grant
from consumers.fulfillment.reference.gateway import ReferenceGateway
from consumers.fulfillment.reference.models import ReferenceCourse, ReferenceEnrollment
from consumers.fulfillment.rules.policy import Policy, Source
from consumers.fulfillment.rules.state import Pair

DEMO = "course-v1:edX+Demo+2026"
OTHER = "course-v1:edX+Other+2026"
AT = "2026-05-01T11:59:00.000000+00:00"
SHOP = Policy(sources={"shop": Source()})


def line(line_id: str = "1", course_key: str = DEMO, mode: str = "verified", **more: Any) -> dict[str, Any]:
    return {
        "line_id": line_id, "product_kind": "course_seat", "course_key": course_key, "mode": mode, "sku": None,
        "quantity": 1, "credit_provider": None, "course_uuid": None, "beneficiary": None, **more,
    }  # fmt: skip


def learner(lms_user_id: int | None = None, username: str | None = None, email: str | None = None) -> dict[str, Any]:
    return {
        "lms_user_id": lms_user_id, "username": username, "email": email, "email_verified": False,
        "store_customer_id": None,
    }  # fmt: skip


def paid(order_id: str, who: Any, *lines: dict[str, Any], source: str = "shop", **more: Any) -> tuple[str, Any]:
    """An OrderData; ``who`` is a user, or a LearnerData."""
    return topics.ORDER_PAID_TYPE, {
        **_head(source, order_id), "revision": 0, "paid_at": AT, "email_opt_in": False, "learner": _who(who),
        "lines": list(lines or [line()]), **more,
    }  # fmt: skip


def refunded(
    order_id: str, *lines: dict[str, Any], refund_id: str = "r1", source: str = "shop", **more: Any
) -> tuple[str, Any]:
    """A RefundData; a full one unless lines are given."""
    return topics.ORDER_REFUNDED_TYPE, {
        **_head(source, order_id), "refund_id": refund_id, "refund_kind": "refund", "is_full": not lines,
        "refunded_at": AT, "reason_code": None, "access_hint": "default", "learner": learner(), "lines": list(lines),
        **more,
    }  # fmt: skip


def refund_line(line_id: str = "1", quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "line_id": line_id, "quantity": quantity, "refunded_total": quantity, "ordered_quantity": 1, "course_key": None,
        "mode": None, **more,
    }  # fmt: skip


def _head(source: str, order_id: str) -> dict[str, Any]:
    return {
        "source": source, "order_id": order_id, "order_key": f"{source}:{order_id}", "order_number": f"#{order_id}",
        "occurred_at": AT, "is_test": False,
    }  # fmt: skip


def _who(who: Any) -> dict[str, Any]:
    return who if isinstance(who, dict) else learner(who.pk)


class Site:
    """Receives events, handles what is due, and shows what came of it."""

    def __init__(self, gateway: Gateway | None = None, policy: Policy = SHOP) -> None:
        self.handler = FulfillmentHandler(gateway or ReferenceGateway(), policy)
        # a little ahead, because receivers in a learner's request go by the clock on the wall
        self.now = datetime.now(UTC) + timedelta(minutes=1)
        self.epoch = 1
        self.stage = Handle(dict.fromkeys(self.handler.event_types, self.handler))

    @property
    def context(self) -> Context:
        return Context("test-lms", self.epoch, self.now)

    # What happens on the site.

    def user(self, name: str, **more: Any) -> Any:
        return get_user_model().objects.create_user(name, **{"email": f"{name}@example.com", **more})

    def course(self, key: str = DEMO, modes: Iterable[str] = ("audit", "verified"), **more: Any) -> None:
        ReferenceCourse.objects.create(course_key=key, modes=dict.fromkeys(modes), **more)

    def set_seat(self, user: Any, mode: str | None, course_key: str = DEMO) -> None:
        """Somebody else – staff, the learner – changes an enrollment; None: unenrolls."""
        user_id = user if isinstance(user, int) else user.pk
        rows = ReferenceEnrollment.objects.filter(pair=digests.of_pair(Pair(user_id, course_key)))
        if mode is None:
            rows.update(is_active=False)
        elif not rows.update(mode=mode, is_active=True):
            ReferenceEnrollment.objects.create(
                pair=digests.of_pair(Pair(user_id, course_key)), lms_user_id=user_id, course_key=course_key, mode=mode
            )

    # The bus.

    def receive(self, *events: tuple[str, dict[str, Any]], check: bool = True, again: bool = False) -> None:
        """Store events as the intake's staged path does; one that is known already is a duplicate.

        ``again``: let duplicates through, as if the inbox had lost its memory.
        """
        for event_type, data in events:
            if event_type in topics.EVENT_TYPES:
                body = {topics.EVENT_TYPES[event_type].argument: data}
                if check:
                    validate(event_type, body)
                digest = identity.event_digest(event_type, body)
            else:
                digest = identity.text_digest(event_type, uuid4().hex)
            if again:
                digest = identity.text_digest(event_type, uuid4().hex)
            if Inbox.objects.filter(digest=digest).exists():
                continue
            Inbox.objects.create(
                digest=digest, stream_id=self.stream(data["order_key"]).id, event_type=event_type, due_at=self.now,
                payload=orjson.dumps(data).decode(), received_at=self.now,
            )  # fmt: skip

    def take_in(self, *events: tuple[str, dict[str, Any]], check: bool = True) -> Stored:
        """Hand a batch to the intake, which decides on the straight path what can go straight."""
        batch = Batch()
        for offset, (event_type, data) in enumerate(events):
            body = {topics.EVENT_TYPES[event_type].argument: data}
            if check:
                validate(event_type, body)
            key = data["order_key"]
            batch.events.append(Received(
                topics.ORDER_TOPIC, 0, offset, event_type, key, data, orjson.dumps(data),
                identity.event_digest(event_type, body), identity.stream_digest(topics.ORDER_TOPIC, key),
            ))  # fmt: skip
        return Intake(self.stage.handlers).store(batch, {}, self.context)

    def work(self) -> None:
        """Handle until nothing is due."""
        for _ in range(100):
            due = self.stage.due(self.now + timedelta(seconds=1), 500)
            if not due:
                return
            self.stage.run(due, Context("test-lms", self.epoch, self.now + timedelta(seconds=1)))
        raise AssertionError("there is always something due")

    def later(self, seconds: float) -> None:
        """Let time go by, and handle what is due by then."""
        self.now += timedelta(seconds=seconds)
        self.work()

    def deliver(self, *events: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """Receive and handle; returns the results that this gave, in order."""
        before = {row["result_id"] for row in self.results()}
        self.receive(*events)
        self.work()
        return [row for row in self.results() if row["result_id"] not in before]

    def straight(self, *events: tuple[str, dict[str, Any]]) -> Sequence[Outcome]:
        """Hand a group to the handler in one transaction, as the straight path does."""
        streams: dict[str, Stream] = {}
        for _, data in events:
            streams.setdefault(data["order_key"], self.stream(data["order_key"]))
        group = [
            Event(event_type, data, streams[data["order_key"]], identity.text_digest(event_type, str(i)))
            for i, (event_type, data) in enumerate(events)
        ]
        with transaction.atomic():
            context = self.context
            outcomes = self.handler.handle(group, context)
            effects.write(list(zip(group, outcomes, strict=True)), (), context)
            effects.finish(context)
        return outcomes

    def stream(self, key: str) -> Stream:
        digest = identity.stream_digest(topics.ORDER_TOPIC, key)
        row = StreamRow.objects.filter(digest=digest).first()
        if row is None:
            row = StreamRow.objects.create(
                id=STREAMS.take(1)[0], digest=digest, topic=topics.ORDER_TOPIC, key=key
            )
        return Stream(row.id, digest, key, row.next_n, row.revision, row.closed)

    # What came of it.

    def seat(self, user: Any, course_key: str = DEMO) -> str | None:
        """The mode a learner holds; None when not enrolled."""
        user_id = user if isinstance(user, int) else user.pk
        pair = digests.of_pair(Pair(user_id, course_key))
        row = ReferenceEnrollment.objects.filter(pair=pair, is_active=True).first()
        return row.mode if row else None

    def seats(self) -> dict[tuple[int, str], str]:
        rows = ReferenceEnrollment.objects.filter(is_active=True)
        return {(row.lms_user_id, row.course_key): row.mode for row in rows}

    def grant(self, order_id: str, line_id: str = "1", source: str = "shop") -> Grant:
        stream = self.stream(f"{source}:{order_id}")
        # no text is an identity: a collation may think two line ids alike
        (found,) = (row for row in Grant.objects.filter(stream_id=stream.id) if row.line_id == line_id)
        return found

    def access(self, user: Any, course_key: str = DEMO) -> Grant:
        """The grant that holds the course access of a learner."""
        return Grant.objects.get(pair=digests.of_pair(Pair(user.pk, course_key)), place=0)

    def messages(self) -> list[tuple[str, dict[str, Any]]]:
        """Every message, oldest first within its order, as a reader decodes it."""
        rows = outbox.messages(sorted(set(Outbox.objects.values_list("batch_id", flat=True))))
        messages = [(row.event_type, wire.decode(row.event_type, row.body)) for row in rows]
        for event_type, body in messages:
            validate(event_type, body)
        return messages

    def results(self) -> list[dict[str, Any]]:
        return [body["fulfillment"] for _, body in self.messages() if "fulfillment" in body]

    def current(self, order_id: str, source: str = "shop") -> dict[tuple[str | None, str, str | None], tuple[str, str]]:
        """Outcome and reason of each (line, action, refund) of an order: what a reader keeps."""
        rows = [row for row in self.results() if row["order_key"] == f"{source}:{order_id}"]
        return {
            (row["line_id"], row["action"], row["refund_id"]): (row["outcome"], row["reason_code"])
            for row in sorted(rows, key=lambda row: row["sequence"])
        }


def words(results: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["outcome"], row["reason_code"]) for row in results]
