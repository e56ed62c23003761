"""What ``commerce-events doctor`` looks at: findings, each with its fix. Nothing is changed by looking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from importlib import metadata
from typing import Any

import confluent_kafka
from confluent_kafka import Consumer, KafkaException

from commerce_events import topics, wire
from commerce_events.bus import closing, kafka, refusals
from commerce_events.bus.breaker import BREAKER_OPEN
from commerce_events.bus.clock import utc_now
from commerce_events.bus.types import FAILURE, OK, WARNING, Finding, Handler
from commerce_events.exceptions import CommerceEventsError, OperatorError
from commerce_events.registry import Registry

__all__ = ["FAILURE", "OK", "WARNING", "Finding", "broker", "checked", "packages", "schemas", "site"]

#: What is due for longer stands still.
LATE = timedelta(minutes=5)
#: Apps of ours whose handlers a site may name.
CONSUMERS = ("consumers.fulfillment", "consumers.order_status")
#: How to see held events.
SHOW = (
    "manage.py shell -v 0 -c \"from commerce_events.models import Inbox; "
    "print(*Inbox.objects.filter(state='held').values_list('id', 'reason', 'event_type'), sep='\\n')\""
)


def packages() -> Iterator[Finding]:
    """Versions, and whether the import name ``consumers`` is ours."""
    version, _ = confluent_kafka.libversion()
    new_enough = tuple(int(part) for part in version.split(".")[:2]) >= (2, 16)
    yield Finding(
        "librdkafka", OK if new_enough else FAILURE, version,
        "" if new_enough else "Earlier ones can lose messages of a batch: pip install 'confluent-kafka>=2.16'.",
    )  # fmt: skip
    owners = metadata.packages_distributions().get("consumers", [])
    foreign = [owner for owner in owners if owner != "openedx-commerce-events"]
    if foreign:
        yield Finding(
            "package consumers", FAILURE, f"also installed by {', '.join(foreign)}",
            f"Two packages cannot share an import name: pip uninstall {foreign[0]}.",
        )  # fmt: skip


def broker(config: dict[str, Any], prefix: str) -> Iterator[Finding]:
    """The broker answers, and the topics are what the contract says."""
    troubles = refusals.Troubles()
    asking = {
        **config, "group.id": "commerce-events-doctor", "socket.connection.setup.timeout.ms": 5000,
        "error_cb": troubles,
    }  # fmt: skip
    try:
        client = kafka.made(Consumer, asking)
    except OperatorError as error:
        yield Finding("Kafka settings", FAILURE, str(error), error.hint)
        return
    try:
        try:
            cluster = client.list_topics(timeout=6)
        except KafkaException as error:
            client.poll(0)  # hands over what was heard meanwhile
            if troubles.refusal is not None:
                yield Finding(
                    "broker", FAILURE, f"refuses: {troubles.refusal.str()}", refusals.remedy(troubles.refusal)
                )
                return
            yield Finding(
                "broker", FAILURE, f"{config['bootstrap.servers']} does not answer: {error.args[0].str()}",
                "Is it running, and reachable from here? For one to try things on: commerce-events dev.",
            )  # fmt: skip
            return
        yield Finding("broker", OK, f"{config['bootstrap.servers']}, {len(cluster.brokers)} broker(s)")
        for topic in topics.TOPICS.values():
            name = topics.full_topic(topic.name, prefix)
            found = cluster.topics.get(name)
            if found is None:
                yield Finding(
                    f"topic {name}", FAILURE, "does not exist, or this user may not see it",
                    "commerce-events doctor --create-topics makes it; check EVENT_BUS_TOPIC_PREFIX first, and ACLs.",
                )  # fmt: skip
            else:
                yield Finding(f"topic {name}", OK, f"{len(found.partitions)} partitions")
    finally:
        closing.close(client)


def schemas(registry: Registry, prefix: str) -> Iterator[Finding]:
    """The registry answers and knows every schema of the contract."""
    try:
        known = registry.subjects()
    except CommerceEventsError as error:
        yield Finding(
            "registry", FAILURE, str(error),
            getattr(error, "hint", "") or "Is it running? Apicurio's address ends in /apis/ccompat/v7.",
        )  # fmt: skip
        return
    yield Finding("registry", OK, f"{registry.shown}, {len(known)} subjects")
    # Each subject is asked for by its name: Apicurio's list ends after a thousand.
    missing = []
    for event_type, row in topics.EVENT_TYPES.items():
        subject = topics.subject(topics.full_topic(row.topic, prefix), event_type)
        try:
            if not registry.versions(subject):
                missing.append(row.name)
            else:
                registry.look_up(subject, wire.schema_text(event_type))
        except OperatorError as error:
            yield Finding(f"schema {row.name}", FAILURE, str(error), "Another schema stands there: who registered it?")
    if missing:
        yield Finding(
            "schemas", WARNING, f"not registered: {', '.join(missing)}",
            "commerce-events schemas register --yes; or COMMERCE_EVENTS['REGISTER_SCHEMAS'] where services may.",
        )  # fmt: skip
    else:
        yield Finding("schemas", OK, f"all {len(topics.EVENT_TYPES)} registered")


def site() -> Iterator[Finding]:
    """The Django side: settings, apps, database, positions."""
    from django.apps import apps
    from django.db import connection

    from commerce_events.bus import handlers
    from commerce_events.bus.conf import bus_settings

    try:
        settings = bus_settings()
        known = handlers.load(settings.handlers)
        yield Finding(
            "settings", OK, f"installation {settings.installation}, group {settings.group}, {len(known)} event types"
        )
    except OperatorError as error:
        yield Finding("settings", FAILURE, str(error), error.hint)
        return
    if not known:
        state = FAILURE if any(map(apps.is_installed, CONSUMERS)) else WARNING
        yield Finding(
            "handlers", state, "COMMERCE_EVENTS['HANDLERS'] is empty: nobody would handle an event",
            "Right for a store that only publishes. For an LMS: ['consumers.fulfillment.handler.FulfillmentHandler'].",
        )  # fmt: skip
    for app in ("commerce_events", *(app for app in CONSUMERS if any(map(_within(app), settings.handlers)))):
        state = OK if apps.is_installed(app) else FAILURE
        yield Finding(
            f"app {app}", state, "installed" if state == OK else "not installed",
            "" if state == OK else "Add it to INSTALLED_APPS; in the LMS the plugin does. A failing import is one "
            "line in its log.",
        )  # fmt: skip
    yield from checked()
    yield from _database(connection, settings.group, known)


def _within(package: str) -> Callable[[str], bool]:
    return lambda path: path.startswith(f"{package}.")


def checked() -> Iterator[Finding]:
    """Django's checks of ours: what ordinary commands are warned of is a failure here."""
    from commerce_events import checks

    found = checks.findings()
    for message in found:
        yield Finding(f"check {message.id}", FAILURE, str(message.msg), str(message.hint or ""))
    if not found:
        yield Finding("checks", OK, "nothing dangerous in the settings")


def _database(connection: Any, group: str, known: Mapping[str, Handler]) -> Iterator[Finding]:
    from django.db import DatabaseError

    from commerce_events.bus.tables import unapplied
    from commerce_events.models import Position

    try:
        missing = unapplied()
        if missing:
            yield Finding("migrations", FAILURE, f"not applied: {', '.join(missing)}", "manage.py migrate")
            return
        yield Finding("database", OK, f"{connection.vendor}, migrated")
        rows = list(Position.objects.filter(group=group))
        if known:
            yield Finding(
                "position", OK if rows else WARNING, f"{len(rows)} partitions" if rows else "this group has not begun",
                "" if rows else "consume_commerce_events --from earliest|latest|TIME, once.",
            )  # fmt: skip
        for row in rows:
            if row.halted:
                yield Finding(f"partition {row}", FAILURE, f"halted: {row.halted}", "manage.py commerce_gaps")
        halted = sum(bool(row.halted) for row in rows)
        yield Finding("halted partitions", FAILURE if halted else OK, str(halted), "commerce_gaps" if halted else "")
        yield from queues()
        for handler in {id(handler): handler for handler in known.values()}.values():
            yield from getattr(handler, "findings", tuple)()
    except DatabaseError as error:
        yield Finding(
            "database", FAILURE, f"does not answer ({type(error).__name__})", "Check DATABASES and the server."
        )


def queues() -> Iterator[Finding]:
    """What waits for a stage, and what waits for a person."""
    from django.db.models import Min

    from commerce_events.bus.sources import queue
    from commerce_events.models import DeadLetter, Inbox, OutboxBatch, Source

    now = utc_now()
    due = Inbox.objects.filter(state=Inbox.State.PENDING, due_at__lte=now)
    for about, rows, since, stage in (
        ("events to handle", due, "due_at", "handle"),
        ("batches to send", OutboxBatch.objects.all(), "created_at", "relay"),
    ):
        oldest = rows.aggregate(oldest=Min(since))["oldest"]
        if oldest is None or now - oldest < LATE:
            yield Finding(about, OK, str(rows.count()))
        else:
            yield Finding(
                about, WARNING, f"{rows.count()}, the oldest for {(now - oldest) // timedelta(minutes=1)} minutes",
                f"Does a process work on them? consume_commerce_events --only {stage}, and read its log.",
            )  # fmt: skip
    breaker = Inbox.objects.filter(state=Inbox.State.PENDING, reason=BREAKER_OPEN).count()
    again = Inbox.objects.filter(state=Inbox.State.PENDING, attempts__gt=0).count()
    held = Inbox.objects.filter(state=Inbox.State.HELD).count()
    dead = DeadLetter.objects.filter(state=DeadLetter.State.OPEN).count()
    for source in Source.objects.all():
        waiting = Inbox.objects.filter(due_at=queue(source.pk)).count()
        if waiting or source.state != Source.State.RUNNING:
            state = OK if source.state == Source.State.RUNNING else WARNING
            yield Finding(
                f"store {source.name}", state, f"{source.state}, {waiting} events wait in its queue",
                "" if state == OK else f"manage.py commerce_sources says why; commerce_sources resume {source.name}",
            )  # fmt: skip
    for about, count, hint in (
        (
            "events that the breaker tried in vain", breaker,
            "Nearly every decision failed, so handling pauses: docs/how-tos/platform-down.rst.",
        ),
        ("events that failed and are tried again", again, "The log of handling says why."),
        ("held events", held, f"{SHOW} lists them; docs/how-tos/consumer-stopped.rst says how to go on."),
        ("dead letters", dead, "manage.py commerce_dead_letters lists them, redrives and discards."),
    ):
        yield Finding(about, WARNING if count else OK, str(count), hint if count else "")
