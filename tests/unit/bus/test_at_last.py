"""What a handler does outside of its tables is done at last, and may find that everything must be decided again."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from commerce_events.bus import sql
from commerce_events.bus.types import Again, Context, Event, Outcome
from commerce_events.models import Inbox, Outbox
from tests.engines.schema import TestDatabase
from tests.unit.bus.recording import Bus, Recording, name, paid


class Deeds(Recording):
    """Looks at the tables when it acts; refuses what it is told to, until the handler knows of the refusal."""

    def __init__(self, bulk: bool = True) -> None:
        super().__init__(bulk)
        self.seen: list[tuple[int, int]] = []
        self.knew: list[dict[Any, Any]] = []
        self.refuses: dict[str, str] = {}
        self.deaf = False

    def handle(self, events: Sequence[Event], context: Context) -> list[Outcome]:
        outcomes = super().handle(events, context)
        self.knew.append(dict(context.facts))
        refused = {name(event): self.refuses[name(event)] for event in events if name(event) in self.refuses}
        news = refused if self.deaf else {key: why for key, why in refused.items() if key not in context.facts}
        digests = [event.digest for event in events]
        context.at_last.append(lambda: self.act(digests, news))
        return outcomes

    def act(self, digests: list[bytes], news: dict[str, str]) -> None:
        rows = sql.select(Inbox, ("parcels",), "digest", digests, extra="due_at IS NULL")
        self.seen.append((len(rows), len({parcel for (parcel,) in rows if parcel})))
        if news:
            raise Again(news)


@pytest.mark.parametrize("straight", [True, False])
def test_everything_of_ours_is_written_before_it(database: TestDatabase, straight: bool) -> None:
    handler = Deeds()
    bus = Bus(handler, straight=straight)
    bus.take(paid("1"), paid("2"))
    bus.work()
    assert handler.seen == [(2, 1)], "the events are handled, and their messages in a parcel"


@pytest.mark.parametrize("straight", [True, False])
def test_a_refusal_takes_all_back_and_is_known_the_next_time(database: TestDatabase, straight: bool) -> None:
    handler = Deeds()
    handler.refuses = {"paid 2": "course_full"}
    bus = Bus(handler, straight=straight)
    bus.take(paid("1"), paid("2"))
    bus.work()
    assert handler.knew == [{}, {"paid 2": "course_full"}]
    assert handler.calls == [["paid 1", "paid 2"]] * 2
    assert Inbox.objects.filter(state="handled", attempts=0).count() == 2
    assert Outbox.objects.count() == 1, "nothing of the first try is left"


def test_what_refuses_for_ever_ends_with_a_person(database: TestDatabase) -> None:
    handler = Deeds()
    handler.refuses, handler.deaf = {"paid 2": "because"}, True
    bus = Bus(handler)
    assert bus.take(paid("1"), paid("2")).pending == 2
    for _ in range(6):
        bus.work(4000)
    states = dict(Inbox.objects.values_list("payload", "state"))
    assert sorted(states.values()) == ["handled", "held"]
    assert [each for each in handler.told if each[1]] == [("paid 2", "internal_error")]
