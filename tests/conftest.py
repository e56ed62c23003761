"""Engines for every test; ``tests/README.rst`` says how to use them."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import pytest

from tests.engines.broker import Broker
from tests.engines.broker import broker as search_broker
from tests.engines.database import mariadb as search_mariadb
from tests.engines.database import postgresql as search_postgresql
from tests.engines.find import Search
from tests.engines.processes import Processes
from tests.engines.proxy import Proxy
from tests.engines.schema import Schemas, TestDatabase, pointed_at

# How long an example takes says something about the machine that runs it, and nothing about the code.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

PARTITIONS = 3
SEARCHES: dict[str, Search[Any]] = {
    "broker": search_broker(),
    "postgresql": search_postgresql(),
    "mariadb": search_mariadb(),
}


def pytest_report_header() -> list[str]:
    return [f"{search.name}: {search.plan()}" for search in SEARCHES.values()]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("engines")
    reports = [report for kind in terminalreporter.stats.values() for report in kind if hasattr(report, "nodeid")]
    notes = {(report.nodeid, *note) for report in reports for note in getattr(report, "user_properties", ())}
    for search in SEARCHES.values():
        used = sorted({text for _, what, text in notes if what == f"used {search.name}"})
        missed = [text for _, what, text in notes if what == f"missed {search.name}"]
        terminalreporter.write_line(f"{search.name}: {', '.join(used) or ('none' if missed else 'not asked for')}")
        if missed:
            terminalreporter.write_line(f"    {len(missed)} tests could not be shown. {'; '.join(sorted(set(missed)))}")


def pytest_sessionfinish() -> None:
    for search in SEARCHES.values():
        search.close()


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Broker:
    """A broker and a registry; the embedded one if no real one is to be had."""
    found: Broker = SEARCHES["broker"].need(request.node)
    if request.node.get_closest_marker("real") and not found.real:
        SEARCHES["broker"].miss(request.node)
    if found.stoppable:
        for server in (found.engine.broker, found.engine.registry):
            if server.alive:
                server.resume()
            else:  # the test before was about that
                server.start()
    return found


@pytest.fixture
def prefix(broker: Broker, settings: Any) -> str:
    """Topics of this test alone: a prefix under which they were created, which the settings say too."""
    unique = f"test-{uuid4().hex[:12]}"
    broker.create_topics(unique, PARTITIONS)
    settings.EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = broker.bootstrap
    settings.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = broker.registry_url
    settings.EVENT_BUS_TOPIC_PREFIX = unique
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "CONSUMER_GROUP": unique}
    return unique


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[Schemas]:
    """The migrated databases of the run."""
    schemas = Schemas(tmp_path_factory.mktemp("schemas"))
    yield schemas
    with django_db_blocker.unblock():
        schemas.drop()


def _database(
    kind: str, schemas: Schemas, request: pytest.FixtureRequest, tmp_path: Path, blocker: Any
) -> Iterator[TestDatabase]:
    with blocker.unblock():
        if kind == "sqlite":
            found = schemas.sqlite(tmp_path / "database.sqlite3")
        else:
            found = schemas.of(kind, SEARCHES[kind].need(request.node))
        with pointed_at(found.url):
            yield found
            if found.server is not None:
                found.server.resume()


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database(
    request: pytest.FixtureRequest, schemas: Schemas, tmp_path: Path, django_db_blocker: Any
) -> Iterator[TestDatabase]:
    """Django's database, empty; the test runs once on each engine, with real transactions."""
    yield from _database(request.param, schemas, request, tmp_path, django_db_blocker)


@pytest.fixture
def sqlite(
    request: pytest.FixtureRequest, schemas: Schemas, tmp_path: Path, django_db_blocker: Any
) -> Iterator[TestDatabase]:
    """As ``database``, on SQLite alone."""
    yield from _database("sqlite", schemas, request, tmp_path, django_db_blocker)


@pytest.fixture
def postgresql(
    request: pytest.FixtureRequest, schemas: Schemas, tmp_path: Path, django_db_blocker: Any
) -> Iterator[TestDatabase]:
    """As ``database``, on PostgreSQL alone."""
    yield from _database("postgresql", schemas, request, tmp_path, django_db_blocker)


@pytest.fixture
def mariadb(
    request: pytest.FixtureRequest, schemas: Schemas, tmp_path: Path, django_db_blocker: Any
) -> Iterator[TestDatabase]:
    """As ``database``, on MariaDB alone."""
    yield from _database("mariadb", schemas, request, tmp_path, django_db_blocker)


@pytest.fixture
def processes(request: pytest.FixtureRequest, broker: Broker, prefix: str, tmp_path: Path) -> Iterator[Processes]:
    """Starts ``manage.py`` on this test's database (``database``, ``postgresql`` or ``mariadb``), broker and topics."""
    name = next(name for name in ("database", "postgresql", "mariadb") if name in request.fixturenames)
    database: TestDatabase = request.getfixturevalue(name)
    started = Processes(tmp_path, {
        "COMMERCE_EVENTS_TEST_DATABASE": database.url,
        "COMMERCE_EVENTS_TEST_BOOTSTRAP": broker.bootstrap,
        "COMMERCE_EVENTS_TEST_REGISTRY": broker.registry_url,
        "COMMERCE_EVENTS_TEST_PREFIX": prefix,
    })  # fmt: skip
    yield started
    started.close()


@pytest.fixture
def proxy() -> Iterator[Callable[..., Proxy]]:
    """``proxy("host:port")`` puts a TCP proxy before an address: it can delay, cut, refuse and hang."""
    with ExitStack() as stack:
        yield lambda target, seed=0: stack.enter_context(Proxy(target, seed))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what names a database server, so that it can be left out by marker and ``-k`` stays free."""
    for item in items:
        if "postgresql" in item.nodeid or "mariadb" in item.nodeid:
            item.add_marker("server")
