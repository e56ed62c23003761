"""The straight path: a batch from Kafka decided in the intake's own transaction."""
from __future__ import annotations

import threading

from django.db import connections

from commerce_events.models import Inbox
from consumers.fulfillment.reference.gateway import OneByOneGateway
from tests.engines.schema import TestDatabase
from tests.unit.fulfillment.site import DEMO, OTHER, Site, learner, line, paid, refunded, words


def test_a_batch_of_new_orders_is_handled_at_once(site: Site) -> None:
    ada, bob = site.user("ada"), site.user("bob")
    stored = site.take_in(paid("100", ada), paid("101", bob, line(course_key=OTHER)), refunded("101"))
    assert (stored.handled, stored.pending, stored.messages) == (3, 0, True)
    assert site.seats() == {(ada.pk, DEMO): "verified"}
    assert not Inbox.objects.filter(event_type__startswith="org.", due_at__isnull=False).exists()


def test_a_waiting_line_of_the_straight_path_resumes_too(site: Site) -> None:
    site.take_in(paid("100", learner(email="learner@example.com")))
    late = site.user("late", email="learner@example.com")
    site.work()
    assert site.seats() == {(late.pk, DEMO): "verified"}
    assert words(site.results()) == [("deferred", "learner_not_found"), ("completed", "ok")]


def test_a_gateway_that_is_not_bulk_leaves_the_batch_to_the_handle_stage(site: Site) -> None:
    site = Site(OneByOneGateway())
    ada, bob = site.user("ada"), site.user("bob")
    stored = site.take_in(paid("100", ada), paid("101", bob))
    assert (stored.handled, stored.pending) == (0, 2)
    site.work()
    assert site.seats() == {(ada.pk, DEMO): "verified", (bob.pk, DEMO): "verified"}


def test_intakes_that_read_the_same_orders_at_once_do_nothing_twice(site: Site, database: TestDatabase) -> None:
    users = [site.user(f"user{i}") for i in range(6)]
    events = [paid(f"{i}", user, line("1"), line("2", OTHER)) for i, user in enumerate(users)]
    events += [paid(f"again{i}", user) for i, user in enumerate(users)]

    def read(part: list[tuple[str, dict[str, object]]]) -> None:
        try:
            for event in part:
                Site().take_in(event, event)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=read, args=(part,)) for part in (events, events[::-1], events[3:] + events[:3])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    site.work()
    assert Inbox.objects.filter(event_type__startswith="org.").count() == len(events)
    assert len(site.results()) == 18
    assert sorted(words(site.results())) == [("completed", "duplicate_purchase")] * 6 + [("completed", "ok")] * 12
    assert site.seats() == {(user.pk, key): "verified" for user in users for key in (DEMO, OTHER)}
