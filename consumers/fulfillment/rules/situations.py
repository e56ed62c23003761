"""Everything that can become of an order line, with its state, the words the store reads, and who acts next.

One row for each way to each pair of outcome and reason. A test plays every row and finds the line as it says; the page
of the documentation is made from it. What to do is said by reason, in ``reasons.py``.
"""
from __future__ import annotations

from typing import NamedTuple

NOBODY, LEARNER, OPERATOR, STORE = "nobody", "the learner", "an operator", "the store"


class Situation(NamedTuple):
    """One row. ``state`` is a word of ``machine.STATES``; ``said`` the action and outcome of the result."""

    name: str
    state: str
    said: str
    reason: str
    acts: str


def _rows(said: str, *rows: tuple[str, str, str, str]) -> tuple[Situation, ...]:
    return tuple(Situation(name, state, said, reason, acts) for name, state, reason, acts in rows)


SITUATIONS = (
    *_rows(
        "fulfill completed",
        ("a seat is paid", "active", "ok", NOBODY),
        ("a seat is paid twice, by two orders", "active", "duplicate_purchase", STORE),
        ("the learner holds a better mode", "active", "better_mode_held", STORE),
        ("the learner holds the mode by other means", "active", "already_enrolled", STORE),
        ("more than one seat is paid", "active", "quantity_unsupported", STORE),
        ("a refund that keeps the access overtook the payment", "kept", "access_kept", NOBODY),
        ("the learner leaves the course", "released", "released_by_learner", STORE),
        ("a fulfilled line comes back changed", "active", "line_changed", STORE),
    ),
    *_rows(
        "fulfill deferred",
        ("no account matches", "waiting", "learner_not_found", LEARNER),
        ("only the e-mail matches, of an account that is not activated", "waiting", "account_not_active", LEARNER),
        ("the course is full", "held", "course_full", OPERATOR),
        ("the rank does not know the mode", "held", "mode_not_found", OPERATOR),
        ("the platform did not do what it was asked, or would break on it", "held", "internal_error", OPERATOR),
        ("a waiting line comes back changed", "waiting", "line_changed", STORE),
        ("the database failed for two days", "unknown", "database_unavailable", OPERATOR),
        ("the course store failed for two days", "unknown", "content_store_unavailable", OPERATOR),
        ("nobody foresaw the error", "unknown", "internal_error", OPERATOR),
    ),
    *_rows(
        "fulfill failed",
        ("no account matched for half a year", "failed", "learner_not_found", STORE),
        ("the account was not activated for half a year", "failed", "account_not_active", STORE),
        ("the order names nobody", "failed", "learner_unidentified", STORE),
        ("the identifiers point to two accounts", "failed", "identity_conflict", OPERATOR),
        ("the account was retired", "failed", "learner_retired", STORE),
        ("the account is retired while a line waits or is held", "failed", "learner_retired", STORE),
        ("the learner's country may not access the course", "failed", "learner_embargoed", STORE),
        ("enrollment was closed when it was paid", "failed", "enrollment_closed", OPERATOR),
        ("the mode had expired when it was paid", "failed", "mode_expired", OPERATOR),
        ("the course does not exist", "failed", "course_not_found", OPERATOR),
        ("the course key cannot be read", "failed", "course_key_invalid", STORE),
        ("the course does not offer the mode", "failed", "mode_not_found", OPERATOR),
        ("a filter refuses to enroll", "failed", "blocked_by_filter", OPERATOR),
        ("neither course and mode nor a known SKU", "failed", "unknown_product", OPERATOR),
        ("no module serves the kind of product", "failed", "unsupported_product", OPERATOR),
        ("a credit seat without its provider", "failed", "credit_provider_missing", STORE),
        ("the store is not on the allow-list", "failed", "source_not_allowed", OPERATOR),
        ("a person gives a waiting or held line up", "failed", "discarded", STORE),
        ("a failed line comes back changed", "failed", "line_changed", STORE),
        ("the order breaks the contract", "unknown", "schema_invalid", STORE),
    ),
    *_rows(
        "fulfill skipped",
        ("the refund overtook the payment", "skipped", "refund_before_paid", NOBODY),
        ("a donation, or a product without access", "skipped", "nothing_to_fulfill", NOBODY),
        ("a test order", "skipped", "test_order", NOBODY),
        ("a skipped line comes back changed", "skipped", "line_changed", STORE),
    ),
    *_rows(
        "revoke revoked",
        ("the last grant is refunded", "refunded", "ok", NOBODY),
        ("the learner had left before the refund", "released", "ok", NOBODY),
        ("the better of two grants is refunded", "refunded", "other_grant", NOBODY),
        ("an older system's seat is refunded, and the site lets that act", "tombstone", "grant_not_found", NOBODY),
    ),
    *_rows(
        "revoke retained",
        ("one of two equal grants is refunded", "refunded", "other_grant", NOBODY),
        ("nothing was fulfilled for the line", "tombstone", "grant_not_found", NOBODY),
        ("a refund of money alone", "active", "amount_only_refund", NOBODY),
        ("a part of the quantity is refunded", "active", "quantity_remaining", NOBODY),
        ("somebody else changed the enrollment", "overridden", "mode_changed_since", OPERATOR),
        ("what the learner held before is refunded", "refunded", "already_enrolled", NOBODY),
        ("what the learner held better is refunded", "refunded", "better_mode_held", NOBODY),
        ("the refund, or the site, keeps the access", "kept", "access_kept", NOBODY),
        ("a certificate was earned, and the site keeps the access then", "kept", "certificate_issued", NOBODY),
        ("a person gives a held refund up", "kept", "discarded", NOBODY),
    ),
    *_rows(
        "revoke deferred",
        ("a certificate was earned", "refund held", "certificate_issued", OPERATOR),
        ("a filter refuses to unenroll", "refund held", "blocked_by_filter", OPERATOR),
        ("the platform did not do what the refund asked", "refund held", "internal_error", OPERATOR),
        ("the database failed for two days, at a refund", "active", "database_unavailable", OPERATOR),
        ("the course store failed for two days, at a refund", "active", "content_store_unavailable", OPERATOR),
        ("nobody foresaw the error, at a refund", "active", "internal_error", OPERATOR),
    ),
    *_rows(
        "revoke failed",
        ("a refund of a store that is not on the allow-list", "unknown", "source_not_allowed", OPERATOR),
        ("the refund breaks the contract", "unknown", "schema_invalid", STORE),
    ),
    *_rows(
        "revoke skipped",
        ("a waiting, held or failed line is refunded", "skipped", "refund_before_paid", NOBODY),
        ("a donation is refunded", "skipped", "nothing_to_fulfill", NOBODY),
        ("a test order is refunded", "unknown", "test_order", NOBODY),
    ),
)
