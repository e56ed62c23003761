"""System checks of the bus: what is dangerous in a configuration, each with an id and what to write instead.

The same functions speak in two voices. In ordinary commands they warn, because an Error would block ``migrate`` and all
else that an LMS does. Our own commands (:class:`commerce_events.management.command.CommerceCommand`), the consumer
behind the stock command and ``commerce-events doctor`` refuse to work on any finding. Django's own ways out hold:
``SILENCED_SYSTEM_CHECKS`` for one check, ``--skip-checks`` for one call.

What can only be asked of the database is asked where Django allows it: in our own commands, in ``migrate``, and in
``check --database default``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import wraps
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, Error, connection, transaction
from django.utils.module_loading import import_string

from commerce_events import topics
from commerce_events.bus import conf
from commerce_events.entries import PAGE
from commerce_events.exceptions import OperatorError

#: Tag of every check of this project, of whatever app.
TAG = "commerce"

SETTINGS = "commerce_events.W001"
HANDLERS = "commerce_events.W002"
KAFKA = "commerce_events.W003"
PREFIX = "commerce_events.W004"
ISOLATION = "commerce_events.W005"
PRODUCER = "commerce_events.W006"
ORDER = "commerce_events.W007"
DRIVER = "commerce_events.W008"

_READS = "The database decides how far a partition was read; Kafka's own commits would lose what was not handled yet."
_BEGINS = "The database decides where reading goes on; a position that the log does not have is a gap, which halts."
_SENDS = "Without it, results could be lost, doubled or overtaken where a broker goes away."
#: librdkafka's settings that the promises rest on, and why. They are overruled where a site says otherwise.
PROMISED = {
    "enable.auto.commit": _READS, "enable.auto.offset.store": _READS, "auto.offset.reset": _BEGINS,
    "enable.idempotence": _SENDS, "acks": _SENDS,
}  # fmt: skip
READ_COMMITTED = "read committed"
#: How each database is told its level, and why it must be that one.
_LEVEL = {
    "postgresql": "Take isolation_level out of DATABASES['default']['OPTIONS'], and see that the server's "
    "default_transaction_isolation is 'read committed'. ",
    "mysql": "DATABASES['default']['OPTIONS']['isolation_level'] = 'read committed'. Gap locks of REPEATABLE READ "
    "stall learners' requests. ",
}
_SEES = "In another level a worker does not see what the others have done."


#: A check as Django calls it.
Check = Callable[..., list[checks.CheckMessage]]


def never_raises(check_id: str) -> Callable[[Check], Check]:
    """A check whose every exception becomes a warning of this id: raised, it would end every command of an LMS."""

    def guarded(check: Check) -> Check:
        @wraps(check)
        def run(*args: Any, **kwargs: Any) -> list[checks.CheckMessage]:
            try:
                return check(*args, **kwargs)
            except Exception as error:  # noqa: BLE001  it is told
                said = f"These settings could not be checked: {type(error).__name__}: {error}"
                return [checks.Warning(said, hint=f"Something in them is not what it should be. {PAGE}", id=check_id)]

        return run

    return guarded


def findings() -> list[checks.CheckMessage]:
    """Every finding of every app of ours, those that only the database knows included."""
    found = checks.run_checks(tags=[TAG], databases=[DEFAULT_DB_ALIAS])
    return sorted((message for message in found if not message.is_silenced()), key=lambda message: str(message.id))


def refuse() -> None:
    """Go on only if there is nothing to find.

    Raises:
        OperatorError: what was found.
    """
    found = findings()
    if found:
        raise OperatorError(
            "; ".join(f"{message.msg} ({message.id})" for message in found),
            hint=" ".join(dict.fromkeys(str(message.hint) for message in found if message.hint)),
        )


@never_raises(SETTINGS)
def bus(app_configs: Any = None, databases: Collection[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Every finding about the bus."""
    try:
        settings = conf.bus_settings()
    except OperatorError as error:
        return [checks.Warning(str(error), hint=error.hint, id=SETTINGS), *_producer(), *_order()]
    asks = databases is not None and DEFAULT_DB_ALIAS in databases
    return [
        *_handlers(settings.handlers),
        *_kafka(settings["KAFKA"]),
        *_prefix(settings, asks),
        *_driver(),
        *_isolation(asks),
        *_producer(),
        *_order(),
    ]


def _handlers(paths: Iterable[str]) -> Iterator[checks.CheckMessage]:
    for path in paths:
        try:
            import_string(path)
        except Exception as error:  # noqa: BLE001  a module of the site's own may fail with anything
            yield checks.Warning(
                f"COMMERCE_EVENTS['HANDLERS'] names {path}, which cannot be imported: {error}",
                hint="Is the app installed, and the path the one of a class or function without arguments?",
                id=HANDLERS,
            )  # fmt: skip


def _kafka(said: dict[str, Any]) -> Iterator[checks.CheckMessage]:
    always = {**conf.CONSUMER, **conf.PRODUCER}
    for name, why in PROMISED.items():
        if name in said and str(said[name]).lower() != str(always[name]).lower():
            yield checks.Warning(
                f"COMMERCE_EVENTS['KAFKA'] sets {name}, which is no choice: what is promised needs {always[name]}.",
                hint=f"Take {name!r} out. {why}", id=KAFKA,
            )  # fmt: skip


def _prefix(settings: conf.BusSettings, asks: bool) -> Iterator[checks.CheckMessage]:
    prefix, ours = settings.prefix, {settings.full_topic(topic) for topic in settings.topics}
    for topic in settings.topics:
        if prefix and topic.startswith(f"{prefix}-"):
            yield checks.Warning(
                f"COMMERCE_EVENTS['TOPICS'] names {topic}, which would be read as {settings.full_topic(topic)}.",
                hint=f"Name topics without the prefix; EVENT_BUS_TOPIC_PREFIX ({prefix}) is put in front of each.",
                id=PREFIX,
            )  # fmt: skip
    if not asks:
        return
    from commerce_events.models import Position

    try:
        with transaction.atomic():
            read = set(Position.objects.filter(group=settings.group).values_list("topic", flat=True))
    except Error:
        return  # not migrated yet, or away: whoever needs the database says so better
    if read and read.isdisjoint(ours):
        yield checks.Warning(
            f"Group {settings.group} has read {', '.join(sorted(read))}; the settings say {', '.join(sorted(ours))}.",
            hint="Was EVENT_BUS_TOPIC_PREFIX changed, perhaps by settings that run after the plugin's? Put it back; "
            "or, if these are other topics on purpose, name another COMMERCE_EVENTS['CONSUMER_GROUP'].", id=PREFIX,
        )  # fmt: skip


def _driver() -> Iterator[checks.CheckMessage]:
    if connection.vendor != "postgresql":
        return
    from django.db.backends.postgresql import psycopg_any

    if not psycopg_any.is_psycopg3:
        yield checks.Warning(
            "Django talks to PostgreSQL through psycopg2; several statements at once need psycopg 3.",
            hint="pip install 'psycopg[binary]>=3.2', or our extra: 'openedx-commerce-events[postgresql]'. Django "
            "takes it by itself, also where psycopg2 stays installed.", id=DRIVER,
        )  # fmt: skip


def _isolation(asks: bool) -> Iterator[checks.CheckMessage]:
    try:
        level = isolation(connection) if asks else _configured(connection)
    except Error:
        return
    if level not in ("", READ_COMMITTED):
        yield checks.Warning(
            f"The database works in {level.upper()}.",
            hint=f"{_LEVEL.get(connection.vendor, '')}{_SEES}", id=ISOLATION,
        )  # fmt: skip


def isolation(connection: Any) -> str:
    """The isolation level that transactions of this connection get; empty where there is no choice (SQLite)."""
    ask: dict[str, str] = {"postgresql": "SHOW transaction_isolation", "mysql": "SELECT @@session.tx_isolation"}
    if connection.vendor not in ask:
        return ""
    statement = ask[connection.vendor]
    if connection.vendor == "mysql" and not connection.mysql_is_mariadb:
        statement = "SELECT @@session.transaction_isolation"
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return str(cursor.fetchone()[0]).lower().replace("-", " ")


def _configured(connection: Any) -> str:
    """The isolation level as the settings say it; empty where they say nothing: Django's default is the right one."""
    level = connection.settings_dict.get("OPTIONS", {}).get("isolation_level", READ_COMMITTED)
    if level is None:
        return "" if connection.vendor == "postgresql" else "the server's own isolation level"
    if connection.vendor == "postgresql" and isinstance(level, int):
        from django.db.backends.postgresql.psycopg_any import IsolationLevel

        level = {each.value: each for each in IsolationLevel}.get(level, level)
    return str(getattr(level, "name", level)).lower().replace("_", " ").replace("-", " ")


def _producer() -> Iterator[checks.CheckMessage]:
    said = getattr(django_settings, "EVENT_BUS_PRODUCER_CONFIG", None) or {}
    ours = sorted(event_type for event_type in said if event_type in topics.EVENT_TYPES)
    if ours:
        yield checks.Warning(
            f"EVENT_BUS_PRODUCER_CONFIG names {', '.join(ours)}.",
            hint="Take them out: results and requests go by the outbox, in the transaction that decides, and a service "
            "that shares these settings without the plugin (Studio) would not start.", id=PRODUCER,
        )  # fmt: skip


def _order() -> Iterator[checks.CheckMessage]:
    names = [config.name for config in apps.get_app_configs()]
    if "openedx_events" in names and names.index("openedx_events") < names.index("commerce_events"):
        yield checks.Warning(
            "openedx_events stands before commerce_events in INSTALLED_APPS.",
            hint="Put commerce_events first: its signals must exist when openedx_events becomes ready.", id=ORDER,
        )  # fmt: skip
