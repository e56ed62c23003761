"""The property at the top of the rules, through the real handler and a real database."""
from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import batched
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce_events import topics
from consumers.fulfillment import models
from consumers.fulfillment.gateway import Account, Entitlement, EntitlementChange, EntitlementKey
from consumers.fulfillment.reference.gateway import OneByOneGateway, ReferenceGateway
from consumers.fulfillment.rules.state import WHOLE_ORDER, Course, Grant, Pair
from tests.engines.schema import TestDatabase
from tests.model.memory import course_of, policy_of
from tests.model.sequential import End, agree
from tests.model.strategies import (
    SPRING,
    Capacity,
    Certified,
    Clock,
    Embargo,
    Fact,
    Phase,
    Registered,
    World,
    deliveries,
    worlds,
)
from tests.unit.fulfillment.site import Site

EXAMPLES = int(os.environ.get("TEST_EXAMPLES", "25"))


class Bulk(ReferenceGateway):
    """What a world says is a fact here, as it is for the model: that a course is full is no count."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.full: set[str] = set()
        self.retired: set[int] = set()
        self.no_entry: set[Pair] = set()
        self.certificates: set[Pair] = set()
        self.rights: dict[EntitlementKey, Entitlement] = {}

    def accounts(self, *asked: Any) -> Sequence[Account]:
        return [one._replace(is_retired=one.lms_user_id in self.retired) for one in super().accounts(*asked)]

    def courses(self, course_keys: Collection[str]) -> Mapping[str, Course]:
        return {key: replace(course_of(self.world, key), is_full=key in self.full) for key in course_keys}

    def embargoed(self, pairs: Collection[Pair]) -> Collection[Pair]:
        return self.no_entry.intersection(pairs)

    def certified(self, pairs: Collection[Pair]) -> Collection[Pair]:
        return self.certificates.intersection(pairs)

    def entitlements(self, keys: Collection[EntitlementKey]) -> Mapping[EntitlementKey, Entitlement]:
        runs = self.world.runs
        return {key: self.rights.get(key) or Entitlement(runs=runs.get(key[:2], ())) for key in keys}

    def apply_entitlements(self, changes: Sequence[EntitlementChange]) -> Mapping[EntitlementKey, str]:
        for key, is_active, run in changes:
            if is_active:
                self.rights.setdefault(key, Entitlement(exists=True, run=run))
            elif key in self.rights:
                self.rights[key] = self.rights[key]._replace(is_expired=True)
        return {}


class OneByOne(Bulk, OneByOneGateway):
    """One order per transaction."""


class ModelSite(Site):
    def __init__(self, world: World, gateway: Bulk) -> None:
        self.gateway = gateway
        super().__init__(gateway, policy_of(world))
        self.now = SPRING
        for key, modes in world.modes.items():
            self.course(key, modes)
        for user_id in (1, 2):
            self.user(f"learner{user_id}", pk=user_id)

    def happen(self, fact: Fact) -> None:
        if isinstance(fact, Capacity):
            (self.gateway.full.add if fact.is_full else self.gateway.full.discard)(fact.course_key)
        elif isinstance(fact, Registered):
            late, _ = get_user_model().objects.get_or_create(
                pk=fact.lms_user_id, defaults={"username": "late", "email": fact.email, "is_active": fact.is_active}
            )
            late.is_active = fact.is_active
            late.save()
            if fact.is_retired:
                self.gateway.retired.add(fact.lms_user_id)
        elif isinstance(fact, Embargo):
            known, pair = self.gateway.no_entry, Pair(fact.lms_user_id, fact.course_key)
            (known.add if fact.is_embargoed else known.discard)(pair)
        elif isinstance(fact, Certified):
            self.gateway.certificates.add(Pair(fact.lms_user_id, fact.course_key))
        elif isinstance(fact, Clock):
            self.now = fact.now
        else:
            self.set_seat(fact.lms_user_id, fact.mode, fact.course_key)

    def end(self) -> End:
        lines: dict[tuple[str, str], Grant] = {}
        for row in models.Grant.objects.exclude(line_id=WHOLE_ORDER):
            lines[row.order_key, row.line_id] = Grant(
                row.order_key, row.line_id, row.state, quantity=row.quantity, refunded_total=row.refunded_total,
                is_full=row.is_full, chargeback=row.chargeback, found=row.found,
            )  # fmt: skip
        return End(
            self.seats(),
            {key for key, grant in lines.items() if grant.is_live},
            {key: grant.refunded_total for key, grant in lines.items()},
            {key for key, grant in lines.items() if grant.state == "waiting"},
            {(key.order_key, key.line_id) for key, known in self.gateway.rights.items() if not known.is_expired},
        )


def run(world: World, phases: list[Phase], gateway: Bulk, size: int, straight: bool = False) -> End:
    """The phases through the handle stage, ``size`` events at a time; nothing is kept of it.

    ``straight``: the store's events go through the intake, as a batch that decides what it can.
    """
    with transaction.atomic():
        site = ModelSite(world, gateway)
        for phase in phases:
            for fact in phase.facts:
                site.happen(fact)
            for events in batched(phase.events, size):
                if straight:
                    site.take_in(*(event for event in events if event[0] in topics.EVENT_TYPES), check=False)
                    events = tuple(event for event in events if event[0] not in topics.EVENT_TYPES)
                site.receive(*events, check=False, again=True)
                site.work()
        end = site.end()
        transaction.set_rollback(True)
    return end


@pytest.mark.parametrize("gateway", [Bulk, OneByOne])
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_order_any_repetition_and_any_grouping_ends_as_the_sequential_model(
    database: TestDatabase, gateway: Any, data: Any
) -> None:
    world = data.draw(worlds())
    phases = data.draw(deliveries(world))
    size = data.draw(st.sampled_from([1, 3, 100]))
    straight = data.draw(st.booleans())
    agree(world, run(world, phases, gateway(world), size, straight))
