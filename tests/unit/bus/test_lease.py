"""One holder at a time, by the database's clock."""
from __future__ import annotations

import time
from datetime import timedelta

from django.db.models.functions import Now

from commerce_events.bus.lease import Lease
from commerce_events.models import Lease as Row
from tests.engines.schema import TestDatabase


def expire(name: str) -> None:
    Row.objects.filter(name=name).update(expires_at=Now() - timedelta(seconds=1))


def test_of_two_relays_one_holds_it(database: TestDatabase) -> None:
    one, other = Lease("relay", 30), Lease("relay", 30)
    assert one.hold()
    assert not other.hold()
    assert one.hold()
    assert one.left > 29
    assert other.left == 0


def test_an_expired_lease_changes_hands_and_its_former_holder_notices(database: TestDatabase) -> None:
    one, other = Lease("relay", 0.3), Lease("relay", 30)
    assert one.hold()
    expire("relay")
    assert other.hold()
    time.sleep(0.11)  # a third of its time: it asks again
    assert not one.hold()
    assert Row.objects.get().term == 2
    assert Row.objects.get().holder == other.holder


def test_a_lease_given_back_is_free_at_once(database: TestDatabase) -> None:
    one, other = Lease("relay", 30), Lease("relay", 30)
    assert one.hold()
    one.release()
    assert other.hold()
    one.release()  # no longer its own to give back
    assert not Lease("relay", 30).hold()


def test_a_lease_is_renewed_while_it_is_held(database: TestDatabase) -> None:
    lease = Lease("relay", 3)
    assert lease.hold()
    before = Row.objects.get().expires_at
    time.sleep(1.1)  # more than a third of its time, and far from its end
    assert lease.hold()
    assert Row.objects.get().expires_at > before
    assert Row.objects.get().term == 1


def test_deliveries_are_noted_upwards_only(database: TestDatabase) -> None:
    lease = Lease("relay", 30)
    lease.hold()
    lease.note({"results": {"0": 5, "1": 7}})
    lease.note({"results": {"0": 3, "1": 8}, "others": {"2": 1}})
    assert lease.delivered() == {"results": {"0": 5, "1": 8}, "others": {"2": 1}}
