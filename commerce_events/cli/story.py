"""The scenes of ``commerce-events demo``: each does something, then looks at Kafka and the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from commerce_events import topics
from commerce_events.bus.client import StoreClient
from commerce_events.bus.kafka import send_raw
from commerce_events.identity import text_digest
from commerce_events.testing import builders

DEMO = "course-v1:edX+DemoX+2026"
FULL = "course-v1:edX+FullX+2026"


@dataclass
class Scene:
    """A row of the table."""

    title: str
    result: str
    seat: str
    ok: bool


@dataclass
class Play:
    """What the scenes have at hand: the store's producer, the results, the LMS."""

    store: StoreClient
    results: Any
    worker: Any
    bootstrap: str

    def paid(self, order_id: str, **more: Any) -> dict[str, Any]:
        """Publish a paid order; answers its body, to be sent again."""
        body = builders.order_paid(order_id, **more)
        self.store.publish(topics.ORDER_PAID_TYPE, body)
        return body

    def refunded(self, order_id: str, **more: Any) -> None:
        """Publish a full refund of an order."""
        self.store.publish(topics.ORDER_REFUNDED_TYPE, builders.order_refunded(order_id, **more))

    def told(self, order_id: str, count: int = 1) -> tuple[str, list[str]]:
        """The order's results as text, and their outcomes."""
        found = self.results.wait(f"shop:{order_id}", count)
        text = "\n".join(
            f"{r['outcome']} / {r['reason_code']}" + ("" if r["is_final"] else " (not final)") for r in found
        )
        return text or "nothing came", [f"{r['outcome']}/{r['reason_code']}" for r in found]


def scenes(play: Play) -> Iterator[Scene]:
    """The story, in order. One account, two courses; one of them is full."""
    learner = _account("learner@example.com")
    _course(DEMO)
    _course(FULL, capacity=0)

    body = play.paid("1001", lms_user_id=learner.pk)
    text, got = play.told("1001")
    yield Scene("an order is paid", text, _seat(learner), got == ["completed/ok"] and _seat(learner) == "verified")

    for _ in range(3):
        play.store.publish(topics.ORDER_PAID_TYPE, body)
    play.results.still(1.0)
    text, got = play.told("1001")
    one = got == ["completed/ok"]
    yield Scene(
        "the same event three times more", "nothing new: one result, as before" if one else text, _seat(learner), one
    )

    play.refunded("1001")
    text, got = play.told("1001", 2)
    yield Scene("the order is refunded", text, _seat(learner), got[1:] == ["revoked/ok"] and _seat(learner) == "none")

    play.refunded("1002")
    play.told("1002")
    play.paid("1002", lms_user_id=learner.pk)
    text, got = play.told("1002", 2)
    yield Scene(
        "a refund comes before its payment",
        text,
        _seat(learner),
        got == ["retained/grant_not_found", "skipped/refund_before_paid"],
    )

    play.paid("1003", email="newcomer@example.com")
    text, got = play.told("1003")
    yield Scene("somebody without an account pays", text, "waits for an account", got == ["deferred/learner_not_found"])

    newcomer = _account("newcomer@example.com")
    play.worker.wake("handle")
    text, got = play.told("1003", 2)
    yield Scene(
        "… and registers",
        text.splitlines()[-1],
        _seat(newcomer),
        got[1:] == ["completed/ok"] and _seat(newcomer) == "verified",
    )

    play.paid("1004", lms_user_id=learner.pk, course_key=FULL)
    text, got = play.told("1004")
    yield Scene("a course that is full", text, "waits for a person", got == ["deferred/course_full"])

    send_raw(
        play.bootstrap,
        topics.full_topic(topics.ORDER_TOPIC, "demo"),
        b"\0poisoned",
        {"ce_type": topics.ORDER_PAID_TYPE},
    )
    play.paid("1005", lms_user_id=learner.pk)
    text, got = play.told("1005")
    kept = _dead_letters()
    yield Scene(
        "a poisoned message, then an order",
        f"{text}\nset aside with its bytes: {', '.join(kept) or 'nothing'}", _seat(learner),
        got == ["completed/ok"] and len(kept) == 1,
    )  # fmt: skip


def _account(email: str) -> Any:
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create(username=email.split("@")[0], email=email, is_active=True)


def _course(key: str, capacity: int | None = None) -> None:
    from django.apps import apps

    # by label: the bus knows no consumer
    course = apps.get_model("commerce_reference", "ReferenceCourse")
    course.objects.create(
        digest=text_digest(key), course_key=key, modes={"audit": None, "verified": None}, capacity=capacity
    )


def _seat(account: Any) -> str:
    from django.apps import apps

    rows = apps.get_model("commerce_reference", "ReferenceEnrollment").objects.filter(
        lms_user_id=account.pk, course_key=DEMO, is_active=True
    )
    return next(iter(rows.values_list("mode", flat=True)), "none")


def _dead_letters() -> list[str]:
    from commerce_events.models import DeadLetter

    return list(DeadLetter.objects.values_list("reason", flat=True))
