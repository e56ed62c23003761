"""What an operator must mend ends a process with two lines and 3, without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from commerce_events.exceptions import OperatorError


@contextmanager
def told() -> Iterator[None]:
    """Around a start. A gunicorn whose worker ends with 3 ends too, and does not begin again for ever."""
    try:
        yield
    except OperatorError as error:
        sys.stderr.write(f"{error}\n{error.hint}\n")
        raise SystemExit(3) from None
