"""The states of an order line, and every way from one to another: one table.

The rules never read it: they compute states from grants. A test drives them with the worlds of ``tests/model`` and
compares: what they do stands here, and what stands here they do. The page of the documentation is drawn from it.
"""
from __future__ import annotations

from typing import NamedTuple

from .decide import (
    LEARNER_LEFT,
    LINES_DISCARDED,
    LINES_EXPIRED,
    ORDER_ADOPTED,
    ORDER_PAID,
    ORDER_REFUNDED,
    ORDER_RESUME,
)
from .state import Grant

#: State → what it means. Two of them are written alike in the ledger and told apart by what was granted:
#: a tombstone is a ``refunded`` line that nobody paid for here, and a held refund is a ``held`` line with its seat.
STATES = {
    "unknown": "nothing was heard of the line",
    "tombstone": "its refund came first; what is left to fulfil is decided when it is paid",
    "waiting": "there is no account yet, or an unproved one; it goes on by itself, or is given up after its time",
    "held": "a person must act before it can be fulfilled",
    "active": "it gives access",
    "refund held": "its refund waits for a person; until then it gives access",
    "refunded": "its refund took back what it gave",
    "kept": "the money went back, the access stays",
    "released": "the learner gave the access back",
    "overridden": "somebody else changed the enrollment since; what it gave counts no more",
    "skipped": "there is nothing to fulfil",
    "failed": "it will not be fulfilled, unless a person retries",
}
#: States after which nothing more is expected; a refund, a retry or the learner may still move them.
SETTLED = ("refunded", "kept", "released", "overridden", "skipped", "failed")

#: Event type → the word for it in the table. A resumption that a person asks for is a retry.
CAUSES = {
    ORDER_PAID: "paid",
    ORDER_REFUNDED: "refund",
    ORDER_RESUME: "resume",
    LINES_EXPIRED: "expiry",
    LINES_DISCARDED: "discard",
    LEARNER_LEFT: "leave",
    ORDER_ADOPTED: "adoption",
}
RETRY = "retry"
#: Any event of the learner and the course that finds the enrollment not as we set it.
CHANGE = "change"


class Transition(NamedTuple):
    """One way from a state to another, and when it is taken."""

    before: str
    cause: str
    after: str
    when: str


TRANSITIONS = (
    Transition("unknown", "adoption", "active", "another system sold what the learner holds"),
    Transition("unknown", "paid", "active", "it is granted: enrolled, upgraded, or recorded beside what is held"),
    Transition("unknown", "paid", "waiting", "no account matches, or only by an unproved e-mail (R4, R5)"),
    Transition("unknown", "paid", "held", "the course is full (R14), or the rank does not know the mode (R15)"),
    Transition("unknown", "paid", "failed", "it is wrong, for good (R3, R6, R12, R13, R15, R16, R37, R38, R40, R42)"),
    Transition("unknown", "paid", "skipped", "the order is closed, or there is nothing to fulfil (R36, R39)"),
    Transition("unknown", "paid", "kept", "the order was closed by a refund that keeps the access"),
    Transition("unknown", "refund", "tombstone", "the refund overtook the payment (R18)"),
    Transition("tombstone", "paid", "active", "a part of it was refunded, the learner's seat was not"),
    Transition("tombstone", "paid", "waiting", "the same, and there is no account"),
    Transition("tombstone", "paid", "held", "the same, and a person must act"),
    Transition("tombstone", "paid", "failed", "the same, and something is wrong for good"),
    Transition("tombstone", "paid", "skipped", "it was refunded before it was paid (R18)"),
    Transition("tombstone", "paid", "kept", "it was refunded before, and the refund keeps the access"),
    Transition("waiting", "resume", "active", "the account is there"),
    Transition("waiting", "resume", "held", "the account is there; now a person must act"),
    Transition("waiting", "resume", "failed", "the account may not be served, or has retired (R6, R12–R16, R34, R38)"),
    Transition("waiting", "paid", "active", "the order came again, and the account is there"),
    Transition("waiting", "paid", "held", "the same, and a person must act"),
    Transition("waiting", "paid", "failed", "the same, and it may not be served"),
    Transition("waiting", "retry", "active", "a person asked before the account's own news came"),
    Transition("waiting", "retry", "held", "the same; now a person must act"),
    Transition("waiting", "retry", "failed", "the same, and it may not be served"),
    Transition("waiting", "refund", "skipped", "the wait ends (R18b)"),
    Transition("waiting", "refund", "kept", "the account had just come, and the refund keeps the access"),
    Transition("waiting", "expiry", "failed", "it waited long enough (R5)"),
    Transition("waiting", "expiry", "active", "the last look finds the account"),
    Transition("waiting", "expiry", "held", "the last look finds the account; now a person must act"),
    Transition("waiting", "discard", "failed", "a person gives it up"),
    Transition("held", "resume", "active", "what held it is gone"),
    Transition("held", "resume", "failed", "something else is wrong for good; its learner has retired (R34)"),
    Transition("held", "retry", "active", "a person mended it"),
    Transition("held", "retry", "failed", "a person asked, and something else is wrong for good"),
    Transition("held", "retry", "waiting", "a person asked, and the account has to be proved again"),
    Transition("held", "refund", "skipped", "there is nothing left to fulfil (R18b)"),
    Transition("held", "refund", "kept", "what held it had just gone, and the refund keeps the access"),
    Transition("held", "discard", "failed", "a person gives it up"),
    Transition("failed", "retry", "active", "a person asks again after the repair (R15)"),
    Transition("failed", "retry", "waiting", "a person asks again, and there is no account"),
    Transition("failed", "retry", "held", "a person asks again, and must act once more"),
    Transition("failed", "refund", "skipped", "there is nothing to take back (R18b)"),
    Transition("active", "refund", "refunded", "its seat goes, or falls to what is left (R19–R22, R25, R26)"),
    Transition("active", "refund", "kept", "the refund, or the site's policy, keeps the access (R24, R25)"),
    Transition("active", "refund", "refund held", "a certificate was earned, or the platform refuses (R24)"),
    Transition("active", "change", "overridden", "somebody else changed the enrollment (R23)"),
    Transition("active", "leave", "released", "the learner unenrolled; a refund is requested (R29)"),
    Transition("overridden", "leave", "released", "the news that the learner left came after its effect was seen"),
    Transition("refund held", "retry", "refunded", "a person approves"),
    Transition("refund held", "discard", "kept", "a person decides that the access stays"),
    Transition("refund held", "refund", "refunded", "a later refund finds nothing that stands against it"),
    Transition("refund held", "change", "overridden", "somebody else changed the enrollment"),
    Transition("kept", "refund", "refunded", "a later refund of the line is stricter"),
    Transition("kept", "refund", "refund held", "a later refund is stricter, and a certificate was earned"),
    Transition("kept", "change", "overridden", "somebody else changed the enrollment"),
    Transition("refunded", "change", "overridden", "somebody else changed the enrollment: its hint counts no more"),
    Transition("skipped", "change", "overridden", "the same, for a line that was refunded before it was paid"),
)


def state_of(grant: Grant | None) -> str:
    """Where a line stands, in the words of the table."""
    if grant is None:
        return "unknown"
    if not grant.content:
        return "tombstone"
    return "refund held" if grant.state == "held" and grant.found else grant.state
