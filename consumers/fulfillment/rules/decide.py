"""The door to the rules: one event, one decision.

Called for each event of a group, in order, on a shared book. What ``facts.py`` names must be loaded before.
"""
from __future__ import annotations

from datetime import datetime
from typing import Any

from . import lines
from .adoption import adopted
from .decision import Case, Decision, Learners
from .policy import Policy
from .purchase import paid
from .refund import refunded
from .state import Book

ORDER_PAID = "org.openedx.commerce.order.paid.v1"
ORDER_REFUNDED = "org.openedx.commerce.order.refunded.v1"
#: A learner registered, activated, changed e-mail, or a person retries: decide waiting, held and named lines again.
ORDER_RESUME = "internal.order.resume.v1"
#: Lines waited long enough.
LINES_EXPIRED = "internal.lines.expired.v1"
#: A person gives lines up.
LINES_DISCARDED = "internal.lines.discarded.v1"
#: A learner unenrolled in the LMS; one event per order that granted the seat.
LEARNER_LEFT = "internal.learner.left.v1"
#: Enrollments that another system sold for this order enter the ledger.
ORDER_ADOPTED = "internal.order.adopted.v1"

_RULES = {
    ORDER_PAID: paid,
    ORDER_REFUNDED: refunded,
    ORDER_RESUME: lines.resumed,
    LINES_EXPIRED: lines.expired,
    LINES_DISCARDED: lines.discarded,
    LEARNER_LEFT: lines.left,
    ORDER_ADOPTED: adopted,
}
EVENT_TYPES = frozenset(_RULES)


def decide(event_type: str, data: dict[str, Any], book: Book, learners: Learners, policy: Policy,
           now: datetime) -> Decision:
    """Decide one event.

    Arguments:
        event_type: one of ``EVENT_TYPES``.
        data: the decoded body below its only top-level argument, valid by the contract; datetimes are ISO text.
        book: facts and ledger; changed in place, what is new or changed is marked dirty.
        learners: ``LearnerData`` → learner, answered from memory.
        policy: the site's choices.
        now: the clock.

    Returns:
        What to tell the store; the book holds the rest.

    Raises:
        KeyError: a fact the decision needs was not loaded, or the event type is unknown.
    """
    case = Case(book, learners, policy, now)
    _RULES[event_type](case, data)
    return case.decision
