"""Questions to stores: a delivery or a sweep named an order and did not hold it.

A question is a row until its answer was written. A store that is away, or refuses us, is asked again later, with all
that is due of it; nothing is given up. Whoever answers must hold the lease (:mod:`commerce_events.stores.rounds`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db.models import F

from commerce_events.bus.failures import is_transient, summary
from commerce_events.exceptions import CommerceEventsError, OperatorError, TransientError
from commerce_events.stores.adapter import Ask, Reading
from commerce_events.stores.conf import Store
from commerce_events.stores.models import OpenAsk
from commerce_events.stores.orders import note
from commerce_events.stores.readings import use
from commerce_events.stores.snapshot import Notice
from commerce_events.stores.transactions import settled

log = logging.getLogger(__name__)

#: Until a question that failed is asked again: doubled with each failure, up to the second.
FIRST, LONGEST = timedelta(seconds=5), timedelta(hours=1)
#: Questions to one store in one round, so that no store keeps the others waiting.
MOST = 50


def pause(attempts: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    return min(FIRST * (1 << min(attempts, 20)), LONGEST)


def answer(
    store: Store, clock: Callable[[], datetime], most: int = MOST, seen: Callable[[int], object] = lambda done: None
) -> int:
    """Ask a store what is due, the oldest first; how many questions were answered.

    It ends early where the store does not answer: then everything due of it waits.

    Arguments:
        seen: called before each question with how many were answered.
    """
    done = 0
    for row in _due(store.source, clock(), most):
        seen(done)
        ask = Ask(row.ask_id, row.kind)
        try:
            readings = store.adapter.fetch(ask)
            events = _written(row, ask, readings, clock())
        except (TransientError, OperatorError) as error:
            log.warning("store %s: %s", store.source, error)
            _postpone_all(store.source, error, clock())
            break
        except Exception as error:  # recorded on the question's row and as a notice, and tried again
            if is_transient(error):
                raise
            log.error("store %s: the answer about %s cannot be used: %s", store.source, row.kind, summary(error))
            _postpone(row, error, clock())
            continue
        done += 1
        if events:
            log.info("store %s: %d events from an answer", store.source, events)
    return done


def _due(source: str, now: datetime, most: int) -> list[OpenAsk]:
    return list(OpenAsk.objects.filter(source=source, due_at__lte=now).order_by("due_at", "pk")[:most])


def _written(row: OpenAsk, ask: Ask, readings: Sequence[Reading], now: datetime) -> int:
    def work(_: int) -> int:
        here = OpenAsk.objects.select_for_update().filter(pk=row.pk).first()
        if here is None:
            return 0  # somebody has answered or discarded it
        events = use(row.source, (reading for reading in readings if reading != ask), now)
        if here.times == row.times:
            here.delete()
        else:  # it changed again while the answer was on its way
            OpenAsk.objects.filter(pk=row.pk).update(due_at=now, attempts=0, reason="")
        return events

    return settled(work)


def _postpone_all(source: str, error: CommerceEventsError, now: datetime) -> None:
    waiting = OpenAsk.objects.filter(source=source, due_at__lte=now)
    most = waiting.order_by("-attempts").values_list("attempts", flat=True).first() or 0
    waiting.update(attempts=F("attempts") + 1, due_at=now + pause(most), reason=str(error)[:255])


def _postpone(row: OpenAsk, error: Exception, now: datetime) -> None:
    """An answer that cannot be used: a person should look; perhaps the store mends it."""
    why = str(error) if isinstance(error, CommerceEventsError) else summary(error)
    OpenAsk.objects.filter(pk=row.pk).update(
        attempts=F("attempts") + 1, due_at=now + pause(row.attempts), reason=why[:255]
    )
    note(row.source, "", [Notice(code="answer_unusable", about=f"{row.kind} {row.ask_id}")], now)
