"""What hostile bytes cost: a process of its own decodes them, once as we do and once as fastavro alone would.

``python -m tests.proof.hostile ours|naive NAME REGISTRY`` prints what became of it, and by how much memory grew.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro

from commerce_events import avsc, topics, wire
from commerce_events.bus.codec import Decoder, Poison, Received
from commerce_events.exceptions import CommerceEventsError
from commerce_events.registry import Registry
from commerce_events.resolution import names
from commerce_events.testing import builders

PAID = topics.ORDER_PAID_TYPE
#: An event of somebody else's that a handler of the site wants: its schema need not be one of ours.
FOREIGN = "org.example.anything.v1"
MEGABYTE = 1 << 20
#: What the process may use at all, so that a naive reader ends before the machine does.
CEILING = 1536 * MEGABYTE


def number(value: int) -> bytes:
    """Avro's form of a whole number."""
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def record(*fields: Any, name: str = "CloudEvent") -> dict[str, Any]:
    """A schema of a record of these fields."""
    return {
        "type": "record", "name": name,
        "fields": [{"name": f"f{i}", "type": field} for i, field in enumerate(fields)],
    }  # fmt: skip


def of(item: Any, kind: str = "array") -> dict[str, Any]:
    """A schema of a list or a map."""
    return {"type": kind, "items" if kind == "array" else "values": item}


def ours(lines: int | None = None, stated: int | None = None) -> bytes:
    """An order whose lines are as short as the schema allows: so many of them, and how many it states to hold.

    As many as go into a megabyte, if nothing is said.
    """
    (fields,) = (node["fields"] for name, node in names(avsc.schema(PAID)).items() if name.endswith("OrderLineData"))
    shortest = {field["name"]: "" if field["type"] == "string" else 0 for field in fields if "default" not in field}
    order = builders.order_paid("1")["order"]
    one, two = (wire.encode(PAID, {"order": {**order, "lines": [shortest] * count}}) for count in (1, 2))
    begin = next(i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)  # where it states how many
    size = len(two) - len(one)
    count = (MEGABYTE - len(two) - 10) // size if lines is None else lines
    head = one[:begin] + number(count if stated is None else stated)
    return head + one[begin + 1 : begin + 1 + size] * count + one[begin + 1 + size :]


def least_schema() -> dict[str, Any]:
    """Our schema without anything that may be left out: its lines are shorter still, and become as many values."""

    def least(node: Any) -> Any:
        if isinstance(node, dict) and "fields" in node:
            return {**node, "fields": [least(field) for field in node["fields"] if "default" not in field]}
        return {key: least(value) for key, value in node.items()} if isinstance(node, dict) else node

    return dict(least(json.loads(avsc.schema_text(PAID))))


def least_lines() -> bytes:
    """As many lines as go into a megabyte, in that schema."""
    schema = fastavro.parse_schema(least_schema())
    (fields,) = (node["fields"] for name, node in names(schema).items() if name.endswith("OrderLineData"))
    shortest = {field["name"]: "" if field["type"] == "string" else 0 for field in fields}
    order = builders.order_paid("1")["order"]
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, {"order": {**order, "lines": [shortest] * (MEGABYTE // 4 - 300)}})
    return out.getvalue()


#: Name → type of the event, the schema that the registry tells of it (None: ours), and the body.
Attack = tuple[str, Any, Callable[[], bytes]]
ATTACKS: dict[str, Attack] = {
    "five bytes of nulls": (PAID, record(of("null")), lambda: number(30_000_000) + number(0)),
    "lists of lists of nulls": (
        FOREIGN, record(of(of("null"))), lambda: number(4) + (number(10_000_000) + number(0)) * 4 + number(0),
    ),
    "2^40 nulls": (FOREIGN, record(of("null")), lambda: number(1 << 40) + number(0)),
    "2^40 texts": (FOREIGN, record(of("string")), lambda: number(1 << 40) + number(0)),
    "2^40 lines of an order": (PAID, None, lambda: ours(1, stated=1 << 40)),
    "a text of 2^40 bytes": (FOREIGN, record("string"), lambda: number(1 << 40) + b"text"),
    "a megabyte of empty records": (
        FOREIGN, record(of(record("null", "null", name="Item"))), lambda: number(4_000_000) + number(0),
    ),
    "a megabyte of flags": (
        FOREIGN, record(of(record("boolean", name="Item"))),
        lambda: number(MEGABYTE - 20) + bytes(MEGABYTE - 20) + number(0),
    ),
    "a megabyte of lists of nothing": (
        FOREIGN, record(of(of("string"))), lambda: number(MEGABYTE - 20) + bytes(MEGABYTE - 20) + number(0),
    ),
    "a map of a megabyte": (
        FOREIGN, record(of(of("null"), "map")),
        lambda: number(200_000) + b"".join(b"\x06%03x\0" % (i & 0xFFF) for i in range(200_000)) + number(0),
    ),
    "a record in itself": (FOREIGN, record(["null", "CloudEvent"]), lambda: b"\x02" * (MEGABYTE - 20)),
    "a megabyte of the shortest lines": (PAID, None, ours),
    "a megabyte of lines of the least schema": (PAID, least_schema(), lambda: least_lines()),
    "a megabyte of nothing": (PAID, None, lambda: bytes(MEGABYTE - 20)),
    "twenty megabytes": (PAID, None, lambda: bytes(20 * MEGABYTE)),
    "a good order": (PAID, None, lambda: wire.encode(PAID, builders.order_paid("1"))),
}  # fmt: skip


class Message:
    """A message as a Kafka client hands it over."""

    def __init__(self, event_type: str, value: bytes) -> None:
        self._type, self._value = event_type, value

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return topics.ORDER_TOPIC if self._type == PAID else "anything"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 0

    def timestamp(self) -> tuple[int, int]:
        return 1, 0

    def key(self) -> bytes:
        return b"shop:1"

    def value(self) -> bytes:
        return self._value

    def headers(self) -> list[tuple[str, bytes | None]]:
        return [("ce_type", self._type.encode()), ("ce_id", b"1")]


def schema_text(name: str) -> str:
    """What the registry tells of an attack's schema."""
    event_type, schema, _ = ATTACKS[name]
    return avsc.schema_text(event_type) if schema is None else json.dumps(schema)


def peak(pid: int | str = "self") -> int:
    """The most memory that a process had in use since :func:`forget_peak`, in bytes.

    Not ``getrusage``: its figure begins with that of the process we were forked from.
    """
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def forget_peak(pid: int | str = "self") -> None:
    """Begin anew with what is in use now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def as_we_do(name: str, decoder: Decoder, value: bytes) -> str:
    """Decode, and validate."""
    event_type, _, _ = ATTACKS[name]
    try:
        found = decoder.decode(Message(event_type, value))
    except CommerceEventsError as error:
        return type(error).__name__
    if isinstance(found, Poison):
        return found.reason
    return "event" if isinstance(found, Received) else "nothing"


def naively(name: str, value: bytes) -> str:
    """As a reader does that believes the registry."""
    schema = fastavro.parse_schema(json.loads(schema_text(name)))
    try:
        fastavro.schemaless_reader(io.BytesIO(value[wire.HEADER_BYTES :]), schema)
    except (MemoryError, EOFError, ValueError, RecursionError) as error:
        return type(error).__name__
    return "event"


def main(how: str, name: str, registry: str) -> None:
    """Run one attack."""
    resource.setrlimit(resource.RLIMIT_AS, (CEILING, CEILING))
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    decoder = Decoder(Registry(registry, timeout=(3, 3), total=4), {PAID, FOREIGN}, MEGABYTE)
    as_we_do("a good order", decoder, wire.frame(2, ATTACKS["a good order"][2]()))
    naively("a good order", wire.frame(2, ATTACKS["a good order"][2]()))
    value = wire.frame(1, ATTACKS[name][2]())
    forget_peak()
    before = peak()
    outcome = as_we_do(name, decoder, value) if how == "ours" else naively(name, value)
    print(json.dumps({"outcome": outcome, "grown": peak() - before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
