"""Makes the calls that are due: each in a thread of its own, so that a store which does not answer delays no other.

A call that fails comes again, later each time, and in the end is held for a person. The calls of one hook about one
order are made one after the other; of one hook, a few at once. Several processes may do this: whoever makes a call
moves it on first, and if it is never heard of again, another makes it later.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from datetime import datetime, timedelta

import orjson
from django.db import transaction
from django.db.models import Min, Q

from commerce_events.bus.failures import summary
from commerce_events.exceptions import OperatorError, TransientError
from consumers.order_status import calls, conf
from consumers.order_status.hooks import News
from consumers.order_status.models import Call

log = logging.getLogger(__name__)

#: Calls of one hook that are made at once.
AT_ONCE = 4
#: Rows looked at in one round.
ROUND = 64
#: For how long a call belongs to whoever makes it, beyond the time its store has to answer.
GRACE = timedelta(seconds=60)
#: Seconds that a round waits for answers before it looks at what else is due.
PATIENCE = 1.0


class _Flight(threading.Thread):
    """A call on its way. Touches no database: it leaves what became of it in ``error`` and ``is_held``."""

    def __init__(self, call: Call, at: datetime, began: float, options: conf.Options) -> None:
        super().__init__(name=f"call {call.hook}", daemon=True)
        self.call, self.at, self.began, self.options = call, at, began, options
        self.error, self.is_held = "", False
        self.start()

    def run(self) -> None:
        """Make the call."""
        call = self.call
        try:
            hook = conf.hook(self.options, call.source, call.hook)
            body = orjson.loads(call.body)
            hook.tell(News(
                call.call_id, call.kind, call.source, body["order_id"], body["order_number"], body, call.created_at,
                call.attempts + 1,
            ))  # fmt: skip
        except TransientError as error:
            self.error = str(error)
        except OperatorError as error:
            self.error, self.is_held = f"{error} {error.hint}", True
        except Exception as error:  # noqa: BLE001 recorded on the row: it comes again, and in the end a person sees it
            self.error = summary(error)


class Caller:
    """The chore. Remembers which calls are on their way, and nothing else."""

    def __init__(self, options: conf.Options) -> None:
        self.options = options
        self._flying: list[_Flight] = []

    def __call__(self, now: datetime) -> int:
        """One round: begin what is due, wait a little, note what has ended. How many calls that were or still are."""
        fresh = [_Flight(call, now, time.monotonic(), self.options) for call in self._claimed(now)]
        self._flying += fresh
        busy, until = len(self._flying), time.monotonic() + PATIENCE
        for flight in fresh or self._flying:  # those that hang are not waited for while others get on
            flight.join(max(0.0, until - time.monotonic()))
        for flight in [flight for flight in self._flying if not flight.is_alive()]:
            self._note(flight)
            self._flying.remove(flight)
        return busy or calls.forget(now - self.options.keep)

    def _claimed(self, now: datetime) -> list[Call]:
        """Calls to be made now: the first of each queue that is due, if its hook has room. They are moved on."""
        room = Counter({(flight.call.source, flight.call.hook): AT_ONCE for flight in self._flying})
        room.subtract((flight.call.source, flight.call.hook) for flight in self._flying)
        full = Q()
        for (source, hook), left in room.items():
            if left <= 0:
                full |= Q(source=source, hook=hook)
        with transaction.atomic():
            pending = Call.objects.filter(state=Call.State.PENDING)
            due = pending.filter(due_at__lte=now).exclude(full) if full else pending.filter(due_at__lte=now)
            found = list(due.order_by("due_at", "pk").select_for_update(skip_locked=True)[:ROUND])
            queues = {bytes(call.queue) for call in found}
            first = dict(pending.filter(queue__in=queues).values_list("queue").annotate(Min("pk")))
            waits = dict(pending.filter(pk__in=first.values(), due_at__gt=now).values_list("queue", "due_at"))
            claimed = []
            for call in found:
                lane, queue = (call.source, call.hook), bytes(call.queue)
                if call.pk != first[queue]:  # it comes up again behind the one before it
                    behind = (waits.get(queue) or now) + timedelta(seconds=1)
                    Call.objects.filter(pk=call.pk).update(due_at=behind)
                elif room.setdefault(lane, AT_ONCE) > 0:
                    room[lane] -= 1
                    claimed.append(call)
            ours_until = now + timedelta(seconds=self.options.timeout * 3) + GRACE
            Call.objects.filter(pk__in=[call.pk for call in claimed]).update(due_at=ours_until)
        return claimed

    def _note(self, flight: _Flight) -> None:
        """Write what became of a call."""
        now = flight.at + timedelta(seconds=time.monotonic() - flight.began)
        call, error, attempts = flight.call, flight.error, flight.call.attempts + 1
        mine = Call.objects.filter(pk=call.pk, state=Call.State.PENDING)
        if not error:
            mine.update(state=Call.State.DONE, due_at=None, settled_at=now, error="", attempts=attempts)
        elif flight.is_held or attempts > len(self.options.calls):
            mine.update(state=Call.State.HELD, due_at=None, error=error[:255], attempts=attempts)
            log.error("call %s of %s to %s is held: %s", call.kind, call.order_key, call.hook, error)
        else:
            mine.update(due_at=now + self.options.calls[attempts - 1], error=error[:255], attempts=attempts)
            log.warning("call %s of %s to %s comes again: %s", call.kind, call.order_key, call.hook, error)
