"""Real shapes of real stores through the gateway's own views, over the broker, to the enrollments of an LMS.

Each store tells the same story – two orders are paid, one is refunded in part, one in full – in five ways. Whatever
came, the same events go out and the same learners hold the same courses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from commerce_events import wire
from commerce_events.bus import outbox
from commerce_events.bus.clock import utc_now
from commerce_events.gateway import views
from commerce_events.models import Outbox
from commerce_events.stores.asks import answer
from commerce_events.stores.conf import stores
from commerce_events.stores.sweep import sweep
from commerce_events.validation import validate
from tests.engines.processes import Processes
from tests.engines.schema import TestDatabase
from tests.proof.stories import STORIES, Story
from tests.unit.fulfillment.site import DEMO, OTHER, Site
from tests.unit.stores.listening import Request
from tests.unit.stores.serving import served

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


WAYS = ("as it happens", "collapsed", "out of order", "twice", "never")


@dataclass
class Way:
    """One telling of the story, by a store of its own."""

    source: str
    name: str
    story: Story

    @property
    def learners(self) -> tuple[str, str]:
        return f"whole@{self.source}.example.com", f"part@{self.source}.example.com"

    def happen(self) -> None:
        store = stores()[self.source]
        heard: list[list[Request]] = []
        for step in self.story.steps(*self.learners):
            heard.append(step())
            if self.name == "as it happens":
                self.deliver(heard[-1])
                answer(store, utc_now)
        in_order = [request for requests in heard for request in requests]
        self.deliver({
            "collapsed": [*heard[-2], *heard[-1]], "twice": in_order * 2, "out of order": in_order[::-1],
        }.get(self.name, []))  # fmt: skip
        if self.name == "never":
            sweep(store, utc_now, BEFORE)
        answer(store, utc_now)

    def deliver(self, requests: list[Request]) -> None:
        for headers, raw in requests:
            answered = Client().post(
                f"/webhooks/{self.source}", raw, content_type="application/json", headers=headers
            )
            assert answered.status_code == 200, answered.content

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """What went out, but for the names of this telling."""
        found = []
        for message in outbox.messages(sorted(set(Outbox.objects.values_list("batch_id", flat=True)))):
            body = wire.decode(message.event_type, message.body)
            validate(message.event_type, body)
            (content,) = body.values()
            if content["source"] == self.source:
                learner = {**content["learner"], "email": (content["learner"]["email"] or "").split("@")[0]}
                unsaid = dict.fromkeys(self.story.unsaid)
                found.append((message.event_type, {
                    **content, "source": "", "order_key": "", "occurred_at": "", "learner": learner, **unsaid,
                }))  # fmt: skip
        return sorted(found, key=lambda event: event[1]["order_id"])  # within an order as they went out


@pytest.fixture(params=STORIES, ids=lambda kind: kind.kind)
def ways(request: pytest.FixtureRequest, settings: Any) -> Iterator[list[Way]]:
    with ExitStack() as stack:
        made = [Way(f"{request.param.kind}-{number}", name, request.param()) for number, name in enumerate(WAYS)]
        settings.ROOT_URLCONF = "commerce_events.gateway.urls"
        settings.COMMERCE_GATEWAY = {}
        settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "STORES": {
            way.source: {
                "KIND": way.story.kind, "SECRETS": list(way.story.secrets),
                "OPTIONS": way.story.options(stack.enter_context(served(way.story.fake))),
            } for way in made
        }}  # fmt: skip
        yield made
        views.forget()


@pytest.mark.slow
def test_a_story_told_in_five_ways_gives_the_same_events_and_the_same_enrollments(
    postgresql: TestDatabase, processes: Processes, ways: list[Way]
) -> None:
    site = Site()
    for course in (DEMO, OTHER):
        site.course(course)
    for way in ways:
        for email in way.learners:
            get_user_model().objects.create_user(email, email)
        way.happen()
    told = [way.events() for way in ways]
    assert len(told[0]) == 5  # two paid, three refunds
    for way, events in zip(ways, told, strict=True):
        assert events == told[0], way.name
    processes.environment["COMMERCE_EVENTS_TEST_FULFILLMENT"] = json.dumps(
        {"SOURCES": {way.source: {} for way in ways}}
    )
    result = processes.manage("consume_commerce_events", "--from", "earliest", "--until-idle")
    assert result.returncode == 0, result.stderr
    held = {
        email: [site.seat(get_user_model().objects.get(username=email), course) for course in (DEMO, OTHER)]
        for way in ways for email in way.learners
    }  # fmt: skip
    left = [None, None], [None, "verified"]
    assert held == {email: seats for way in ways for email, seats in zip(way.learners, left, strict=True)}
