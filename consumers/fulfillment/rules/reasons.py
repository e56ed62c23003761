"""Every reason code that a result may carry: what it means, and what to do about it on either side.

The list is closed; the reference page of the documentation is generated from it. A site's own modules add codes that
start with ``x_``; readers decide by outcome and ``is_final``, never by a code they do not know.
"""
from __future__ import annotations

from dataclasses import dataclass

#: What a site's own reason codes and product kinds start with.
SITE_PREFIX = "x_"
_NOTHING = "Nothing to do."


@dataclass(slots=True, frozen=True)
class Reason:
    """One reason code. ``outcomes`` are those it can stand with, each as ``action outcome``."""

    code: str
    meaning: str
    operator: str
    store: str
    outcomes: tuple[str, ...]


_LIST = (
    Reason("ok", "The line was carried out: the learner was enrolled, upgraded, or the access was taken back.",
           _NOTHING, "Show the line as fulfilled, or as revoked.", ("fulfill completed", "revoke revoked")),
    Reason("course_not_found", "The LMS has no course with this key.",
           "Create the course or correct the product in the store; then retry the failed lines of that course.",
           "Correct the product, or refund the line.", ("fulfill failed",)),
    Reason("course_key_invalid", "The course key cannot be read as one.",
           "Tell the store which product is wrong; there is nothing to retry.",
           "Correct the product's course key, refund the line and sell it again.", ("fulfill failed",)),
    Reason("mode_not_found", "The course does not offer the mode that was paid, or the site's rank does not know it.",
           "Add the mode to the course, or the mode to the rank; then retry the line.",
           "Correct the product's mode if it is wrong; otherwise wait for the LMS.",
           ("fulfill failed", "fulfill deferred")),
    Reason("mode_expired", "The mode was past its deadline, beyond the grace period, when the order was paid.",
           "Extend the deadline and retry if the learner should have it.", "Refund the line, or ask the LMS.",
           ("fulfill failed",)),
    Reason("course_full", "The course has reached its maximum; nothing overrides that, so the line waits for a person.",
           "Raise the limit and retry the line, or discard it.", "Wait, or refund the line.",
           ("fulfill deferred",)),
    Reason("enrollment_closed", "Enrollment was closed or by invitation only, and the source may not force it.",
           "Open the window, or allow the source to force enrollment; then retry.", "Refund the line, or ask the LMS.",
           ("fulfill failed",)),
    Reason("blocked_by_filter", "A filter of this site refused to enroll or to unenroll the learner.",
           "Read the filter's own words on the attempt; change the filter or the facts; then retry.",
           "Refund the line, or ask the LMS.", ("fulfill failed", "revoke deferred")),
    Reason("learner_unidentified", "The order names no learner: no id, no user name, no e-mail.",
           _NOTHING, "Ask the buyer, and send the order again as a new line.", ("fulfill failed",)),
    Reason("learner_not_found",
           "No account matches; the line waits with its paid mode until one does, or until it expires.",
           _NOTHING, "Invite the buyer to register with the same e-mail; when it failed, refund the line.",
           ("fulfill deferred", "fulfill failed")),
    Reason("identity_conflict", "The identifiers given point to different accounts, or the id to none beside a match.",
           "Find out which account is right, with the learner.", "Correct the learner of the order, and sell it again.",
           ("fulfill failed",)),
    Reason("learner_retired", "The account was retired at its owner's request; it is never enrolled again.",
           _NOTHING, "Refund the line.", ("fulfill failed",)),
    Reason("learner_embargoed", "The learner's country may not access this course.",
           _NOTHING, "Refund the line.", ("fulfill failed",)),
    Reason("account_not_active",
           "Only the e-mail matches, and an account that is not activated proves nothing about it.",
           _NOTHING, "Ask the buyer to activate the account.", ("fulfill deferred", "fulfill failed")),
    Reason("unknown_product", "The line names neither course and mode nor a sku that stands for exactly one of them.",
           "Give the course mode its sku, once; then retry.", "Send course and mode, or a sku the LMS knows.",
           ("fulfill failed",)),
    Reason("unsupported_product", "No fulfillment module serves this kind of product here.",
           "Install and name a module for the kind; then retry.", "Refund the line, or ask the LMS.",
           ("fulfill failed",)),
    Reason("nothing_to_fulfill", "A donation or another product without access.",
           _NOTHING, "Close the line.", ("fulfill skipped", "revoke skipped")),
    Reason("quantity_unsupported", "More than one seat was paid; one was given, to the buyer or the beneficiary.",
           "Enroll the others by other means if that was meant.", "Refund the unused quantity, or sell single seats.",
           ("fulfill completed",)),
    Reason("credit_provider_missing", "A credit seat needs to know its provider.",
           _NOTHING, "Send the credit provider with the line; sell it again.", ("fulfill failed",)),
    Reason("source_not_allowed", "The store is not on the allow-list of this LMS.",
           "Add the source if you know it, then retry; otherwise find out who publishes.",
           "Ask the LMS to be allowed.", ("fulfill failed", "revoke failed")),
    Reason("schema_invalid", "The event breaks the contract; it was set aside with its bytes.",
           "Read the dead letter: path and hint say what is wrong.", "Correct the event and send it again.",
           ("fulfill failed", "revoke failed")),
    Reason("line_changed", "A line that was decided before came back with other content; it was not applied.",
           "Tell the store: a line id never changes course, mode, quantity or beneficiary.",
           "Refund the old line and send a new one.",
           ("fulfill completed", "fulfill deferred", "fulfill failed", "fulfill skipped")),
    Reason("better_mode_held", "The learner holds a better mode already; the grant is recorded, nothing was lowered.",
           _NOTHING, "Consider a refund: the learner gained nothing.", ("fulfill completed", "revoke retained")),
    Reason("duplicate_purchase", "Another line grants the same mode to the same learner already.",
           _NOTHING, "Consider a refund: the learner paid twice.", ("fulfill completed",)),
    Reason("already_enrolled", "The learner held this mode before, by other means; a refund leaves it as it was.",
           _NOTHING, "Consider a refund: the learner gained nothing.", ("fulfill completed", "revoke retained")),
    Reason("refund_before_paid", "The line was refunded before it could be fulfilled, so it never is.",
           _NOTHING, "Close the line.", ("fulfill skipped", "revoke skipped")),
    Reason("amount_only_refund", "The refund names no lines and is not full: money, not access.",
           _NOTHING, "Name the lines if access was meant.", ("revoke retained",)),
    Reason("quantity_remaining", "Some of the line's quantity was refunded, but the learner's seat is still paid for.",
           _NOTHING, _NOTHING, ("revoke retained",)),
    Reason("other_grant", "Another order grants the learner the same course; the best of what is left was kept.",
           _NOTHING, _NOTHING, ("revoke retained", "revoke revoked")),
    Reason("certificate_issued",
           "The learner has earned a certificate; the site's setting holds or keeps the enrollment.",
           "Decide: approve the revocation, or discard it, which keeps the access.", "Wait for the LMS.",
           ("revoke deferred", "revoke retained")),
    Reason("mode_changed_since",
           "Staff, the learner or another system changed the enrollment after us; it is left alone.",
           "Change the enrollment by hand if it should go.", _NOTHING, ("revoke retained",)),
    Reason("grant_not_found", "Nothing was fulfilled for this line here; if it is paid later, it is not fulfilled.",
           "If the order was fulfilled by an older system, change the enrollment by hand.", _NOTHING,
           ("revoke retained", "revoke revoked")),
    Reason("test_order", "A test order, which this source may not have fulfilled.",
           "Allow test orders for the source, on a test site.", _NOTHING, ("fulfill skipped", "revoke skipped")),
    Reason("access_kept", "The money went back, the access stays: so the refund or the site's policy wants it.",
           _NOTHING, _NOTHING, ("fulfill completed", "revoke retained")),
    Reason("discarded", "A person gave the line, or its held refund, up.",
           _NOTHING, "Refund the line if it was not fulfilled.", ("fulfill failed", "revoke retained")),
    Reason("released_by_learner", "The learner held the access and gave it back in the LMS.",
           _NOTHING, "Decide about the refund that was requested.", ("fulfill completed",)),
    Reason("database_unavailable", "The database failed for as long as we keep trying by ourselves.",
           "Mend it, then retry what is held.", "Wait for the LMS.", ("fulfill deferred", "revoke deferred")),
    Reason("content_store_unavailable",
           "The course store or catalog failed for as long as we keep trying by ourselves.",
           "Mend it, then retry what is held.", "Wait for the LMS.", ("fulfill deferred", "revoke deferred")),
    Reason("internal_error", "Something nobody foresaw; the event is held with the trace of its error.",
           "Read the trace on the attempt, report it, retry after the repair.", "Wait for the LMS.",
           ("fulfill deferred", "revoke deferred")),
)

#: Reason code → reason, in the order of the contract.
REASONS = {reason.code: reason for reason in _LIST}


def is_known(code: str) -> bool:
    """Whether a code is in the list or a site's own."""
    return code in REASONS or code.startswith(SITE_PREFIX)
