"""The tables of fulfillment: what was bought, what each learner may access, and why.

Rows are written many at a time (``commerce_events.bus.sql``), so relations are plain numbers without constraints. No
text is an identity: every look-up goes by a digest, because MariaDB's collations merge ``a1B2``, ``a1b2`` and trailing
blanks.

Locks: the rows of an order are guarded by its ``commerce_events.Stream`` row; the grants of a learner in a course, of
whatever order, by that pair's :class:`CourseAccess` row.
"""
from __future__ import annotations

from django.db import models

from commerce_events.bus.fields import DigestField


class Grant(models.Model):
    """One order line in the ledger, or the tombstone of one that was refunded before it was paid.

    ``pair`` is the digest of learner and course once both are known; from then on the row is guarded by the course
    access of that pair. ``content`` is the digest of what may never change in a line.

    .. no_pii: while a line waits for its learner, a WaitingLine beside it names that person
    """

    stream_id = models.BigIntegerField()  # the order
    line_digest = DigestField()
    order_key = models.CharField(max_length=161)
    order_number = models.CharField(max_length=255)
    line_id = models.CharField(max_length=128)
    state = models.CharField(max_length=12)  # waiting held active refunded kept released overridden skipped failed
    pair = DigestField(null=True)
    lms_user_id = models.BigIntegerField(null=True)
    course_key = models.CharField(max_length=255, default="", blank=True)
    product_kind = models.CharField(max_length=64)
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

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream_id", "line_digest"], name="ful_grant_line")]
        indexes = [models.Index(fields=["pair"], name="ful_grant_pair")]

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


class CourseAccess(models.Model):
    """The access of one learner to one course: whatever several orders, refunds and staff have made of it.

    ``base`` is the mode that anyone but us set last, if it was active; ``last_mode`` and ``last_active`` are the
    enrollment that we set (or found right) last: when the platform shows another one, somebody else was there. The row
    is the lock of the pair.

    .. no_pii:
    """

    pair = DigestField(unique=True)  # of user id and course key
    lms_user_id = models.BigIntegerField()
    course_key = models.CharField(max_length=255)
    base = models.CharField(max_length=32, null=True)
    last_mode = models.CharField(max_length=32, null=True)  # null: never set by us
    last_active = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "course accesses"

    def __str__(self) -> str:
        return f"{self.lms_user_id} in {self.course_key}"


class Attempt(models.Model):
    """One decision on one event: what was found, what was done to each line, and why. Append-only.

    ``detail`` is JSON, ``[[line_id, action, refund_id, outcome, reason, before, after], …]``; ``trace`` is the error of
    an attempt that failed: its class and frames, never its text, which may quote personal data.

    .. no_pii:
    """

    stream_id = models.BigIntegerField(db_index=True)
    event_digest = DigestField()
    event_type = models.CharField(max_length=128)
    attempt = models.IntegerField(default=1)
    actor = models.CharField(max_length=150, default="rules")  # or the person who acted in the console
    decided_at = models.DateTimeField()
    detail = models.TextField(default="[]")
    trace = models.TextField(default="", blank=True)

    def __str__(self) -> str:
        return f"{self.event_type} #{self.attempt} by {self.actor}"
