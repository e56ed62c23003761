"""A restore is what a database's own would be."""
from __future__ import annotations

from django.utils import timezone

from commerce_events.models import OutboxBatch
from tests.engines.schema import TestDatabase
from tests.proof import snapshot


def test_what_a_restore_has_taken_away_gives_its_key_to_the_next(database: TestDatabase) -> None:
    kept, *_ = (OutboxBatch.objects.create(messages=1, created_at=timezone.now()) for _ in range(2))
    OutboxBatch.objects.filter(pk__gt=kept.pk).delete()
    backup = snapshot.take()
    lost = [OutboxBatch.objects.create(messages=2, created_at=timezone.now()).pk for _ in range(3)]
    snapshot.restore(backup)
    assert OutboxBatch.objects.get().pk == kept.pk
    again = OutboxBatch.objects.create(messages=3, created_at=timezone.now()).pk
    assert again == lost[0]
