"""Letting go of a Kafka client, which librdkafka may take any time for: nobody waits longer than they said."""

from __future__ import annotations

import threading
from contextlib import suppress

from confluent_kafka import Consumer, KafkaException, Producer

from commerce_events.exceptions import OperatorError


def close(client: Consumer, seconds: float = 5.0) -> bool:
    """Close a consumer in a watched thread: librdkafka may wait for a broker that will not answer."""
    thread = threading.Thread(target=client.close, name="consumer-close", daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def discard(producer: Producer, patience: float = 10.0) -> None:
    """Throw away what a producer has not sent yet; what is on its way gets a second to be answered.

    In a watched thread: before librdkafka lets go of a producer it may wait for a word of a broker that does not come.
    Nobody waits for that for long; but as long as anything is queued, it could overtake what another producer sends.

    Raises:
        OperatorError: the queue was not emptied in time; only the end of this process empties it.
    """
    is_empty = threading.Event()

    def end() -> None:
        with suppress(KafkaException):  # a producer that is lost raises why at every call
            producer.purge()
            producer.flush(1)
        is_empty.set()
        _close(producer)

    thread = threading.Thread(target=end, name="producer-close", daemon=True)
    thread.start()
    if not is_empty.wait(patience):
        raise OperatorError(
            f"the Kafka client did not empty its queue within {patience:.0f} s",
            hint="Start again. Nothing is lost: what was not acknowledged is sent then.",
        )
    thread.join(1.0)  # it takes milliseconds; a process that ends should not leave the client's threads behind


def retire(producer: Producer, after: float) -> None:
    """Close a producer in a thread of its own, so many seconds from now: when nobody uses it any more."""
    timer = threading.Timer(after, _close, [producer])
    timer.daemon = True
    timer.start()


def _close(producer: Producer) -> None:
    with suppress(KafkaException):
        producer.close()
