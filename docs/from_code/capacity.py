"""The tables of the capacity page: ``benchmarks/capacity.py`` on the run that was kept."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks import kept
from benchmarks.capacity import Choices, Measured, Plan, breaks, measured, plan, with_lines
from docs.from_code.rst import note, table

RATES = (10, 100, 1_000, 10_000)
SOURCE = "benchmarks/results by benchmarks/capacity.py"
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def begins() -> Measured:
    """What was measured on PostgreSQL."""
    return measured(kept.run()["measured"]["postgresql"])


def inputs() -> str:
    """What the model begins with."""
    it, longest = begins(), kept.run()["conditions"]["counts"]["members"]
    rows = (
        ("lines and results of an order", f"{it.lines:.2f} and {it.results:.2f}"),
        (f"pace of one process, over {longest:,} orders", f"{it.process_pace:,.0f} orders/s"),
        ("processor's time in our process", f"{it.process_cpu * 1e6:,.0f} µs an order"),
        ("processor's time in the database, and in the broker",
         f"{it.database_cpu * 1e6:,.0f} and {it.broker_cpu * 1e6:,.0f} µs an order"),
        ("pace of one relay", f"{it.relay_pace:,.0f} results/s"),
        ("a transaction with one order", f"{it.single * 1e3:.1f} ms"),
        ("rows left behind", f"{it.rows:.2f} an order"),
        ("bytes of them, and of their indexes", f"{_bytes(it.table_bytes)} and {_bytes(it.index_bytes)} an order"),
        ("the database's log of changes", f"{_bytes(it.log_bytes)} an order"),
        ("on the topics: the order, and a result", f"{it.order_bytes:,.0f} B and {it.result_bytes:,.0f} B"),
        ("memory of a process", _bytes(it.memory)),
    )
    return note(SOURCE) + table(("Measured", "Is"), rows)


def page() -> str:
    """What each rate needs."""
    plans = [plan(begins(), rate) for rate in RATES]
    head = ("Orders a second", *(f"{rate:,}" for rate in RATES))
    return note(SOURCE) + table(head, (
        ("consumer processes", *(f"{each.processes:,}" for each in plans)),
        ("cores for them", *(f"{each.process_cores:.2g}" for each in plans)),
        ("partitions of the order topic", *(f"{each.partitions:,}" for each in plans)),
        ("relays", *(f"{each.relays:,}" for each in plans)),
        ("connections to the database", *(f"{each.connections:,}" for each in plans)),
        ("memory of the processes", *(_bytes(each.memory) for each in plans)),
        ("cores for the database", *(f"{each.database_cores:.2g}" for each in plans)),
        ("cores for the broker, without copies", *(f"{each.broker_cores:.2g}" for each in plans)),
        ("rows a second", *(f"{each.rows:,.0f}" for each in plans)),
        ("commits a second, at most", *(f"{each.commits:,.0f}" for each in plans)),
        ("log of changes, a second", *(_bytes(each.log) for each in plans)),
        ("tables and indexes, a day at this rate", *(_bytes(each.stored) for each in plans)),
        ("Kafka, in, a second", *(_bytes(each.kafka_in) for each in plans)),
        ("Kafka, on disk, orders of 30 days, 3 copies", *(_bytes(each.kafka_orders) for each in plans)),
        ("Kafka, on disk, results of a day, 3 copies", *(_bytes(each.kafka_results) for each in plans)),
    ))  # fmt: skip


def ends() -> str:
    """What is used up first."""
    return note(SOURCE) + table(("What", "Is used up at"), (
        (what, f"{rate:,.0f} orders/s") for rate, what in breaks(begins())
    ))  # fmt: skip


def sensitivity() -> str:
    """What changes at a thousand orders a second when one assumption is another."""
    head = ("At 1,000 orders/s", "Processes", "Partitions", "Commits/s", "Cores, database", "Rows/s", "Log/s")
    return note(SOURCE) + table(head, (
        (what, str(each.processes), str(each.partitions), f"{each.commits:,.0f}", f"{each.database_cores:.2g}",
         f"{each.rows:,.0f}", _bytes(each.log))
        for what, each in _varied(begins())
    ))  # fmt: skip


def _varied(it: Measured, rate: float = 1_000) -> Iterator[tuple[str, Plan]]:
    yield "as measured", plan(it, rate)
    yield "one line an order", plan(with_lines(it, 1), rate)
    yield "five lines an order", plan(with_lines(it, 5), rate)
    slow = replace(
        it, process_pace=it.process_pace / 2, process_cpu=it.process_cpu * 2, database_cpu=it.database_cpu * 2
    )
    yield "a machine half as fast", plan(slow, rate)
    yield "the database 1 ms away: ten journeys more of it", plan(replace(it, single=it.single + 0.010), rate)
    yield "processes filled to 40 %", plan(it, rate, Choices(busy=0.4))
    yield "processes filled to 80 %", plan(it, rate, Choices(busy=0.8))


def _bytes(count: float) -> str:
    unit = 0
    while count >= 1000 and unit < len(UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.3g} {UNITS[unit]}" if count < 999.5 else f"{count:,.0f} {UNITS[unit]}"
