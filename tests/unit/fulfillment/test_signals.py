"""Receivers inside a learner's own request: one row, no lock, and never the end of that request."""
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections, transaction

from commerce_events.models import Inbox, Stream
from consumers.fulfillment.models import Grant
from tests.engines.schema import TestDatabase
from tests.unit.fulfillment.site import Site, paid


def test_one_row_for_each_save_that_matters(site: Site) -> None:
    ada = site.user("ada")
    assert Inbox.objects.count() == 1
    ada.first_name = "Ada"
    ada.save(update_fields=["first_name"])
    assert Inbox.objects.count() == 1
    ada.email = "new@example.com"
    ada.save(update_fields=["email"])
    assert Inbox.objects.count() == 2
    assert "example.com" not in "".join(Inbox.objects.values_list("payload", flat=True)), "an id says it all"


def test_a_failing_inbox_does_not_end_the_request(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    rename = f"ALTER TABLE {connection.ops.quote_name('commerce_events_inbox')} RENAME TO "
    with connection.cursor() as cursor:
        cursor.execute(rename + "gone")
    try:
        with transaction.atomic():
            ada = site.user("ada")
            assert get_user_model().objects.filter(pk=ada.pk).exists()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE gone RENAME TO commerce_events_inbox")
    assert get_user_model().objects.filter(pk=ada.pk).exists()
    assert "were not resumed" in caplog.text
    assert "ada" not in caplog.text


def test_a_request_waits_for_no_lock_of_the_handle_stage(site: Site, database: TestDatabase) -> None:
    if database.kind == "sqlite":
        return  # one writer at a time is what SQLite is
    ada = site.user("ada")
    site.deliver(paid("100", ada))

    def request() -> None:
        ada.email = "new@example.com"
        with transaction.atomic():
            ada.save()

    with transaction.atomic():
        for model in (Stream, Grant, Inbox):
            list(model.objects.select_for_update())  # type: ignore[attr-defined]
        assert ends(request, within=10)
    assert site.stage.due(site.now, 10)


def ends(work: Callable[[], Any], within: float) -> bool:
    """Whether ``work`` ends in another thread, on a connection of its own."""
    done = threading.Event()

    def run() -> None:
        try:
            work()
            done.set()
        finally:
            connections.close_all()

    threading.Thread(target=run, daemon=True).start()
    return done.wait(within)
