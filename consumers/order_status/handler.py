"""Results as a durable handler: each closes, or keeps open, the line that it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from commerce_events import topics
from commerce_events.bus.types import Context, Event, Finding, Outcome
from consumers.order_status import calls, conf, findings, overdue, requests
from consumers.order_status.book import Book
from consumers.order_status.caller import Caller

RESULTS = frozenset(topics.RESULT_TYPES.values())


class OrderStatusHandler:
    """Handles the results topic of a store. Keeps no state between calls, but for the shops that it is calling."""

    event_types = RESULTS | {topics.REFUND_REQUESTED_TYPE}
    bulk = True

    def __init__(self, options: conf.Options | None = None) -> None:
        self.options = options if options is not None else conf.options()
        self._caller = Caller(self.options)

    def handle(self, events: Sequence[Event], context: Context) -> Sequence[Outcome]:
        """Fold results into their lines; orders of other stores are passed over."""
        book = Book({event.stream.key for event in events}, context.now)
        for event in events:
            data = event.data
            if event.stream.key not in book.orders:
                if data["source"] not in self.options.sources:
                    continue
                book.open(event.stream.key, data["order_number"])
            if event.event_type == topics.REFUND_REQUESTED_TYPE:
                requests.note(data, self.options, context.now)
            else:
                book.answer(data)
        calls.tell(book.write(), self.options, context.now)
        return [Outcome() for _ in events]

    @property
    def chores(self) -> Mapping[str, Callable[[datetime], int]]:
        """What is done beside consuming, each in a thread of its own: ask again, and tell the store."""
        return {
            "resend": lambda now: overdue.resend(now, self.options) + overdue.alarms(now, self.options),
            "calls": self._caller,
        }

    def findings(self) -> Iterable[Finding]:
        """What ``commerce-events doctor`` says about the orders of this store."""
        return findings.everything()
