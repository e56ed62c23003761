"""Prometheus hears what a process did, whether it gets on, and what waits – read as Prometheus would read it."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from commerce_events.bus import metrics
from commerce_events.bus.clock import utc_now
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.embedded.ports import free_ports
from commerce_events.bus.run import Options, Run
from commerce_events.exceptions import OperatorError
from commerce_events.models import DeadLetter, Inbox, OutboxBatch


@pytest.fixture
def run(settings: Any) -> Run:
    settings.COMMERCE_EVENTS = {"INSTALLATION": "lms"}
    settings.EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"
    settings.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = "http://127.0.0.1:1"
    return Run(bus_settings(), {}, Options(stages=frozenset({"handle", "relay"})))


@contextmanager
def served(run: Run) -> Iterator[Callable[[], dict[str, float]]]:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    end = metrics.serve(run, address)

    def scrape() -> dict[str, float]:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                label = ",".join(sample.labels.values())
                found[f"{sample.name}[{label}]" if label else sample.name] = sample.value
        return found

    try:
        yield scrape
    finally:
        end()


def waits(**more: Any) -> Inbox:
    return Inbox(
        digest=more.pop("digest"), stream_id=1, event_type="x", payload="{}", received_at=timezone.now(), **more
    )


@pytest.mark.usefixtures("database")
def test_what_waits_is_the_sites(run: Run) -> None:
    now = utc_now()
    Inbox.objects.bulk_create([
        waits(digest=b"1" * 32, due_at=now - timedelta(seconds=90)),
        waits(digest=b"2" * 32, due_at=now + timedelta(hours=1), attempts=2),
        waits(digest=b"3" * 32, state=Inbox.State.HELD),
    ])  # fmt: skip
    OutboxBatch.objects.create(messages=3, created_at=now - timedelta(seconds=30))
    DeadLetter.objects.create(topic="t", partition=0, offset=0, reason="schema_invalid", received_at=now)
    with served(run) as scrape:
        found = scrape()
    ours = {name: value for name, value in found.items() if name.startswith("commerce_events_")}
    assert 90 <= ours.pop("commerce_events_due_oldest_seconds") < 120
    assert 30 <= ours.pop("commerce_events_unsent_oldest_seconds") < 60
    assert ours == {
        "commerce_events_received_total": 0, "commerce_events_handled_total": 0, "commerce_events_duplicates_total": 0,
        "commerce_events_dead_total": 0, "commerce_events_published_total": 0, "commerce_events_stage_up[handle]": 1,
        "commerce_events_stage_up[relay]": 1, "commerce_events_breaker_open": 0, "commerce_events_database_up": 1,
        "commerce_events_due_events": 1, "commerce_events_retrying_events": 1, "commerce_events_held_events": 1,
        "commerce_events_open_dead_letters": 1, "commerce_events_unsent_batches": 1,
        "commerce_events_halted_partitions": 0,
        **{f"commerce_events_{name}": 0 for other in metrics.others() for name in other.GAUGES},
    }  # fmt: skip
    assert found["process_resident_memory_bytes"] > 1e6


@pytest.mark.django_db(transaction=True)
def test_a_process_tells_what_it_did_and_which_stage_waits(run: Run) -> None:
    with served(run) as scrape:
        run.totals.handled, run.totals.published = 7, 9
        run.health.waiting("relay", "the broker is away")
        found = scrape()
        assert found["commerce_events_handled_total"] == 7
        assert found["commerce_events_published_total"] == 9
        assert (found["commerce_events_stage_up[handle]"], found["commerce_events_stage_up[relay]"]) == (1, 0)
        run.health.beat("relay")
        assert scrape()["commerce_events_stage_up[relay]"] == 1


@pytest.mark.django_db(transaction=True)
def test_many_who_ask_cost_the_database_no_more_than_one(run: Run) -> None:
    at = [100.0]
    collector = metrics.Collector(run, lambda: at[0])

    def events() -> float:
        return next(m.samples[0].value for m in collector.collect() if m.name == "commerce_events_due_events")

    assert events() == 0
    Inbox.objects.bulk_create([waits(digest=b"1" * 32, due_at=utc_now())])
    at[0] += metrics.FRESH - 1
    assert events() == 0, "asked again too soon"
    at[0] += 2
    assert events() == 1


@pytest.mark.django_db(transaction=True)
def test_without_its_database_it_says_so_and_goes_on(run: Run) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE commerce_events_outboxbatch RENAME TO away")
    try:
        with served(run) as scrape:
            found = scrape()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO commerce_events_outboxbatch")
    assert found["commerce_events_database_up"] == 0
    assert "commerce_events_due_events" not in found
    assert found["commerce_events_handled_total"] == 0


@pytest.mark.parametrize("address", ["9464", "127.0.0.1:", "127.0.0.1:x", ":9464", "127.0.0.1:99999999"])
def test_an_address_that_cannot_be_meant_is_refused(run: Run, address: str) -> None:
    with pytest.raises(OperatorError) as refused:
        metrics.serve(run, address)
    assert refused.value.hint


def test_a_port_that_is_taken_is_refused(run: Run) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    end = metrics.serve(run, address)
    try:
        with pytest.raises(OperatorError, match="cannot be served"):
            metrics.serve(run, address)
    finally:
        end()
