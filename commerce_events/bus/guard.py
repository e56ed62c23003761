"""Noticing that the database was restored from a backup, before anything is decided on it (D4).

Two things give it away. Kafka's committed offset is always behind the position row: if it is ahead, the row went back
in time. And a result is published after its number was committed: if one stands on the topic whose number this database
has not given away, another history decided it. So a new epoch starts – new results outrank every lost one –, the events
behind the position are read again, and the streams whose lost results stand on the results topic are renewed, even
where no event of theirs comes again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from django.db import connection, transaction
from django.db.models import QuerySet

from commerce_events import identity, topics, wire
from commerce_events.bus import clients, closing, ids, inbox, kafka, positions, refusals
from commerce_events.bus.clock import utc_now
from commerce_events.bus.conf import BusSettings
from commerce_events.bus.types import RENEW, Context, FollowUp
from commerce_events.exceptions import ContractError, OperatorError, TransientError
from commerce_events.models import Installation, Lease, Stream
from commerce_events.registry import Registry

log = logging.getLogger(__name__)

RELAY_LEASE = "relay"
#: The first epoch is 1; one that follows a restore is the number of seconds since then, and not the next number: a
#: database that is restored twice has forgotten the first new epoch, of which a relay may still hold results.
EPOCHS_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


class Guard:
    """Compares Kafka with the database. Every stage asks it before its first work and after it lost the database."""

    def __init__(
        self, settings: BusSettings, registry: Registry, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.settings, self.registry, self.clock = settings, registry, clock
        self.full_topics = [settings.full_topic(topic) for topic in settings.topics]
        self._epoch = 0

    def context(self, now: datetime) -> Context:
        """The installation and its epoch, as the database has them now."""
        table = Installation._meta.db_table
        with connection.cursor() as cursor:  # asked for every batch, be it of one order
            cursor.execute(f"SELECT slug, epoch FROM {table} ORDER BY id LIMIT 1")
            found = cursor.fetchone()
        if found is None or found[0] != self.settings.installation:
            row = installation(self.settings.installation)
            found = row.slug, row.epoch
        slug, epoch = found
        if epoch != self._epoch:  # another process may have noticed the restore, and keys in hand be given away again
            self._epoch = epoch
            ids.STREAMS.forget()
        return Context(slug, epoch, now)

    def check(self) -> bool:
        """Start a new epoch if the database was restored. True if it was.

        A site without handlers decides nothing: what it sends twice is one event, and it need not be able to read.

        Raises:
            TransientError: the broker or the registry did not answer; nothing may be decided before they did.
            OperatorError: the database belongs to another installation, or the broker refuses us.
        """
        installation(self.settings.installation)  # whose database is this?
        if not self.settings.handlers:
            return False
        troubles = refusals.Troubles()
        client = clients.onlooker(self.settings, troubles)
        try:
            with troubles.explained(client):
                return self._compared(client)
        finally:
            closing.close(client)

    def _compared(self, client: Consumer) -> bool:
        stands = positions.load(self.settings.group, self.full_topics)
        # Kafka first, then the database once more: what is committed in between is in the database already
        committed = kafka.committed(client, stands)
        ahead = positions.ahead(committed, positions.load(self.settings.group, self.full_topics))
        published = self._published(client)
        row = installation(self.settings.installation)
        if _is_explained(ahead, row) and not _lost(published, row.epoch):
            return False
        return self._new_epoch(ahead, published)

    def _new_epoch(self, ahead: dict[str, int], published: dict[str, int]) -> bool:
        last = identity.epoch_of(max(published.values(), default=0))
        with transaction.atomic():
            slug = installation(self.settings.installation).slug
            row = Installation.objects.select_for_update().filter(slug=slug).first()
            if row is None:
                raise TransientError("the database is being restored: its installation is another row just now")
            evidence = ahead or {"results": last}
            if _is_explained(ahead, row) and row.epoch > last:
                return False  # another process has seen the same
            utc_now.forget()  # asked under the lock, the database's times ascend
            row.epoch_started_at = now = self.clock()
            row.epoch = max(row.epoch + 1, last + 1, int((now - EPOCHS_SINCE).total_seconds()))
            row.epoch_reason = "database restored: " + (
                ", ".join(ahead) or "results of this installation are published"
            )
            row.epoch_reason = row.epoch_reason[:255]
            row.restored_from = evidence
            row.save()
            streams = _streams(published).values_list("id", "key")
            inbox.write([(stream, FollowUp(RENEW, key, {"order_key": key})) for stream, key in streams], now)
        ids.STREAMS.forget()
        log.error(
            "ALARM database_restored: epoch %d starts, %d streams are renewed, the events behind the positions are "
            "read again; committed offsets ahead of the database: %s", row.epoch, len(streams), ahead,
        )  # fmt: skip
        return True

    def _published(self, client: Consumer) -> dict[str, int]:
        """The highest sequence of each key on the results topic, behind the last delivery that the database knows."""
        topic = self.settings.full_topic(topics.FULFILLMENT_TOPIC)
        delivered = (Lease.objects.filter(name=RELAY_LEASE).values_list("delivered", flat=True).first() or {}).get(
            topic, {}
        )
        missing: dict[int, int] = {}  # partition → the offset up to which it must be read
        begin = []
        for partition in kafka.partitions(client, topic):
            log_ = kafka.log_of(client, topic, partition, "")
            offset = max(log_.low, int(delivered.get(str(partition), 0)))
            if offset < log_.high:
                missing[partition] = log_.high
                begin.append(TopicPartition(topic, partition, offset))
        found: dict[str, int] = {}
        client.assign(begin)
        while missing:
            messages = kafka.take(client, 1000, kafka.TIMEOUT)
            if not messages:
                raise TransientError(f"{topic} could not be read up to its end")
            for message in messages:
                error = message.error()
                if error is not None:
                    raise TransientError(f"{topic}: {error.str()}")
                if message.offset() + 1 >= missing.get(message.partition(), 0):
                    missing.pop(message.partition(), None)
                result = self._result(message)
                if result is not None and result["installation"] == self.settings.installation:
                    key = result["order_key"]
                    found[key] = max(result["sequence"], found.get(key, 0))
        client.unassign()
        return found

    def _result(self, message: kafka.Record) -> dict[str, Any] | None:
        try:
            headers = dict(kafka.headers(message))
            event_type = (headers.get(topics.HEADER_TYPE) or b"").decode("utf-8", "replace")
            known = topics.EVENT_TYPES.get(event_type)
            if known is None or known.argument != "fulfillment":
                return None
            schema_id, body = wire.unframe(message.value() or b"")
            writer = wire.accept_writer(event_type, self.registry.schema_by_id(schema_id))
            return dict(wire.decode(event_type, body, writer)["fulfillment"])
        except ContractError:  # somebody else's bytes on our topic; nothing of ours is lost with them
            return None


def _is_explained(ahead: dict[str, int], row: Installation) -> bool:
    """Whether a restore that was noticed already accounts for these: what is read again is ahead no more."""
    return all(row.restored_from.get(at) == offset for at, offset in ahead.items())


def _streams(keys: Iterable[str]) -> QuerySet[Stream]:
    return Stream.objects.filter(digest__in=[identity.stream_digest(topics.ORDER_TOPIC, key) for key in keys])


def _lost(published: dict[str, int], epoch: int) -> bool:
    """Whether one of these sequences was never given away here. Read after the topic: what it holds was committed."""
    given = dict(_streams(published).values_list("key", "next_n"))
    return any(it >= identity.sequence(epoch, given.get(key, 1)) for key, it in published.items())


def installation(slug: str) -> Installation:
    """The row of this installation.

    Raises:
        OperatorError: the database belongs to an installation with another slug.
    """
    row = Installation.objects.order_by("pk").first()
    if row is None:
        row, _ = Installation.objects.get_or_create(slug=slug)
    if row.slug != slug:
        raise OperatorError(
            f"this database belongs to installation {row.slug!r}, the settings say {slug!r}",
            hint="Results carry the slug, and it never changes: correct COMMERCE_EVENTS['INSTALLATION'].",
        )
    return row
