"""``EVENT_BUS_PRODUCER``: the stock ``send_event`` becomes a transactional outbox.

The event is written in the caller's transaction and published by the relay after the commit: a rolled-back transaction
publishes nothing, a committed one is published however often the process dies. With the stock producer both go wrong.

::

    EVENT_BUS_PRODUCER = "commerce_events.bus.producer.create_producer"

Events are published in the order of their commits. Run ``consume_commerce_events --only relay`` where nothing else runs
the relay.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import orjson
from openedx_events.data import EventsMetadata
from openedx_events.event_bus import EventBusProducer
from openedx_events.event_bus.avro.serializer import AvroSignalSerializer
from openedx_events.tooling import OpenEdxPublicSignal

from commerce_events import topics, wire
from commerce_events.bus import outbox
from commerce_events.bus.messages import stock_headers
from commerce_events.validation import validate


class OutboxProducer(EventBusProducer):
    """Writes events to the outbox of the default database."""

    def send(
        self,
        *,
        signal: OpenEdxPublicSignal,
        topic: str,
        event_key_field: str,
        event_data: dict[str, Any],
        event_metadata: EventsMetadata,
    ) -> None:
        """Write one event.

        Unlike the stock producer, this raises what goes wrong: the caller's transaction is at stake.

        Raises:
            ContractError: an event of ours breaks the contract.
        """
        event_type = signal.event_type
        kept = stock_headers(event_metadata)
        if event_type in topics.EVENT_TYPES:
            body = {name: wire.to_dict(value) for name, value in event_data.items()}
            validate(event_type, body)
            encoded = wire.encode(event_type, body)
        else:
            serializer = _serializer(signal)
            encoded = _avro(serializer, event_data)
            kept["schema"] = serializer.schema_string()
        message_id, key = str(event_metadata.id), str(_value_at(event_data, event_key_field))
        packed = outbox.pack(0, event_type, message_id, 0, "", topic, key, orjson.dumps(kept).decode(), encoded)
        outbox.write_packed([packed], event_metadata.time)


def create_producer() -> OutboxProducer:
    """What ``EVENT_BUS_PRODUCER`` names."""
    return OutboxProducer()


@lru_cache(maxsize=256)
def _serializer(signal: OpenEdxPublicSignal) -> AvroSignalSerializer:
    return AvroSignalSerializer(signal)


def _avro(serializer: AvroSignalSerializer, event_data: dict[str, Any]) -> bytes:
    import io

    import fastavro

    out = io.BytesIO()
    fastavro.schemaless_writer(out, _parsed(serializer.schema_string()), serializer.to_dict(event_data))
    return out.getvalue()


@lru_cache(maxsize=256)
def _parsed(schema: str) -> Any:
    import fastavro

    return fastavro.parse_schema(json.loads(schema))


def _value_at(event_data: dict[str, Any], path: str) -> Any:
    first, *rest = path.split(".")
    value: Any = event_data[first]
    for name in rest:
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    return value
