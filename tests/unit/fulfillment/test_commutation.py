"""The property at the top of the rules, through the real handler and a real database."""
from __future__ import annotations

import os
from collections.abc import Collection, Mapping
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
from consumers.fulfillment.reference.gateway import OneByOneGateway, ReferenceGateway
from consumers.fulfillment.rules.policy import Policy, Source
from consumers.fulfillment.rules.state import WHOLE_ORDER, Course, Grant
from tests.engines.schema import TestDatabase
from tests.model.sequential import End, expected
from tests.model.strategies import SOURCE, Capacity, Fact, Phase, Registered, World, deliveries, worlds
from tests.unit.fulfillment.site import Site

EXAMPLES = int(os.environ.get("TEST_EXAMPLES", "25"))


class Bulk(ReferenceGateway):
    """Whether a course is full is a fact here, as it is for the model, and not a count."""

    def __init__(self) -> None:
        self.full: set[str] = set()

    def courses(self, course_keys: Collection[str]) -> Mapping[str, Course]:
        return {key: replace(course, is_full=key in self.full) for key, course in super().courses(course_keys).items()}


class OneByOne(Bulk, OneByOneGateway):
    """One order per transaction."""


class ModelSite(Site):
    def __init__(self, world: World, gateway: Bulk) -> None:
        self.gateway = gateway
        super().__init__(gateway, Policy(sources={SOURCE: Source()}, refund_policy=world.refund_policy))
        for key, modes in world.modes.items():
            self.course(key, modes)
        for user_id in (1, 2):
            self.user(f"learner{user_id}", pk=user_id)

    def happen(self, fact: Fact) -> None:
        if isinstance(fact, Capacity):
            (self.gateway.full.add if fact.is_full else self.gateway.full.discard)(fact.course_key)
        elif isinstance(fact, Registered):
            get_user_model().objects.create_user("late", pk=fact.lms_user_id, email=fact.email)
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
    assert run(world, phases, gateway(), size, straight) == expected(world)
