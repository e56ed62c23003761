"""One decision in one transaction, begun again when it met another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError, DataError, ProgrammingError, transaction

from commerce_events.bus import script
from commerce_events.bus.failures import is_conflict, is_schema
from commerce_events.exceptions import ContractError

T = TypeVar("T")

#: Of two that meet, one gets through at once; of many, one in each round.
TRIES = 8


def settled(work: Callable[[int], T], tries: int = TRIES) -> T:
    """The result of ``work``, committed. It is given the number of the try: 0 first.

    A row that is there already is a race, and a race is decided again with that row in sight
    (docs/decisions/0008-optimistic-inserts.rst).

    Raises:
        ContractError: a text that no database can hold: a NUL, half a character, more than fits.
    """
    for number in range(tries):
        try:
            with transaction.atomic(), script.gathered():
                return work(number)
        except (DataError, UnicodeError, ProgrammingError) as error:
            if is_schema(error):
                raise
            raise ContractError(f"it holds a text that cannot be stored ({type(error).__name__})") from error
        except DatabaseError as error:
            if not is_conflict(error) or number == tries - 1:
                raise
    raise AssertionError("unreachable")
