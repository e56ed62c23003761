"""Keys are given out once, to threads and processes alike, and never depend on a transaction's fate."""
from __future__ import annotations

import threading

from django.db import connections, transaction

from commerce_events.bus.ids import IdBlock
from commerce_events.models import Counter
from tests.engines.schema import TestDatabase


def test_blocks_of_two_processes_do_not_meet(database: TestDatabase) -> None:
    one, other = IdBlock("test", 5), IdBlock("test", 5)
    taken = [number for _ in range(4) for block in (one, other) for number in block.take(3)]
    assert len(set(taken)) == 24


def test_more_than_a_block_is_still_consecutive(database: TestDatabase) -> None:
    block = IdBlock("test", 5)
    first = block.take(3)
    many = block.take(12)
    assert len(many) == 12
    assert set(first).isdisjoint(many)


def test_threads_get_different_keys(database: TestDatabase) -> None:
    blocks = [IdBlock("test", 7), IdBlock("test", 7)]
    taken: list[int] = []

    def take(block: IdBlock) -> None:
        try:
            for _ in range(20):
                taken.extend(block.take(2))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take, args=(blocks[i % 2],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 160
    assert len(set(taken)) == 160


def test_a_rolled_back_transaction_gives_no_key_out_again(database: TestDatabase) -> None:
    block = IdBlock("test", 5)
    with transaction.atomic():
        inside = block.take(1)[0]
        transaction.set_rollback(True)
    assert not Counter.objects.filter(name="test").exists()
    assert inside >= 1 << 62
    assert inside not in block.take(5)


def test_a_forgotten_block_is_asked_for_anew(database: TestDatabase) -> None:
    block = IdBlock("test", 5)
    block.take(1)
    Counter.objects.filter(name="test").update(next_id=1000)
    assert block.take(1)[0] < 1000
    block.forget()
    assert block.take(1)[0] == 1000
