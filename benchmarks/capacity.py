"""On paper: what a rate of orders needs, from what was measured on one machine. Pure arithmetic.

Every line of :func:`plan` is one assumption, and ``docs/concepts/capacity.rst`` says it in words. Nothing here was run
at a rate beyond one machine's.
"""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from commerce_events.topics import FULFILLMENT_TOPIC, ORDER_TOPIC, TOPICS

DAY = 86_400


@dataclass(frozen=True)
class Measured:
    """What the model begins with, of one database. Costs are for an order, with the measured lines and results."""

    process_pace: float  # orders a second of one process that has a core for itself
    process_cpu: float  # seconds of the processor in our process
    database_cpu: float  # seconds of the processor in the database's server
    broker_cpu: float  # seconds of the processor in the broker
    relay_pace: float  # results a second of one relay
    single: float  # seconds of a transaction with one order: journeys and a commit
    lines: float
    results: float
    rows: float
    table_bytes: float
    index_bytes: float
    log_bytes: float  # of the database's log of changes
    order_bytes: float  # of the order's event
    result_bytes: float  # of one result's
    memory: float  # bytes of one process


@dataclass(frozen=True)
class Choices:
    """What a site decides, and what it expects."""

    busy: float = 0.6  # how much of a process or relay is used in the busiest minute; the rest drains a backlog
    lanes: int = 2
    replicas: int = 3  # of a topic
    database_cores: int = 16
    days: int = 180  # that the inbox and the outbox are kept


@dataclass(frozen=True)
class Plan:
    """What a rate needs."""

    rate: float
    processes: int
    partitions: int
    relays: int
    connections: int
    process_cores: float
    database_cores: float
    broker_cores: float
    rows: float  # a second
    commits: float  # a second
    log: float  # bytes a second
    stored: float  # bytes a day
    kafka_in: float  # bytes a second, before copies
    kafka_orders: float  # bytes, with copies, for as long as the topic keeps them
    kafka_results: float  # bytes a day, with copies; they stay
    memory: float  # bytes of all processes


def measured(loops: Mapping[str, Sequence[Mapping[str, Any]]]) -> Measured:
    """What the model begins with, from what one database's loops measured: medians, sizes from the longest backlog."""
    backlog = max(loops["backlog"], key=lambda each: int(each["events"]))
    orders = backlog["events"]
    tables = backlog["bytes"].values()
    ordered, told = backlog["topics"][ORDER_TOPIC], backlog["topics"][FULFILLMENT_TOPIC]
    alone = loops["members-1"]  # the longest run that every round makes: a short one is faster than it can keep up
    single = loops["statements-single"][-1]
    return Measured(
        process_pace=median(each["rate"] for each in alone),
        process_cpu=median(each["busy"] / each["events"] for each in alone),
        database_cpu=median(each["beside"]["database"] / each["events"] for each in alone),
        broker_cpu=median(each["beside"]["broker"] / each["events"] for each in alone),
        relay_pace=median(each["rate"] for each in loops["relay"]),
        single=single["seconds"] / single["orders"],
        lines=backlog["rows"]["commerce_fulfillment_grant"] / orders,
        results=told["messages"] / orders,
        rows=sum(backlog["rows"].values()) / orders,
        table_bytes=sum(table["rows"] for table in tables) / orders,
        index_bytes=sum(table["indexes"] for table in tables) / orders,
        log_bytes=backlog["log_bytes"] / orders,
        order_bytes=ordered["bytes"], result_bytes=told["bytes"],
        memory=max(each["peak_megabytes"] for each in loops["backlog"]) * 1e6,
    )  # fmt: skip


def plan(measured: Measured, rate: float, choices: Choices = Choices()) -> Plan:
    """What so many orders a second need."""
    processes = math.ceil(rate / (measured.process_pace * choices.busy))
    relays = math.ceil(rate * measured.results / (measured.relay_pace * choices.busy))
    ordered, told = rate * measured.order_bytes, rate * measured.results * measured.result_bytes
    return Plan(
        rate=rate,
        processes=processes,
        # two for each lane, so that members that come and go share evenly; never fewer than a topic gets by default
        partitions=max(12, 2 * choices.lanes * processes),
        relays=relays,
        connections=processes * (choices.lanes + 1) + relays,
        process_cores=rate * measured.process_cpu,
        database_cores=rate * measured.database_cpu,
        broker_cores=rate * measured.broker_cpu,
        rows=rate * measured.rows,
        commits=_commits(measured, rate / processes / choices.lanes) * processes * choices.lanes,
        log=rate * measured.log_bytes,
        stored=rate * DAY * (measured.table_bytes + measured.index_bytes),
        kafka_in=ordered + told,
        kafka_orders=ordered * TOPICS[ORDER_TOPIC].retention_ms / 1000 * choices.replicas,
        kafka_results=told * DAY * choices.replicas,
        memory=processes * measured.memory,
    )


def _commits(measured: Measured, rate: float) -> float:
    """Transactions a second of one lane at ``rate`` orders a second.

    A transaction takes what came while the one before it ran: ``n = rate × (fixed + n × more)``. Where less than one
    comes in that time, each order has its own.
    """
    more = 1 / measured.process_pace
    fixed = max(measured.single - more, 1e-9)
    return min(rate, max(0.0, 1 - rate * more) / fixed)


def breaks(measured: Measured, choices: Choices = Choices()) -> list[tuple[float, str]]:
    """At how many orders a second each thing that there is one of is used up (not at ``busy``, but wholly)."""
    most = {
        "one process": measured.process_pace,
        "twelve partitions: a process each, with one lane": 12 * measured.process_pace,
        "one relay": measured.relay_pace / measured.results,
        f"one database server of {choices.database_cores} cores": choices.database_cores / measured.database_cpu,
    }
    return sorted((rate, what) for what, rate in most.items())


def with_lines(measured: Measured, lines: float) -> Measured:
    """The same for orders of other sizes: everything but the order's own row and event grows with its lines.

    Half of a process's time, of the database's and of the bytes is taken to be the order's own, half its lines'.
    """
    share = 0.5 + 0.5 * lines / measured.lines
    return replace(
        measured, lines=lines, results=measured.results * lines / measured.lines,
        process_pace=measured.process_pace / share, process_cpu=measured.process_cpu * share,
        database_cpu=measured.database_cpu * share, broker_cpu=measured.broker_cpu * share, rows=measured.rows * share,
        table_bytes=measured.table_bytes * share, index_bytes=measured.index_bytes * share,
        log_bytes=measured.log_bytes * share, order_bytes=measured.order_bytes * share,
    )  # fmt: skip
