"""The right to publish: one relay at a time, by the database's clock.

A relay that loses its lease – stopped, cut off, slow – stops publishing by itself, because it asks before every round
and gives up its unsent messages when it cannot be sure. Two relays for a moment would only repeat messages under their
ids, in the order both read from the same rows.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from commerce_events.models import Lease as Row


class Lease:
    """A named lease. ``seconds`` is how long it runs without being renewed."""

    def __init__(self, name: str, seconds: float) -> None:
        self.name, self.seconds = name, seconds
        self.holder = f"{socket.gethostname()[:30]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._asked = float("-inf")
        self.held = False
        self._delivered: dict[str, Any] = {}

    def hold(self) -> bool:
        """Take or renew the lease; True while it is ours. Asks the database once per third of its time."""
        now = time.monotonic()
        if self.held and now - self._asked < self.seconds / 3:
            return True
        until = Now() + timedelta(seconds=self.seconds)
        rows = Row.objects.filter(name=self.name)
        if self.held and rows.filter(holder=self.holder, expires_at__gt=Now()).update(expires_at=until):
            self._asked = now
            return True
        self._delivered = {}
        self.held = bool(
            rows.filter(expires_at__lte=Now()).update(holder=self.holder, term=F("term") + 1, expires_at=until)
        )
        if not self.held and not rows.exists():
            try:
                with transaction.atomic():
                    Row.objects.create(name=self.name, holder=self.holder, term=1, expires_at=until)
                self.held = True
            except IntegrityError:  # another relay was first
                pass
        self._asked = now
        return self.held

    @property
    def left(self) -> float:
        """Seconds for which the lease is surely ours, by this process's own clock from before it asked."""
        return self.seconds - (time.monotonic() - self._asked) if self.held else 0.0

    def release(self) -> None:
        """Give it back, so that another relay need not wait for its end."""
        if self.held:
            Row.objects.filter(name=self.name, holder=self.holder).update(expires_at=Now())
            self.held = False

    def delivered(self) -> dict[str, Any]:
        """Offsets after the last delivery noted, as ``{topic: {partition: offset}}``."""
        return dict(Row.objects.filter(name=self.name).values_list("delivered", flat=True).first() or {})

    def note(self, delivered: dict[str, dict[str, int]]) -> None:
        """Note deliveries (the caller's transaction deletes the batches they belong to)."""
        known = self._delivered = self._delivered or self.delivered()  # nobody else writes them while we hold the lease
        for topic, offsets in delivered.items():
            into = known.setdefault(topic, {})
            for partition, offset in offsets.items():
                into[partition] = max(offset, into.get(partition, 0))
        Row.objects.filter(name=self.name).update(delivered=known)
