"""One migrated database per engine, and Django pointed at one of them for the length of a test.

Transactions in these tests are real: nothing wraps them, threads and other processes see what was committed. So rows
are deleted before a test, not rolled back after it.
"""
from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

from commerce_events.bus.embedded.server import Server
from commerce_events.bus.ids import STREAMS
from tests.databases import configuration, with_name
from tests.engines.database import Database
from tests.engines.docker import Container

#: Tables whose rows migrations made.
KEPT = frozenset({"django_migrations", "django_content_type", "auth_permission"})


@dataclass(frozen=True)
class TestDatabase:
    """The database of a test.

    Arguments:
        kind: sqlite, postgresql or mariadb.
        url: for other processes, as COMMERCE_EVENTS_TEST_DATABASE.
        server: to stop, kill or pause it; None for SQLite and for a server that is not ours.
    """

    __test__ = False
    kind: str
    url: str
    server: Server | Container | None = None


class Schemas:
    """Makes each engine's migrated database once per run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = f"commerce_events_test_{os.getpid()}"
        self._made: dict[str, str] = {}
        self._servers: list[str] = []

    def sqlite(self, copy: Path) -> TestDatabase:
        """A copy of the migrated file: a process that a test left behind writes to a file of the past."""
        if "sqlite" not in self._made:
            self._made["sqlite"] = _file_url(self._folder / "migrated.sqlite3")
            with pointed_at(self._made["sqlite"]):
                call_command("migrate", verbosity=0, run_syncdb=True)
                with connection.cursor() as cursor:
                    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(self._folder / "migrated.sqlite3", copy)
        return TestDatabase("sqlite", _file_url(copy))

    def of(self, kind: str, server: Database) -> TestDatabase:
        """The engine's database, empty."""
        if server.server is not None and not server.server.alive:
            server.server.start()
        if kind not in self._made:
            url = with_name(server.url, self._name)
            with pointed_at(server.url), connection.cursor() as cursor:
                more = " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci" if kind == "mariadb" else ""
                cursor.execute(f"CREATE DATABASE {self._name}{more}")
            self._servers.append(server.url)
            with pointed_at(url):
                call_command("migrate", verbosity=0, run_syncdb=True)
            self._made[kind] = url
        with pointed_at(self._made[kind]):
            empty()
        return TestDatabase(kind, self._made[kind], server.server)

    def drop(self) -> None:
        """Delete the databases on servers."""
        for url in self._servers:
            with pointed_at(url), connection.cursor() as cursor:
                force = " WITH (FORCE)" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP DATABASE IF EXISTS {self._name}{force}")


@contextlib.contextmanager
def pointed_at(url: str) -> Iterator[None]:
    """Django's default database is another one, for every thread. The connection there was is kept, unclosed."""
    settings: dict[str, Any] = connections.settings
    before, connected = settings[DEFAULT_DB_ALIAS], connections[DEFAULT_DB_ALIAS]
    settings.update(connections.configure_settings({DEFAULT_DB_ALIAS: configuration(url)}))
    del connections[DEFAULT_DB_ALIAS]
    _forget()
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS].close()
        settings[DEFAULT_DB_ALIAS] = before
        connections[DEFAULT_DB_ALIAS] = connected
        _forget()


def empty() -> None:
    """Delete every row that migrations did not make."""
    quote = connection.ops.quote_name
    source = " FROM DUAL" if connection.vendor == "mysql" else ""
    tables = [table for table in connection.introspection.table_names() if table not in KEPT]
    question = " UNION ALL ".join(
        f"SELECT '{table}'{source} WHERE EXISTS (SELECT 1 FROM {quote(table)})" for table in tables
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(question)
        filled = [row[0] for row in cursor.fetchall()]
        with connection.constraint_checks_disabled():
            for table in filled:
                cursor.execute(f"DELETE FROM {quote(table)}")


def _forget() -> None:
    """What this process remembers of a database's rows."""
    STREAMS.forget()
    ContentType.objects.clear_cache()


def _file_url(path: Path) -> str:
    return f"sqlite://{path}"
