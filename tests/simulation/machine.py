"""What the stages stand on: a database that forgets what was not committed, and a log that forgets nothing."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from tests.model.memory import Memory

#: A process between two of its steps.
Process = Iterator[None]


class ConflictError(Exception):
    """A unique value was written by somebody else meanwhile; the transaction is rolled back."""


@dataclass(slots=True)
class Row:
    """An event in the inbox."""

    id: int
    key: str
    event: tuple[str, dict[str, Any]]
    due_at: int = 0
    attempts: int = 0
    is_handled: bool = False


#: What a result is the word on: line, action, refund.
Slot = tuple[str | None, str, str | None]


@dataclass(slots=True)
class Result:
    """A message on its way, or on the topic: who it is the word on, and what it says."""

    id: str
    key: str
    sequence: int
    slot: Slot
    word: tuple[str, str]


@dataclass
class Tables:
    """Everything committed. Copying it is a backup."""

    memory: Memory
    positions: list[int]
    inbox: dict[bytes, Row] = field(default_factory=dict)
    next_n: dict[str, int] = field(default_factory=dict)  # by order
    told: dict[str, list[Result]] = field(default_factory=dict)  # by order, every result ever decided
    outbox: dict[int, list[Result]] = field(default_factory=dict)  # by batch, until it is sent
    last_id: int = 0  # of inbox rows and batches; never given twice, not even after a rollback
    epoch: int = 1
    restored_from: dict[int, int] = field(default_factory=dict)  # the committed offsets that gave the restore away
    lease: tuple[str, int] = ("", 0)  # holder, until when
    delivered: int = 0  # offset on the results topic after the last delivery that was noted

    def fresh_id(self) -> int:
        self.last_id += 1
        return self.last_id


class Database:
    """Tables with row locks. Reads see what is committed; writes are applied whole, at the commit."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.locks: dict[str, Transaction] = {}
        self.restores = 0

    def begin(self) -> Transaction:
        return Transaction(self)

    def restore(self, backup: Tables) -> None:
        """Back to a backup; whoever was connected is not any more."""
        self.tables, self.locks = deepcopy(backup), {}
        self.restores += 1


class Transaction:
    """Locks that are held and writes that are not there yet. Forgotten by whoever dies: nothing of it happened."""

    def __init__(self, database: Database) -> None:
        self._database, self._writes = database, list[Callable[[Tables], None]]()
        self._held: list[str] = []

    def lock(self, names: Iterable[str]) -> Process:
        """Wait for these rows, in one order for everybody."""
        for name in sorted(set(names)):
            while not self.try_lock(name):
                yield
            yield

    def try_lock(self, name: str) -> bool:
        """SKIP LOCKED: have it now, or not."""
        if self._database.locks.setdefault(name, self) is not self:
            return False
        self._held.append(name)
        return True

    def write(self, change: Callable[[Tables], None]) -> None:
        self._writes.append(change)

    def commit(self) -> None:
        """All of it at once."""
        for change in self._writes:
            change(self._database.tables)
        self.close()

    def close(self) -> None:
        """Roll back what was not committed."""
        for name in self._held:
            if self._database.locks.get(name) is self:
                del self._database.locks[name]
        self._held, self._writes = [], []


@dataclass
class Broker:
    """Two topics. Orders have partitions and a committed offset; results one log, in which their order can be seen."""

    orders: list[list[tuple[str, dict[str, Any]]]]
    committed: list[int]
    results: list[Result] = field(default_factory=list)
    is_away: bool = False
