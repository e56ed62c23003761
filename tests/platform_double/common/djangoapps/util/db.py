from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.transaction import TransactionManagementError


@contextmanager
def outer_atomic() -> Iterator[None]:
    """An atomic block that may not stand in another."""
    if connection.in_atomic_block:
        raise TransactionManagementError("Cannot be inside an atomic block.")
    with transaction.atomic():
        yield
