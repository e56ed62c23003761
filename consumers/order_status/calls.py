"""Calls that are due to a store: written in the transaction that changes the order, made by a thread of its own.

So a store that does not answer stands in nobody's way. A call that fails comes again, later each time, and in the end
is held for a person. The calls of one hook about one order are made one after the other.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.db import transaction
from django.db.models import Min

from commerce_events import identity
from commerce_events.bus.failures import summary
from commerce_events.exceptions import OperatorError, TransientError
from consumers.order_status import conf
from consumers.order_status.book import OpenOrder
from consumers.order_status.hooks import News
from consumers.order_status.models import Call

log = logging.getLogger(__name__)

#: Calls that are made at once, of different queues.
AT_ONCE = 4
#: For how long a call belongs to whoever makes it, beyond the time its store has to answer.
GRACE = timedelta(seconds=60)


def tell(orders: Iterable[OpenOrder], options: conf.Options, now: datetime, kind: str = "order.changed") -> None:
    """Have the stores told how these orders stand. In the caller's transaction."""
    rows: list[Call] = []
    for order in orders:
        rows += _calls(order.order_key, order.order_number, kind, _standing(order), options, now)
    Call.objects.bulk_create(rows)


def tell_request(data: Mapping[str, Any], options: conf.Options, now: datetime) -> None:
    """Have a store told that a learner has left."""
    body = {name: data[name] for name in (
        "request_id", "line_id", "lms_user_id", "course_key", "mode", "requested_at", "is_within_window", "initiator",
    )}  # fmt: skip
    Call.objects.bulk_create(
        _calls(data["order_key"], data["order_number"], "refund.requested", body, options, now)
    )


def make(now: datetime, options: conf.Options) -> int:
    """Make the calls that are due, or else forget old ones; how many. Several processes may do this at once."""
    claimed = _claimed(now, options)
    if not claimed:
        return _forget(now - options.keep)
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE, "call") as pool:
        said = list(pool.map(lambda call: _made(call, options), claimed))
    now += timedelta(seconds=time.monotonic() - began)
    for call, (error, is_held) in zip(claimed, said, strict=True):
        _note(call, error, is_held, options, now)
    return len(claimed)


def retry(ids: Iterable[int]) -> int:
    """Make calls again that are held, as if they were new; how many."""
    held = Call.objects.filter(pk__in=list(ids), state=Call.State.HELD)
    return held.update(state=Call.State.PENDING, due_at=datetime.now(UTC), attempts=0)


def discard(ids: Iterable[int]) -> int:
    """Give calls up that are held or pending; how many."""
    open_ = Call.objects.filter(pk__in=list(ids), state__in=[Call.State.HELD, Call.State.PENDING])
    return open_.update(state=Call.State.DISCARDED, due_at=None, settled_at=datetime.now(UTC))


def _calls(
    order_key: str, order_number: str, kind: str, about: Mapping[str, Any], options: conf.Options, now: datetime
) -> list[Call]:
    source, _, order_id = order_key.partition(":")
    head = {"source": source, "order_id": order_id, "order_number": order_number}
    body = orjson.dumps({**head, **about}).decode()
    return [
        Call(
            call_id=str(uuid.uuid4()), queue=identity.text_digest("call", name, order_key), source=source, hook=name,
            kind=kind, order_key=order_key, body=body, due_at=now, created_at=now,
        )
        for name in options.hooks_of(source)
    ]  # fmt: skip


def _standing(order: OpenOrder) -> dict[str, Any]:
    """How an order stands: every line, and which of them are news."""
    lines = [
        {
            "line_id": line.line_id or None, "course_key": line.course_key or None, "mode": line.mode or None,
            "quantity": line.quantity, "state": line.state.state, "reason_code": line.state.reason or None,
            "is_final": line.state.is_final, "alarm": line.alarm or None, "is_news": line.is_news,
        }
        for _, line in sorted(order.lines.items())
    ]  # fmt: skip
    return {"status": order.status, "lines": lines}


def _claimed(now: datetime, options: conf.Options) -> list[Call]:
    """The first call of each queue that is due, moved on, so that nobody else makes it."""
    with transaction.atomic():
        pending = Call.objects.filter(state=Call.State.PENDING)
        due = pending.filter(due_at__lte=now).order_by("due_at", "pk").select_for_update(skip_locked=True)
        found = list(due[: AT_ONCE * 4])
        first = dict(
            pending.filter(queue__in={bytes(call.queue) for call in found}).values_list("queue").annotate(Min("pk"))
        )
        claimed = [call for call in found if call.pk == first[bytes(call.queue)]][:AT_ONCE]
        waits = dict(pending.filter(pk__in=first.values(), due_at__gt=now).values_list("queue", "due_at"))
        for call in found:
            if call.pk != first[bytes(call.queue)]:  # it comes up again behind the one before it
                behind = (waits.get(bytes(call.queue)) or now) + timedelta(seconds=1)
                Call.objects.filter(pk=call.pk).update(due_at=behind)
        Call.objects.filter(pk__in=[call.pk for call in claimed]).update(
            due_at=now + timedelta(seconds=options.timeout * 3) + GRACE
        )
    return claimed


def _made(call: Call, options: conf.Options) -> tuple[str, bool]:
    """Make one call: what went wrong, and whether a person must look. Touches no database: it runs in a thread."""
    try:
        hook = conf.hook(options, call.source, call.hook)
        body = orjson.loads(call.body)
        hook.tell(News(
            call.call_id, call.kind, call.source, body["order_id"], body["order_number"], body, call.created_at,
            call.attempts + 1,
        ))  # fmt: skip
    except TransientError as error:
        return str(error), False
    except OperatorError as error:
        return f"{error} {error.hint}", True
    except Exception as error:  # noqa: BLE001 recorded on the row: it comes again, and in the end a person sees it
        return summary(error), False
    return "", False


def _forget(before: datetime, most: int = 500) -> int:
    """Delete calls that were made or given up before."""
    old = list(Call.objects.filter(settled_at__lt=before).order_by("settled_at").values_list("pk", flat=True)[:most])
    return Call.objects.filter(pk__in=old).delete()[0] if old else 0


def _note(call: Call, error: str, is_held: bool, options: conf.Options, now: datetime) -> None:
    mine = Call.objects.filter(pk=call.pk, state=Call.State.PENDING)
    if not error:
        mine.update(state=Call.State.DONE, due_at=None, settled_at=now, error="", attempts=call.attempts + 1)
        return
    attempts = call.attempts + 1
    if is_held or attempts > len(options.calls):
        mine.update(state=Call.State.HELD, due_at=None, error=error[:255], attempts=attempts)
        log.error("call %s of %s to %s is held: %s", call.kind, call.order_key, call.hook, error)
    else:
        mine.update(due_at=now + options.calls[attempts - 1], error=error[:255], attempts=attempts)
        log.warning("call %s of %s to %s comes again: %s", call.kind, call.order_key, call.hook, error)
