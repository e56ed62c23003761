"""The tables of the durable bus: what was received, what is to be sent, and how far each partition was read.

Our signals are created here, when Django imports the models of the app, because ``openedx_events`` looks for them when
it becomes ready. Relations are plain columns without database constraints: rows of one transaction are written by
multi-row statements, and a constraint would cost a look-up for each of them.
"""

from __future__ import annotations

from importlib.util import find_spec

from django.db import models

from commerce_events.bus.fields import DigestField

if find_spec("openedx_events") is not None:  # a store can do without
    from commerce_events import signals  # noqa: F401  creates the signals; see above


class Installation(models.Model):
    """This LMS or store as the others know it; one row. A restore from a backup starts a new epoch.

    .. no_pii:
    """

    slug = models.CharField(max_length=32, unique=True)
    epoch = models.BigIntegerField(default=1)
    epoch_started_at = models.DateTimeField(auto_now_add=True)
    epoch_reason = models.CharField(max_length=255, default="installed")
    restored_from = models.JSONField(default=dict)  # the committed offsets that gave the restore away

    def __str__(self) -> str:
        return f"{self.slug}, epoch {self.epoch}"


class Counter(models.Model):
    """Blocks of primary keys, taken in short transactions of their own, so that rows can refer to each other unwritten.

    .. no_pii:
    """

    name = models.CharField(max_length=64, primary_key=True)
    next_id = models.BigIntegerField(default=1)


class Lease(models.Model):
    """The right to publish: one holder at a time, by the database's clock; every change of hands raises the term.

    ``delivered`` maps each topic and partition to the offset after the last delivery that was noted here: what stands
    behind it on the topic was published by a history that this database does not know, once it was restored.

    .. no_pii:
    """

    name = models.CharField(max_length=64, primary_key=True)
    holder = models.CharField(max_length=64, default="")
    term = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField()
    delivered = models.JSONField(default=dict)


class Position(models.Model):
    """How far a consumer group has read one partition. This row decides, Kafka's committed offset is a hint (D1).

    ``offset`` is the next one to read. ``topic_id`` tells a topic from another one made later under the same name.
    ``halted`` says why the partition is not read on: an operator must accept the gap.

    .. no_pii:
    """

    digest = DigestField(unique=True)  # of group, topic and partition
    group = models.CharField(max_length=255)
    topic = models.CharField(max_length=249)
    partition = models.IntegerField()
    topic_id = models.CharField(max_length=64, default="")
    offset = models.BigIntegerField()
    halted = models.CharField(max_length=64, default="", blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["group", "topic", "partition"]

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


class Gap(models.Model):
    """Offsets of a partition that were or will be passed over, and why. Never silent: each is an alarm.

    .. no_pii:
    """

    group = models.CharField(max_length=255)
    topic = models.CharField(max_length=249)
    partition = models.IntegerField()
    reason = models.CharField(max_length=64)
    from_offset = models.BigIntegerField()
    to_offset = models.BigIntegerField(null=True)
    old_topic_id = models.CharField(max_length=64, default="")
    new_topic_id = models.CharField(max_length=64, default="")
    detected_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    resolution = models.CharField(max_length=255, default="", blank=True)

    class Meta:
        ordering = ["-detected_at"]

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}] {self.from_offset}–{self.to_offset}: {self.reason}"


class Stream(models.Model):
    """One message key of one topic – an order –: the row that is claimed, locked, and counts the results.

    ``revision`` and ``closed`` belong to the handler. Never pruned: the count must not start again.

    .. no_pii:
    """

    digest = DigestField(unique=True)  # of topic and key
    topic = models.CharField(max_length=249)
    key = models.CharField(max_length=255)
    next_n = models.BigIntegerField(default=1)
    revision = models.BigIntegerField(default=0)
    closed = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.key


class Inbox(models.Model):
    """Every event received, once: its content's digest is its identity, because ``ce_id`` is new with each send.

    ``due_at`` is set exactly while there is something to do; ``attempts`` counts failures. The payload is the decoded
    data as JSON, so that handling needs no registry.

    .. pii: the payload of an order event names the learner, by an e-mail address where no id is known
    .. pii_types: email_address, username, id
    .. pii_retirement: local_api
    """

    class State(models.TextChoices):
        PENDING = "pending"
        HANDLED = "handled"
        HELD = "held"
        DISCARDED = "discarded"
        SHADOW = "shadow"  # decided and kept, and nothing done about it

    digest = DigestField(unique=True)
    stream_id = models.BigIntegerField(db_index=True)
    event_type = models.CharField(max_length=128)
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    due_at = models.DateTimeField(null=True, db_index=True)
    attempts = models.IntegerField(default=0)
    reason = models.CharField(max_length=64, default="", blank=True)
    payload = models.TextField()
    headers = models.TextField(default="", blank=True)  # of events that are not ours, as JSON
    topic = models.CharField(max_length=249, default="", blank=True)
    partition = models.IntegerField(null=True)
    offset = models.BigIntegerField(null=True)
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)
    decision = models.TextField(default="", blank=True)  # what its handler keeps of it, as JSON
    parcels = models.TextField(default="", blank=True)  # ids of the outbox rows that tell of it, separated by blanks

    class Meta:
        verbose_name_plural = "inbox"

    def __str__(self) -> str:
        return f"{self.event_type} {self.state}"


class Source(models.Model):
    """A store whose events wait in a queue of their own, because a person or a limit says so, or because it sends many.

    ``id`` names the queue: it is the ``due_at`` of what waits there (``commerce_events.bus.sources``). ``next_at`` is
    when a limited store's next event may be handled.

    .. no_pii:
    """

    class State(models.TextChoices):
        RUNNING = "running"
        PAUSED = "paused"
        STOPPED = "stopped"

    digest = DigestField(unique=True)  # of the name
    name = models.CharField(max_length=32)
    state = models.CharField(max_length=12, choices=State.choices, default=State.RUNNING)
    because = models.CharField(max_length=255, default="", blank=True)
    changed_by = models.CharField(max_length=150, default="", blank=True)  # who made it so, of those who operate this
    changed_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name} {self.state}"


class Outbox(models.Model):
    """A parcel: messages that were decided in the transaction that wrote them, as one value; never updated.

    Whether they were sent is said by their batch: the row of ``OutboxBatch`` is there until every message of the batch
    was acknowledged by the broker. ``commerce_events.bus.outbox`` packs and unpacks. The id is made of the batch's and
    the parcel's place in it; the inbox rows whose events it tells of name it (``Inbox.parcels``).

    .. pii: a store's own events name the learner, by an e-mail address where no id is known; results never do
    .. pii_types: email_address, username, id
    .. pii_retirement: local_api
    """

    id = models.BigIntegerField(primary_key=True)
    batch_id = models.BigIntegerField(db_index=True)
    messages = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "outbox"

    def __str__(self) -> str:
        return f"parcel {self.pk}"


class OutboxBatch(models.Model):
    """The messages of one transaction, while they wait for the relay. Sending them ends in deleting this row.

    Ids grow in the order of commits as far as it matters: two transactions with results of one order are serialized by
    its stream row, and each takes its id after it has the lock.

    .. no_pii:
    """

    messages = models.IntegerField()  # how many
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "outbox batches"


class Resend(models.Model):
    """A request to publish the current message of each slot of a stream once more, under its old id (R1).

    Made when a store repeats an event, which says that a result may have been lost on its side.

    .. no_pii:
    """

    stream_id = models.BigIntegerField(db_index=True)
    requested_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, db_index=True)


class DeadLetter(models.Model):
    """A message that cannot be read, with its bytes as they came, and why.

    .. pii: the bytes may hold an order event, and so an e-mail address
    .. pii_types: email_address, username, id
    .. pii_retirement: local_api
    """

    class State(models.TextChoices):
        OPEN = "open"
        REDRIVEN = "redriven"
        DISCARDED = "discarded"

    topic = models.CharField(max_length=249)
    partition = models.IntegerField()
    offset = models.BigIntegerField()
    reason = models.CharField(max_length=64)
    detail = models.CharField(max_length=500, default="", blank=True)
    key = models.BinaryField(null=True)
    value = models.BinaryField(null=True)
    headers = models.TextField(default="", blank=True)
    received_at = models.DateTimeField(db_index=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.OPEN)
    # the database's default too: a release that does not know the column goes on inserting
    resolution = models.CharField(max_length=255, default="", db_default="", blank=True)  # who settled it, and why
    resolved_at = models.DateTimeField(null=True)
    mirrored_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-received_at"]

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}: {self.reason}"
