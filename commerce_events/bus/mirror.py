"""Dead letters of the order topic on a topic of their own, for whoever watches topics and not databases.

Off by default (``MIRROR_DEAD_LETTERS``): the bytes may name a learner, and the topic must be protected as the order
topic is. The rows are their own outbox: what is not acknowledged stays unmarked and is sent again. Results go
first, and a mirror topic that is missing or forbidden stops nothing: it costs them two seconds in a minute.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from commerce_events import topics
from commerce_events.bus import closing
from commerce_events.bus.dead_letters import Kept
from commerce_events.models import DeadLetter

log = logging.getLogger(__name__)

#: Letters of one round, each of which may hold a megabyte; seconds that their acknowledgement may take.
MOST, PATIENCE = 20, 2.0
#: After a failure.
PAUSE = timedelta(minutes=1)
#: Headers that say what the message was, beside those it came with.
REASON, TOPIC, PARTITION, OFFSET, KEPT = (
    "dead_letter_reason", "dead_letter_topic", "dead_letter_partition", "dead_letter_offset", "dead_letter_value",
)  # fmt: skip
_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE}


class Mirror:
    """Publishes open dead letters once, in the order in which they were set aside.

    Arguments:
        new_producer: called when there is something to send.
        full_topic: puts the prefix in front of a topic.
    """

    def __init__(self, new_producer: Callable[[], Producer], full_topic: Callable[[str], str]) -> None:
        self.new_producer = new_producer
        self.source, self.target = full_topic(topics.ORDER_TOPIC), full_topic(topics.DEAD_LETTER_TOPIC)
        self._not_before = datetime.min.replace(tzinfo=UTC)

    def run(self, now: datetime) -> int:
        """One round. Returns the number of letters acknowledged; after a failure it pauses, and says so."""
        if now < self._not_before:
            return 0
        waiting = DeadLetter.objects.filter(topic=self.source, state=DeadLetter.State.OPEN, mirrored_at=None)
        rows = list(waiting.order_by("pk")[:MOST])
        if not rows:
            return 0
        done, failed = self._publish(rows)
        DeadLetter.objects.filter(pk__in=done).update(mirrored_at=now)
        if failed:
            self._not_before = now + PAUSE
            log.warning("%d dead letters were not mirrored on %s: %s", len(rows) - len(done), self.target, failed)
        return len(done)

    def _publish(self, rows: list[DeadLetter]) -> tuple[list[int], str]:
        done: list[int] = []
        failed: list[str] = []
        producer = self.new_producer()

        def report(row: DeadLetter, whole: bool) -> Callable[[KafkaError | None, Any], None]:
            def on_delivery(error: KafkaError | None, _: Any) -> None:
                if error is None:
                    done.append(row.pk)
                elif error.code() in _TOO_LARGE and whole:
                    self._send(producer, row, report(row, False), whole=False)
                else:
                    failed.append(error.str())

            return on_delivery

        try:
            for row in rows:
                self._send(producer, row, report(row, True), whole=True)
            left = producer.flush(PATIENCE)
        except (KafkaException, BufferError) as error:
            failed.append(error.args[0].str() if isinstance(error, KafkaException) else "the client's queue is full")
            left = 0
        if left:
            failed.append("no answer from the broker in time")
        closing.discard(producer)
        return done, failed[0] if failed else ""

    def _send(self, producer: Producer, row: DeadLetter, on_delivery: Any, *, whole: bool) -> None:
        """Hand one over; without its value if the broker takes none of that size: the database has it."""
        kept = Kept(row)
        headers: list[tuple[str, bytes | None]] = [
            *kept.headers(), (REASON, row.reason.encode()), (TOPIC, row.topic.encode()),
            (PARTITION, str(row.partition).encode()), (OFFSET, str(row.offset).encode()),
        ]  # fmt: skip
        if not whole:
            headers.append((KEPT, b"too large; in the database only"))
        value = kept.value() if whole else None
        try:
            producer.produce(
                self.target, key=kept.key(), value=value, headers=headers,  # type: ignore[arg-type]
                on_delivery=on_delivery,
            )  # fmt: skip
        except KafkaException as error:
            if not whole or error.args[0].code() not in _TOO_LARGE:
                raise
            self._send(producer, row, on_delivery, whole=False)
