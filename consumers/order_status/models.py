"""The tables of a store: its orders and their lines as the LMS answers them, and what is to be done about that.

No text is an identity: every look-up goes by a digest, because MariaDB's collations merge ``a1B2`` and ``a1b2``. The
rows of an order are guarded by its ``commerce_events.Stream`` row: whoever publishes or handles one holds it.
"""

from __future__ import annotations

from django.db import models

from commerce_events.bus.fields import DigestField


class Order(models.Model):
    """An order of this store, with the status that follows from its lines.

    .. no_pii:
    """

    digest = DigestField(unique=True)  # of the order key
    order_key = models.CharField(max_length=161)
    order_number = models.CharField(max_length=255)
    status = models.CharField(max_length=24, default="open", db_index=True)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.order_key} {self.status}"


class OrderLine(models.Model):
    """One line and what became of it; the one with an empty ``line_id`` is for results about the order as a whole.

    ``answers`` are the current results by slot, ``[sequence, outcome, reason, is_final]`` as JSON. ``open_since`` is
    set exactly while no final result has come. ``alarm`` says what a person should look at: ``no_result``,
    ``not_final``.

    .. no_pii:
    """

    digest = DigestField(unique=True)  # of order key and line id
    order_digest = DigestField(db_index=True)
    line_id = models.CharField(max_length=128, blank=True)
    course_key = models.CharField(max_length=255, default="", blank=True)
    mode = models.CharField(max_length=32, default="", blank=True)
    quantity = models.IntegerField(default=0)
    state = models.CharField(max_length=12, default="published")
    reason = models.CharField(max_length=64, default="", blank=True)
    is_final = models.BooleanField(default=False)
    answers = models.TextField(default="{}")
    alarm = models.CharField(max_length=12, default="", blank=True)
    published_at = models.DateTimeField(null=True)  # null where results came of what was not published here
    accepted_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    open_since = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.line_id or 'order'} {self.state}"


class Publication(models.Model):
    """One event as it was published: sent again until each of its lines has an answer.

    ``next_send_at`` is set exactly as long, ``alarm_at`` until then or until the alarm was raised. The event itself
    stays in the outbox, where ``batch_id`` finds it.

    .. no_pii:
    """

    message_id = models.CharField(max_length=36, unique=True)
    order_digest = DigestField(db_index=True)
    order_key = models.CharField(max_length=161)
    action = models.CharField(max_length=8)  # fulfill, revoke: what its results will say
    refund_id = models.CharField(max_length=128, default="", blank=True)
    line_ids = models.TextField(default="[]")  # JSON
    batch_id = models.BigIntegerField()
    published_at = models.DateTimeField()
    sends = models.IntegerField(default=1)
    next_send_at = models.DateTimeField(null=True, db_index=True)
    answered_at = models.DateTimeField(null=True)
    alarm_at = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.order_key} {self.action}"


class RefundRequest(models.Model):
    """A learner has left a course that this store sold: somebody decides about the money.

    .. pii: the learner is named by the id of the LMS alone
    .. pii_types: id
    .. pii_retirement: retained
    """

    class State(models.TextChoices):
        OPEN = "open"
        SETTLED = "settled"

    request_id = models.CharField(max_length=36, unique=True)
    order_digest = DigestField(db_index=True)
    order_key = models.CharField(max_length=161)
    line_id = models.CharField(max_length=128)
    lms_user_id = models.BigIntegerField()
    course_key = models.CharField(max_length=255)
    mode = models.CharField(max_length=32)
    requested_at = models.DateTimeField()
    is_within_window = models.BooleanField()
    initiator = models.CharField(max_length=12)
    state = models.CharField(max_length=12, choices=State.choices, default=State.OPEN, db_index=True)
    settled_at = models.DateTimeField(null=True)
    resolution = models.CharField(max_length=255, default="", blank=True)  # what was decided; nobody's name

    def __str__(self) -> str:
        return f"{self.order_key} {self.line_id} {self.state}"


class Call(models.Model):
    """Something that a store is to be told, until it was or a person must look.

    ``due_at`` is set exactly while it waits; whoever makes the call moves it on first, so that two never make the same.

    .. no_pii:
    """

    class State(models.TextChoices):
        PENDING = "pending"
        DONE = "done"
        HELD = "held"
        DISCARDED = "discarded"

    call_id = models.CharField(max_length=36, unique=True)  # a UUID, the same with each attempt
    queue = DigestField(db_index=True)  # of order and hook: the calls of one are made in their order
    source = models.CharField(max_length=32)
    hook = models.CharField(max_length=64)  # its name in the settings
    kind = models.CharField(max_length=32)
    order_key = models.CharField(max_length=161)
    body = models.TextField()  # JSON
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField(null=True, db_index=True)
    error = models.CharField(max_length=255, default="", blank=True)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.order_key} {self.state}"
