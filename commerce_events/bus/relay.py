"""The third stage: committed messages go to Kafka, in the order of their batches, at least once under the same ids.

What keeps the order of one key:

- one relay at a time (lease), which reads batches in the order of their ids – the order of commits, as far as one
  stream is concerned;
- an idempotent producer without a message timeout of its own. librdkafka's timeout expires messages one by one, so a
  later message can overtake an expired one when the broker comes back in between. The relay has one deadline for all:
  it throws the whole queue away and starts again at the first batch that was not acknowledged whole (ADR 0009).

A relay that was stopped and wakes up can only repeat, in order, what its successor sends too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import orjson
from confluent_kafka import KafkaException, Producer
from django.db import DatabaseError, InterfaceError, transaction

from commerce_events import wire
from commerce_events.bus import closing, outbox
from commerce_events.bus.clock import utc_now
from commerce_events.bus.codec import Encoder
from commerce_events.bus.failures import summary
from commerce_events.bus.lease import Lease
from commerce_events.exceptions import TransientError
from commerce_events.models import OutboxBatch, Resend

log = logging.getLogger(__name__)

#: Messages of one round, if they are more than one transaction's: what the process holds in memory.
MESSAGES = 4000

Report = Callable[[Any, Any], None]
_Framed = tuple[outbox.Pending, str, bytes, list[tuple[str, str | bytes | None]]]


@dataclass
class _Round:
    """Delivery reports of one round."""

    missing: dict[int, int] = field(default_factory=dict)  # batch → messages without a report
    failed: dict[int, str] = field(default_factory=dict)  # batch → first error
    offsets: dict[str, dict[str, int]] = field(default_factory=dict)
    lost: str = ""  # why the producer is good for nothing any more

    def report(self, batch: int) -> Report:
        def on_delivery(error: Any, message: Any) -> None:
            if error is not None:
                self.failed.setdefault(batch, str(error))
                return
            self.missing[batch] -= 1
            offsets = self.offsets.setdefault(message.topic(), {})
            partition = str(message.partition())
            offsets[partition] = max(offsets.get(partition, 0), message.offset() + 1)

        return on_delivery


class Relay:
    """Publishes outbox batches. ``new_producer`` is called again after a producer had to be thrown away."""

    def __init__(
        self,
        new_producer: Callable[[], Producer],
        encoder: Encoder,
        lease: Lease,
        full_topic: Callable[[str], str],
        source: str,
    ) -> None:
        self.new_producer, self.encoder, self.lease = new_producer, encoder, lease
        self.full_topic, self.source = full_topic, source
        self._producer: Producer | None = None

    def run(self, most: int = MESSAGES) -> int:
        """One round: publish what waits. Returns the number of messages acknowledged; 0 also without the lease.

        Raises:
            TransientError: the broker or the registry did not answer in time; the same batches come again.
        """
        if not self.lease.hold():
            return 0
        batch_ids = outbox.batches(most)
        if batch_ids:
            messages = outbox.messages(batch_ids)
            done, offsets = self._publish(messages, batch_ids)
            with transaction.atomic():
                outbox.sent(done)
                self.lease.note(offsets)
            sent = sum(1 for message in messages if message.batch_id in done)
            if len(done) < len(batch_ids):
                raise TransientError(
                    f"{len(batch_ids) - len(done)} batches were not acknowledged by the broker in time"
                )
            return sent
        return self._resend()

    def _resend(self) -> int:
        """Publish current results again for the stores that asked (R1). Only when nothing else waits: so every
        message sent here was sent before, and no order of sequences is broken.
        """
        wanted = list(Resend.objects.filter(sent_at=None).order_by("pk").values_list("pk", "stream_id")[:500])
        if not wanted:
            return 0
        with transaction.atomic():
            current = outbox.current({stream for _, stream in wanted})
            waiting = set(OutboxBatch.objects.values_list("pk", flat=True))
        messages = [message for listed in current.values() for message in listed if message.batch_id not in waiting]
        keys = sorted({message.batch_id for message in messages})
        messages.sort(key=lambda message: (message.batch_id, message.sequence))
        done, _ = self._publish(messages, keys)
        if len(done) < len(keys):
            raise TransientError("a re-send was not acknowledged by the broker in time")
        Resend.objects.filter(pk__in=[pk for pk, _ in wanted]).update(sent_at=utc_now())
        return len(messages)

    def _publish(
        self, messages: Sequence[outbox.Pending], batch_ids: Sequence[int]
    ) -> tuple[set[int], dict[str, dict[str, int]]]:
        """Produce and wait. Returns the batches acknowledged whole, up to the first that was not, and the offsets."""
        deadline = time.monotonic() + self.lease.left * 0.6
        round_ = _Round(missing=dict.fromkeys(batch_ids, 0))
        reports = {batch: round_.report(batch) for batch in batch_ids}
        framed = [
            (message, *self._message(message)) for message in messages
        ]  # the registry may be away: nothing sent yet
        producer = self._producer = self._producer or self.new_producer()
        for message in messages:
            round_.missing[message.batch_id] += 1
        try:
            if all(self._queued(producer, item, reports, round_, deadline) for item in framed):
                while any(round_.missing.values()) and not round_.failed and time.monotonic() < deadline:
                    producer.poll(min(0.05, max(0.0, deadline - time.monotonic())))
        except KafkaException as error:  # an idempotent producer that lost its place raises it, and never sends again
            round_.lost = error.args[0].str()
        if round_.lost or any(round_.missing.values()):
            self._give_up(producer, round_)
        # What was acknowledged behind a batch that was not comes again behind it: the last word on a key stays last.
        done = takewhile(lambda batch: not round_.missing[batch], batch_ids)
        return set(done), round_.offsets

    def _queued(
        self, producer: Producer, item: _Framed, reports: Mapping[int, Report], round_: _Round, deadline: float
    ) -> bool:
        """Hand one message to librdkafka; False if it has no room in time: then nothing behind it is handed over."""
        message, topic, value, headers = item
        key = message.key.encode()
        while not round_.failed:
            try:
                producer.produce(topic, key=key, value=value, headers=headers, on_delivery=reports[message.batch_id])
            except BufferError:
                if time.monotonic() > deadline:
                    return False
                producer.poll(0.05)
            else:
                return True
        return False

    def _give_up(self, producer: Producer, round_: _Round) -> None:
        """Throw the queue away before anything in it can overtake what failed; a new producer starts clean."""
        closing.discard(producer)
        self._producer = None
        why = round_.lost or next(iter(round_.failed.values()), "no answer from the broker in time")
        log.warning("publishing stopped, %d messages not acknowledged: %s", sum(round_.missing.values()), why)

    def _message(self, message: outbox.Pending) -> tuple[str, bytes, list[tuple[str, str | bytes | None]]]:
        topic = self.full_topic(message.topic)
        if message.headers:
            kept = orjson.loads(message.headers)
            value = self.encoder.value(topic, message.event_type, bytes(message.body), kept.pop("schema", None))
            return topic, value, [(name, text.encode()) for name, text in kept.items()]
        value = self.encoder.value(topic, message.event_type, bytes(message.body))
        return topic, value, [*wire.headers(message.event_type, message.message_id, message.created_at, self.source)]

    def close(self) -> None:
        """Deliver nothing more and give the lease back. Where the database does not take it, it runs out by itself."""
        if self._producer is not None:
            closing.discard(self._producer)
            self._producer = None
        try:
            self.lease.release()
        except (DatabaseError, InterfaceError) as error:  # why we end is somebody else's news, and not this
            log.info("the lease was not given back: %s", summary(error))


def source(service: str) -> str:
    """``ce_source`` as the stock bus writes it."""
    return f"openedx/{service}/web"
