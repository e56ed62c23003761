"""Results as they stand on the topic, into a Parquet file; and beside it the bare reading of the same bytes."""
from __future__ import annotations

import io
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import fastavro

from benchmarks.loops.ceiling import encoder, result
from benchmarks.orders import order
from commerce_events import topics, wire


def export(count: int) -> dict[str, Any]:
    """What ``commerce-events export`` does between broker and file."""
    from consumers.analytics.files import export_bodies
    from consumers.analytics.tables import TABLES

    with tempfile.TemporaryDirectory(prefix="benchmark-export-") as folder:
        def exported(bodies: list[tuple[str, bytes]]) -> None:
            export_bodies(bodies, TABLES["results"], str(Path(folder, "results.parquet")))

        made = _bodies(count)
        exported(made[:100])  # pyarrow is imported by the first
        began = time.perf_counter()
        exported(made)
        return {"events": count, "seconds": time.perf_counter() - began}


def read(count: int) -> dict[str, Any]:
    """Record by record, by fastavro alone."""
    made, schema = _bodies(count), wire.schema(topics.FULFILLMENT_COMPLETED_TYPE)
    began = time.perf_counter()
    records = [fastavro.schemaless_reader(io.BytesIO(body), schema, None) for _, body in made]
    seconds = time.perf_counter() - began
    assert len(records) == count
    return {"events": count, "seconds": seconds}


def _bodies(count: int) -> list[tuple[str, bytes]]:
    at, encode = datetime.now(UTC).isoformat(timespec="microseconds"), encoder()
    made = []
    for number in range(count):
        paid = order(number, at)["order"]
        body = encode(result(paid, paid["lines"][0], str(uuid4()), number, at))
        made.append((topics.FULFILLMENT_COMPLETED_TYPE, body))
    return made
