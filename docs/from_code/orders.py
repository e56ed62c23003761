"""A store's view of its lines and orders, and what its hooks are called for, from the tables of order status."""

from __future__ import annotations

from consumers.order_status.hooks import KINDS
from consumers.order_status.states import LINE_STATES, ORDER_STATUSES

from .rst import code, note, table

STATES, HOOKS = "consumers/order_status/states.py", "consumers/order_status/hooks/__init__.py"


def line_states() -> str:
    """What each state of a line means to a store."""
    rows = ((code(state), says) for state, says in LINE_STATES.items())
    return note(STATES) + table(("State", "The line …"), rows, "20 80")


def order_statuses() -> str:
    """What each status of an order means; the first that fits."""
    rows = ((code(status), says) for status, says in ORDER_STATUSES.items())
    return note(STATES) + table(("Status", "Says that"), rows, "25 75")


def calls() -> str:
    """What hooks are called for."""
    return note(HOOKS) + table(("Call", "Made when"), ((code(kind), says) for kind, says in KINDS.items()), "25 75")
