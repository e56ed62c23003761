"""The tables of fulfillment: what was bought, what each learner may access, and why.

Rows are written many at a time (``commerce_events.bus.sql``), so relations are plain numbers without constraints. No
text is an identity: every look-up goes by a digest, because MariaDB's collations merge ``a1B2``, ``a1b2`` and trailing
blanks.

Locks: the rows of an order are guarded by its ``commerce_events.Stream`` row; the grants of a learner in a course, of
whatever order, by the first grant of that pair, which holds the pair's course access.
"""
from __future__ import annotations

from django.db import models

from commerce_events.bus.fields import DigestField


class Grant(models.Model):
    """One order line in the ledger, or the tombstone of one that was refunded before it was paid.

    ``pair`` is the digest of learner and course once both are known. ``place`` counts the grants of a pair, of whatever
    order: the first, 0, holds the pair's **course access** and is its lock (docs/decisions/0014-six-rows.rst).
    ``base`` is the mode that anyone but us set last, if it was active; ``last_mode`` and ``last_active`` are the
    enrollment that we set (or found right) last: when the platform shows another one, somebody else was there.

    ``content`` is the digest of what may never change in a line.

    .. no_pii: while a line waits for its learner, a WaitingLine beside it names that person
    """

    stream_id = models.BigIntegerField()  # the order
    number = models.IntegerField()  # of the line in its order, as the ledger met them
    order_key = models.CharField(max_length=161)
    order_number = models.CharField(max_length=255)
    line_id = models.CharField(max_length=128)
    state = models.CharField(max_length=12)  # waiting held active refunded kept released overridden skipped failed
    pair = DigestField(null=True)
    place = models.IntegerField(null=True)
    lms_user_id = models.BigIntegerField(null=True)
    course_key = models.CharField(max_length=255, default="", blank=True)
    product_kind = models.CharField(max_length=64)
    product = models.TextField(default="", blank=True)  # what else the line says of its product, as JSON
    mode = models.CharField(max_length=32, default="", blank=True)
    paid_at = models.DateTimeField(null=True)
    quantity = models.IntegerField(default=0)
    seats_used = models.IntegerField(default=0)
    refunded_total = models.IntegerField(default=0)
    ordered_quantity = models.IntegerField(default=0)
    is_full = models.BooleanField(default=False)
    chargeback = models.BooleanField(default=False)
    hint = models.CharField(max_length=12, default="", blank=True)
    found = models.CharField(max_length=8, default="", blank=True)  # "" (nothing granted) | lower | same | better
    content = DigestField(null=True)
    outcome = models.CharField(max_length=12, default="", blank=True)
    reason = models.CharField(max_length=64, default="", blank=True)
    base = models.CharField(max_length=32, null=True)
    last_mode = models.CharField(max_length=32, null=True)  # null: never set by us
    last_active = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stream_id", "number"], name="ful_grant_line"),
            models.UniqueConstraint(fields=["pair", "place"], name="ful_grant_pair"),
        ]

    def __str__(self) -> str:
        return f"{self.order_key} {self.line_id}: {self.state}"


class WaitingLine(models.Model):
    """Who an order line is waiting for. Written with the wait, deleted with its end, scrubbed by retirement.

    Registration finds it by the digest of the lower-cased identifier. ``learner`` holds the identifiers as JSON.

    .. pii: the e-mail address or user name that a buyer gave in a store, until an account with it exists
    .. pii_types: email_address, username, id
    .. pii_retirement: local_api
    """

    stream_id = models.BigIntegerField()
    line_digest = DigestField()
    order_key = models.CharField(max_length=161)
    line_id = models.CharField(max_length=128)
    email_digest = DigestField(null=True)
    username_digest = DigestField(null=True)
    lms_user_id = models.BigIntegerField(null=True)
    learner = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream_id", "line_digest"], name="ful_waiting_line")]
        indexes = [
            models.Index(fields=["email_digest"], name="ful_waiting_email"),
            models.Index(fields=["username_digest"], name="ful_waiting_username"),
            models.Index(fields=["lms_user_id"], name="ful_waiting_user"),
        ]

    def __str__(self) -> str:
        return f"{self.order_key} waits"


class Attempt(models.Model):
    """An attempt to decide an event that failed, and what the store was told of it; or who had it tried again.

    Append-only. ``actor`` is empty but where a person asked for the next attempt.

    What was decided in the end stands on the event's own row (``commerce_events.Inbox.decision``). ``detail`` is JSON
    as there, ``[[line_id, action, refund_id, outcome, reason, before, after], …]``; ``trace`` is the error: its class
    and frames, never its text, which may quote personal data.

    .. no_pii:
    """

    stream_id = models.BigIntegerField(db_index=True)
    event_digest = DigestField()
    event_type = models.CharField(max_length=128)
    attempt = models.IntegerField(default=1)
    decided_at = models.DateTimeField()
    detail = models.TextField(default="[]")
    trace = models.TextField(default="", blank=True)
    # the database's default too: a release that does not know the column goes on inserting
    actor = models.CharField(max_length=150, default="", db_default="", blank=True)

    def __str__(self) -> str:
        return f"{self.event_type} #{self.attempt}"
