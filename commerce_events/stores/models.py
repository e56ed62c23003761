"""What is remembered of stores: what was emitted for each order, which deliveries came, and what a person should see.

No text is an identity: every look-up goes by a digest, because MariaDB's collations merge ``a1B2`` and ``a1b2``, and
neither a store's ids nor their lengths are ours to choose.
"""

from __future__ import annotations

from django.db import models

from commerce_events.bus.fields import DigestField


class StoreOrder(models.Model):
    """What has gone out for one order of one store; locked by whoever compares it with a snapshot. Never pruned.

    .. no_pii: ids of lines and refunds, seats, courses and modes
    """

    digest = DigestField(unique=True)  # of source and order id
    source = models.CharField(max_length=32)
    order_id = models.CharField(max_length=128)
    emitted = models.TextField()  # commerce_events.stores.difference.Emitted, as JSON
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.source}:{self.order_id}"


class Delivery(models.Model):
    """A request of a store that must be remembered: by its id, so that it counts once, or because it waits.

    ``raw`` and ``headers`` are what came, kept only while somebody needs them. What a store without ids of deliveries
    sends leaves no row, unless it waits: the comparison with what was emitted takes care of repeats.

    .. pii: the body of a webhook names the buyer: kept while its store is paused, or until a person has settled it
    .. pii_types: email_address, name, username, id, location, phone_number
    .. pii_retirement: local_api
    """

    class State(models.TextChoices):
        RECEIVED = "received"  # its store is paused
        DONE = "done"
        SET_ASIDE = "set_aside"
        DISCARDED = "discarded"

    digest = DigestField(unique=True)  # of source and the store's id of it; of source and body where there is none
    content = DigestField()  # of what it says: the same id that says something else is refused
    source = models.CharField(max_length=32)
    name = models.CharField(max_length=255, default="", blank=True)  # the store's id of it
    state = models.CharField(max_length=12, choices=State.choices, default=State.DONE, db_index=True)
    reason = models.CharField(max_length=64, default="", blank=True)
    detail = models.CharField(max_length=500, default="", blank=True)
    headers = models.TextField(default="", blank=True)  # as JSON
    raw = models.BinaryField(null=True)
    received_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    settled_by = models.CharField(max_length=255, default="", blank=True)  # who of those who operate this, and why

    class Meta:
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.source} {self.state} {self.reason}".rstrip()


class OpenAsk(models.Model):
    """A question to a store that is still to be answered: an order to fetch. However often it was told of, one row.

    ``times`` counts how often it was asked for: if that changed while the answer was on its way, it is asked again.

    .. no_pii:
    """

    digest = DigestField(unique=True)  # of source, kind and id
    source = models.CharField(max_length=32)
    kind = models.CharField(max_length=32)
    ask_id = models.CharField(max_length=255)
    times = models.IntegerField(default=1)
    attempts = models.IntegerField(default=0)  # that failed
    reason = models.CharField(max_length=255, default="", blank=True)  # why the last one did
    due_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.source} {self.kind} {self.ask_id}"


class Notice(models.Model):
    """Something a person should see and no event tells. Told once.

    .. no_pii:
    """

    digest = DigestField(unique=True)  # of all that it says
    source = models.CharField(max_length=32)
    order_id = models.CharField(max_length=128, default="", blank=True)  # empty where it is about no order
    code = models.CharField(max_length=64)
    about = models.CharField(max_length=255, default="", blank=True)
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True, db_index=True)
    seen_by = models.CharField(max_length=150, default="", blank=True)

    def __str__(self) -> str:
        return f"{self.source}:{self.order_id} {self.code} {self.about}".rstrip()


class Sweep(models.Model):
    """How far one store was asked what has changed.

    .. no_pii:
    """

    digest = DigestField(unique=True)  # of the source
    source = models.CharField(max_length=32)
    since = models.DateTimeField()  # everything that changed before was heard of
    ended_at = models.DateTimeField(null=True)  # the last one that did not fail; none yet
    due_at = models.DateTimeField()
    attempts = models.IntegerField(default=0)  # that failed since the last one that did not
    reason = models.CharField(max_length=255, default="", blank=True)

    def __str__(self) -> str:
        return f"{self.source} since {self.since:%Y-%m-%d %H:%M}"
