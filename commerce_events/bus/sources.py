"""Stores that must wait, each in a queue of its own, so that the others need not (D6).

A store is paused by a person: its events are stored and wait. It is limited by ``SOURCE_LIMITS``: so many decisions a
minute, of all processes together. Or it sends a crowd: what one batch holds of it beyond ``CROWD`` waits too. All three
are one thing here. What waits has a ``due_at`` in the far future that names its queue; the handle stage takes from the
queues in turn, as there is room. To pause is to take nothing, to limit is to take slowly.

A store that is **stopped** does not wait: handlers are told (``Context.stopped``) and refuse what comes of it (R37).

What is said of each store is one row, which every process looks up again within seconds.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import batched

from commerce_events import identity
from commerce_events.bus import script, sql
from commerce_events.models import Inbox, Source
from commerce_events.models import Stream as StreamRow
from commerce_events.topics import ORDER_TOPIC

log = logging.getLogger(__name__)

#: Nothing is due so late but what waits in a queue.
FAR = datetime(9000, 1, 1, tzinfo=UTC)
#: How long what is known of the stores is good for.
FRESH = timedelta(seconds=2)
#: What a limited store did not use may be used so much later, and is lost then.
ARREARS = timedelta(seconds=5)
#: Rows moved by one statement, and streams looked at for a paused store.
CHUNK = 500


def queue(source_id: int) -> datetime:
    """The ``due_at`` of what waits in a store's queue."""
    return FAR + timedelta(seconds=source_id)


def row(name: str) -> Source:
    """The row of a store, made if it is new."""
    digest = identity.text_digest("source", name)
    return Source.objects.get_or_create(digest=digest, defaults={"name": name})[0]


def say(name: str, state: str, by: str, because: str = "") -> Source:
    """Pause a store, stop it, or let it run, as a person decides; who and why is kept beside it."""
    source = row(name)
    source.state, source.changed_at = state, datetime.now(UTC)
    source.changed_by, source.because = by[:150], because[:255]
    source.save(update_fields=["state", "because", "changed_at", "changed_by"])
    log.warning("store %s is %s: %s", name, state, because or "no reason given")
    return source


def source_of(key: str) -> str:
    """The store that an order key names."""
    return key.partition(":")[0]


class Sources:
    """What one process knows of the stores. Shared by its threads.

    Arguments:
        limits: decisions a minute, by store.
        crowd: events of one store in one batch beyond which they wait in its queue; 0: any number may come.
    """

    def __init__(self, limits: Mapping[str, float] | None = None, crowd: int = 0) -> None:
        self.limits, self.crowd = limits or {}, crowd
        self.stopped: frozenset[str] = frozenset()
        self._paused: frozenset[str] = frozenset()
        self._ids: dict[str, int] = {}
        self._filled: set[str] = set()  # whose queues may hold something
        self._read_at: datetime | None = None
        self._lock = threading.Lock()

    def refresh(self, now: datetime) -> None:
        """Look the stores up again, if that was not done just now. Not within a transaction."""
        with self._lock:
            if self._read_at is not None and self._read_at <= now < self._read_at + FRESH:
                return
            rows = list(Source.objects.values_list("id", "name", "state"))
            self._ids = {name: source_id for source_id, name, _ in rows}
            self._paused = frozenset(name for _, name, state in rows if state == Source.State.PAUSED)
            self.stopped = frozenset(name for _, name, state in rows if state == Source.State.STOPPED)
            self._filled = set(self._ids)
            self._read_at = now

    # ------------------------------------------------------------------------------------------------- into a queue

    def waits(self, name: str) -> bool:
        """Whether events of a store wait in its queue, however few they are."""
        return name in self._paused or self._is_limited(name)

    def due(self, keys: Sequence[str], now: datetime) -> list[datetime]:
        """When each of these new events is due, by the keys of their orders; an empty key is of none, and never waits.

        Within the transaction that stores them.
        """
        names = [source_of(key) for key in keys]
        crowds = Counter(names)
        at = dict.fromkeys(crowds, now)
        for name, count in crowds.items():
            if name and (self.waits(name) or 0 < self.crowd < count):
                at[name] = queue(self._id(name))
        return [at[name] for name in names]

    def _id(self, name: str) -> int:
        self._filled.add(name)
        if name not in self._ids:
            script.flush()
            return row(name).pk  # not remembered: the transaction may be taken back
        return self._ids[name]

    def admitted(self, streams: list[int], now: datetime) -> list[int]:
        """Those of due streams whose store is not paused; what is due of the others goes into its store's queue."""
        if not self._paused:
            return streams
        keys = sql.select(StreamRow, ("id", "key", "topic"), "id", streams)
        paused: dict[str, list[int]] = {}
        for stream_id, key, topic in keys:
            if topic == ORDER_TOPIC and source_of(key) in self._paused:
                paused.setdefault(source_of(key), []).append(stream_id)
        for name, ids in paused.items():
            for part in batched(ids, CHUNK):
                due = Inbox.objects.filter(stream_id__in=part, due_at__lte=now)
                due.update(due_at=queue(self._ids[name]))
        waiting = {stream_id for ids in paused.values() for stream_id in ids}
        return [stream_id for stream_id in streams if stream_id not in waiting]

    # --------------------------------------------------------------------------------------------- out of the queues

    def take(self, now: datetime, room: int) -> int:
        """Make so many events of the queues due, the same number of each store at most; how many there were."""
        names = [name for name in sorted(self._filled & self._ids.keys()) if name not in self._paused]
        share, taken = max(1, room // max(1, len(names))), 0
        for name in names:
            most = self._allowed(name, share, now) if self._is_limited(name) else share
            found = self._taken(name, most, now) if most else 0
            if found < share and not self._is_limited(name):
                self._filled.discard(name)
            taken += found
        return taken

    def hold_some(self) -> bool:
        """Whether something waits in a queue that may be emptied now: its store is neither paused nor limited."""
        rows = Source.objects.exclude(state=Source.State.PAUSED).values_list("id", "name")
        queues = [queue(source_id) for source_id, name in rows if not self._is_limited(name)]
        return Inbox.objects.filter(due_at__in=queues).exists()

    def _is_limited(self, name: str) -> bool:
        return name in self.limits and name not in self.stopped

    def _taken(self, name: str, most: int, now: datetime) -> int:
        waiting = Inbox.objects.filter(due_at=queue(self._ids[name])).order_by("id").values_list("id", flat=True)
        ids: Iterable[int] = list(waiting[:most])
        moved = 0
        for part in batched(ids, CHUNK):
            moved += Inbox.objects.filter(pk__in=part, due_at=queue(self._ids[name])).update(due_at=now)
        return moved

    def _allowed(self, name: str, most: int, now: datetime) -> int:
        """How many of a limited store's events may be handled now; they are taken off its account."""
        if not Inbox.objects.filter(due_at=queue(self._ids[name])).exists():
            return 0
        source = Source.objects.get(pk=self._ids[name])
        every = timedelta(minutes=1) / self.limits[name]
        since = max(source.next_at or now, now - ARREARS)
        if since > now:
            return 0
        count = min(most, (now - since) // every + 1)
        # another process that takes at the same moment finds that it came too late
        unchanged = Source.objects.filter(pk=source.pk, next_at=source.next_at)
        return count if unchanged.update(next_at=since + count * every) else 0
