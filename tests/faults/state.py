"""What a run has left behind, read from the topics and the database: all that a checker may look at."""
from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from commerce_events import topics, wire
from commerce_events.bus import outbox
from commerce_events.bus.reader import Heard, Reader
from commerce_events.models import DeadLetter, Gap, Inbox, Installation, Outbox, OutboxBatch, Position
from commerce_events.registry import Registry
from consumers.fulfillment.models import Attempt, Grant
from consumers.fulfillment.reference.models import ReferenceEnrollment

ORDERS = "org.openedx.commerce.order."


@dataclass
class State:
    """The topics and the tables, and what was noted while the run went on."""

    orders: list[Heard] = field(default_factory=list)  # the order topic
    results: list[Heard] = field(default_factory=list)  # the results topic
    ends: dict[tuple[str, int], int] = field(default_factory=dict)  # of the order topic
    committed: dict[tuple[str, int], int] = field(default_factory=dict)
    positions: list[Position] = field(default_factory=list)
    failures: list[Attempt] = field(default_factory=list)  # attempts that failed, and what was told of them
    inbox: list[Inbox] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)  # results ever decided, and batch_id of each
    waiting: set[int] = field(default_factory=set)  # batches that were not sent
    dead: list[DeadLetter] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    seats: dict[tuple[int, str], str] = field(default_factory=dict)  # active ones
    epoch: int = 1
    restored: bool = False
    texts: dict[str, str] = field(default_factory=dict)  # logs and health files, by name
    noted: list[str] = field(default_factory=list)  # by the watch, while the run went on
    sizes: dict[str, dict[str, float]] = field(default_factory=dict)  # of each process at the end
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # as they were planned
    deleted: list[tuple[Heard, bool]] = field(default_factory=list)  # from the topic, and whether with the topic
    expired: list[tuple[str, int, int, int]] = field(default_factory=list)  # topic, partition, from, to: never read

    def order_inbox(self) -> list[Inbox]:
        """The events that stores sent."""
        return [row for row in self.inbox if row.event_type.startswith(ORDERS)]

    def told(self) -> dict[str, list[dict[str, Any]]]:
        """The results of each order as they stand on the topic, repetitions included."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for heard in self.results:
            if heard.body:
                found[heard.key].append(heard.body["fulfillment"])
        return found


def read(bootstrap: str, registry: str, prefix: str, folder: Path | None = None) -> State:
    """Read everything."""
    order_topic = topics.full_topic(topics.ORDER_TOPIC, prefix)
    state = tables()
    state.orders = heard(bootstrap, registry, order_topic)
    state.results = heard(bootstrap, registry, topics.full_topic(topics.FULFILLMENT_TOPIC, prefix))
    state.ends = ends(bootstrap, order_topic)
    state.committed = committed(bootstrap, prefix, state.ends)
    for path in sorted(folder.glob("*")) if folder is not None else ():
        if path.suffix in (".log", ".health"):
            state.texts[path.name] = path.read_text(encoding="utf-8", errors="replace")
    return state


def tables() -> State:
    """What stands in the database."""
    state = State(
        positions=list(Position.objects.all()),
        inbox=list(Inbox.objects.order_by("pk")),
        failures=list(Attempt.objects.all()),
        waiting=set(OutboxBatch.objects.values_list("pk", flat=True)),
        dead=list(DeadLetter.objects.all()),
        gaps=list(Gap.objects.all()),
        grants=list(Grant.objects.exclude(line_id="")),
        seats={
            (user, course): mode
            for user, course, mode in ReferenceEnrollment.objects.filter(is_active=True).values_list(
                "lms_user_id", "course_key", "mode"
            )
        },
        epoch=max(Installation.objects.values_list("epoch", flat=True), default=1),
    )
    for row in Outbox.objects.order_by("pk"):
        for message in outbox.unpack(row.batch_id, bytes(row.messages), row.created_at):
            body = wire.decode(message.event_type, message.body).get("fulfillment")
            if body is not None:
                state.messages.append({**body, "batch_id": message.batch_id, "message_id": message.message_id})
    return state


def heard(bootstrap: str, registry: str, topic: str, patience: float = 30) -> list[Heard]:
    """A topic, from its beginning to its end now."""
    reader = Reader({"bootstrap.servers": bootstrap, "log_level": 0}, Registry(registry), [topic], "earliest")
    try:
        marks = [reader.client.get_watermark_offsets(at, timeout=10) for at in reader.client.assignment()]
        wanted = sum(high - low for low, high in marks)
        found: list[Heard] = []
        until = time.monotonic() + patience
        while wanted > len(found):
            if time.monotonic() > until:
                raise AssertionError(f"{topic} cannot be read to its end: {len(found)} of {wanted}")
            found += reader.read(0.2)
        return found
    finally:
        reader.close()


def ends(bootstrap: str, topic: str) -> dict[tuple[str, int], int]:
    """The next offset of each partition."""
    client = _onlooker(bootstrap, "ends")
    try:
        partitions = client.list_topics(topic, timeout=10).topics[topic].partitions
        return {(topic, p): client.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in partitions}
    finally:
        client.close()


def committed(bootstrap: str, group: str, at: Mapping[tuple[str, int], int], timeout: float = 10) -> dict[Any, int]:
    """What Kafka has been told of the group's progress."""
    client = _onlooker(bootstrap, group)
    try:
        found = client.committed([TopicPartition(*each) for each in at], timeout=timeout)
        return {(p.topic, p.partition): p.offset for p in found if p.offset >= 0 and p.error is None}
    finally:
        client.close()


def _onlooker(bootstrap: str, group: str) -> Consumer:
    return Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 0, "enable.auto.commit": False})


def dump(state: State, folder: Path) -> None:
    """Write the topics and the tables down, as evidence."""
    lists = {
        "orders": [_heard(each) for each in state.orders], "results": [_heard(each) for each in state.results],
        "inbox": [_row(row) for row in state.inbox], "messages": state.messages,
        "grants": [_row(row) for row in state.grants], "positions": [_row(row) for row in state.positions],
        "dead": [_row(row) for row in state.dead], "gaps": [_row(row) for row in state.gaps],
        "seats": [[*place, mode] for place, mode in sorted(state.seats.items())],
    }
    for name, rows in lists.items():
        lines = [json.dumps(row, default=str) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join([*lines, ""]), encoding="utf-8")


def _heard(each: Heard) -> dict[str, Any]:
    return {"at": [each.partition, each.offset], "key": each.key, "type": each.event_type, "problem": each.problem,
            "body": each.body}


def _row(row: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if not name.startswith("_")}
