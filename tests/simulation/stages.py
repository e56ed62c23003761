"""Intake, handle and relay, step by step as ``commerce_events/bus`` does them. A ``yield`` is where a process can die.

``bug`` plants a fault, to see that the simulation finds it.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from commerce_events import identity
from consumers.fulfillment.rules.decide import decide

from .machine import Broker, ConflictError, Database, Process, Result, Row, Slot, Tables, Transaction

RENEW = "internal.renew"
LEASE = 200  # steps
BATCH = 3
#: Faults of the protocol that a test plants, each with what it does wrong.
BUGS = {
    "offset_first": "Kafka's offset is committed before the database",
    "no_compare_and_set": "the position is moved without looking where it stands",
    "no_stream_lock": "two handle the same order at once",
    "no_pair_lock": "two orders of one learner and course are decided at once",
    "marked_before_sent": "a batch is marked as sent before the broker has it",
    "two_relays": "relays publish without a lease, each what the other has not locked",
    "results_apart": "results are written in a transaction of their own",
    "no_epoch": "a restored database goes on in its old epoch",
    "counted_epoch": "an epoch is the next number, and what is published late has it already",
    "result_per_attempt": "the id of a result is new with each attempt to send it",
}


@dataclass
class Site:
    """The processes' surroundings."""

    database: Database
    broker: Broker
    random: Random
    bug: str = ""
    now: int = 0
    failing: set[str] = field(default_factory=set)  # orders whose decisions fail for the time being

    @property
    def tables(self) -> Tables:
        return self.database.tables


def intake(site: Site, owned: Callable[[], list[int]]) -> Process:
    """Kafka → inbox, one partition at a time; the position row decides who may."""
    while True:
        yield
        for partition in owned():
            stand = site.tables.positions[partition]
            batch = [] if site.broker.is_away else site.broker.orders[partition][stand : stand + BATCH]
            yield
            if not batch:
                continue
            end = stand + len(batch)
            if site.bug == "offset_first":
                site.broker.committed[partition] = end
                yield
            transaction = site.database.begin()
            try:
                yield from _store(site, transaction, partition, stand, batch)
            except ConflictError:
                continue
            finally:
                transaction.close()
            yield
            site.broker.committed[partition] = end  # a hint, whoever else has moved it


def _store(site: Site, transaction: Transaction, partition: int, stand: int, batch: list[Any]) -> Process:
    yield from transaction.lock([f"position {partition}"])
    if site.tables.positions[partition] != stand and site.bug != "no_compare_and_set":
        raise ConflictError
    found = {identity.event_digest(kind, {"event": data}): (kind, data) for kind, data in batch}
    yield from transaction.lock([f"digest {digest.hex()}" for digest in found])  # as a unique index does
    for digest, event in found.items():
        if digest not in site.tables.inbox:
            row = Row(site.tables.fresh_id(), event[1]["order_key"], event)
            transaction.write(lambda tables, digest=digest, row=row: tables.inbox.update({digest: row}))
    end = stand + len(batch)
    transaction.write(lambda tables: tables.positions.__setitem__(partition, end))
    yield
    transaction.commit()


def handle(site: Site) -> Process:
    """Inbox → rules → ledger, enrollments and results; one order at a time, under its lock."""
    while True:
        yield
        due = sorted({row.key for row in site.tables.inbox.values() if not row.is_handled and row.due_at <= site.now})
        if not due:
            continue
        key, epoch = site.random.choice(due), site.tables.epoch
        transaction = site.database.begin()
        try:
            if site.bug == "no_stream_lock" or transaction.try_lock(f"stream {key}"):
                yield from _decide(site, transaction, key, epoch)
        finally:
            transaction.close()


def _decide(site: Site, transaction: Transaction, key: str, epoch: int) -> Process:
    yield
    rows = sorted((r for r in site.tables.inbox.values() if r.key == key and not r.is_handled), key=lambda row: row.id)
    if not rows:
        return
    if rows[0].due_at > site.now:
        return  # what came later waits behind it
    memory, group = site.tables.memory, [row.event for row in rows if row.event[0] != RENEW]
    if site.bug != "no_pair_lock":
        yield from transaction.lock(f"pair {pair}" for pair in memory.load(*group).seats)
    book = memory.load(*group)
    yield
    if key in site.failing:
        transaction.close()
        rows[0].attempts += 1  # one statement of its own
        rows[0].due_at = site.now + 20 * 2 ** min(rows[0].attempts, 4)
        return
    words: list[tuple[Slot, tuple[str, str]]] = []
    for kind, data in (row.event for row in rows):
        if kind == RENEW:  # every current word once more: it outranks what a lost history said
            words += {**{one.slot: one.word for one in site.tables.told.get(key, ())}, **dict(words)}.items()
            continue
        for line in decide(kind, data, book, memory.learner, memory.policy, memory.now).lines:
            words.append(((line.line_id, line.action, line.refund_id), (line.outcome, line.reason_code)))
    first = site.tables.next_n.get(key, 1)
    results = [
        Result(identity.result_id("lms", epoch, key, *slot, n), key, identity.sequence(epoch, n), slot, word)
        for n, (slot, word) in enumerate(words, first)
    ]
    batch = site.tables.fresh_id()
    yield

    def effect(tables: Tables) -> None:
        tables.memory.save(book)
        for row in rows:
            row.is_handled = True

    def told(tables: Tables) -> None:
        tables.next_n[key] = first + len(results)
        if results:
            tables.told.setdefault(key, []).extend(results)
            tables.outbox[batch] = results

    transaction.write(effect)
    if site.bug == "results_apart":
        transaction.commit()
        yield
        transaction = site.database.begin()
    transaction.write(told)
    transaction.commit()


def relay(site: Site, name: str) -> Process:
    """Outbox → results topic, in the order of the batches, by whoever has the lease."""
    while True:
        yield
        holder, until = site.tables.lease
        if site.bug != "two_relays":
            if holder != name and until > site.now:
                continue
            site.tables.lease = name, site.now + LEASE
        deadline, session = site.now + LEASE * 6 // 10, site.database.restores
        batches = sorted(site.tables.outbox.items())[:BATCH]
        if site.bug == "two_relays":  # SKIP LOCKED
            batches = site.random.sample(batches, min(1, len(batches)))
        yield
        sent = 0
        for batch, results in batches:
            if site.bug == "marked_before_sent":
                site.tables.outbox.pop(batch, None)
                yield
            if not (yield from _publish(site, results, deadline)):
                break
            sent += 1
        yield
        if site.database.restores != session:  # its connection is gone, and nothing that it knew counts any more
            guard(site)
            continue
        for batch, _ in batches[:sent]:  # one transaction
            site.tables.outbox.pop(batch, None)
        if sent:
            site.tables.delivered = max(site.tables.delivered, len(site.broker.results))


def _publish(site: Site, results: list[Result], deadline: int) -> Any:
    """Produce and wait for the reports; False if one did not come in time: nothing behind it is sent."""
    for result in results:
        while site.broker.is_away:
            if site.now > deadline:
                return False
            yield
        if site.now > deadline and site.bug != "two_relays":
            return False
        if site.bug == "result_per_attempt":
            result = Result(f"{result.id} {site.now}", result.key, result.sequence, result.slot, result.word)
        site.broker.results.append(result)
        yield
        if site.random.random() < 0.05:  # it is there, and the report is lost: it comes again
            return False
    return True


def guard(site: Site) -> None:
    """What a process looks at before its first work: was the database restored from a backup (D4)?"""
    tables, committed = site.tables, site.broker.committed
    ahead = {p: done for p, done in enumerate(committed) if done > tables.positions[p]}
    published = site.broker.results[tables.delivered :]
    lost = [result for result in published if not _is_known(tables, result)]
    if site.bug == "no_epoch" or (ahead.items() <= tables.restored_from.items() and not lost):
        return
    by_time = 0 if site.bug == "counted_epoch" else site.now
    epoch = max(tables.epoch + 1, *(identity.epoch_of(result.sequence) + 1 for result in published), by_time)
    tables.epoch, tables.restored_from = epoch, ahead
    for key in sorted({result.key for result in published} & tables.told.keys()):
        row = Row(tables.fresh_id(), key, (RENEW, {"order_key": key}))
        tables.inbox[b"%d" % row.id] = row


def _is_known(tables: Tables, result: Result) -> bool:
    """Whether this database gave that number away; what it did not was decided by a history that it has lost."""
    return result.sequence < identity.sequence(tables.epoch, tables.next_n.get(result.key, 1))
