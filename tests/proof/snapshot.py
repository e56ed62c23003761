"""A backup of the database and its restore, on any engine: every row of every table, and the next key of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction

from commerce_events.bus.ids import STREAMS

KEPT = {"contenttypes", "sessions"}


@dataclass(frozen=True)
class Backup:
    """What stood in the tables, and by table the last key that was given away, or for MariaDB the next."""

    rows: dict[type[models.Model], list[dict[str, Any]]]
    keys: dict[str, int]


def take() -> Backup:
    """Everything. The keys come last: one that is given away meanwhile is not given away twice."""
    rows = {model: list(model._default_manager.values()) for model in _models()}
    with connection.cursor() as cursor:
        keys = {}
        for model in rows:
            if isinstance(model._meta.pk, models.AutoField):
                table = model._meta.db_table
                cursor.execute(_READ[connection.vendor].format(table=table))
                keys[table] = int((cursor.fetchone() or [0])[0] or 0)
    return Backup(rows, keys)


def restore(backup: Backup) -> None:
    """Put the rows back; whatever came since is gone, and its keys are given away again, as after a real restore."""
    with transaction.atomic(), connection.constraint_checks_disabled():
        for model in _models():
            model._default_manager.all().delete()
        for model, rows in backup.rows.items():
            model._default_manager.bulk_create([model(**row) for row in rows])
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("SET lock_wait_timeout = 10")  # of a day
        for table, key in backup.keys.items():
            cursor.execute(_WRITE[connection.vendor].format(table=table, key=key))
    STREAMS.forget()


_READ = {
    "sqlite": "SELECT seq FROM sqlite_sequence WHERE name = '{table}'",
    "postgresql": "SELECT pg_sequence_last_value(pg_get_serial_sequence('{table}', 'id')::regclass)",
    "mysql": "SELECT auto_increment FROM information_schema.tables"
    " WHERE table_schema = database() AND table_name = '{table}'",
}
_WRITE = {
    "sqlite": "UPDATE sqlite_sequence SET seq = {key} WHERE name = '{table}'",
    "postgresql": "SELECT setval(pg_get_serial_sequence('{table}', 'id'), greatest({key}, 1), {key} > 0)",
    "mysql": "ALTER TABLE {table} AUTO_INCREMENT = {key}",
}


def _models() -> list[type[models.Model]]:
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label not in KEPT and model._meta.label != "auth.Permission"
    ]
