from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, connections, transaction

from commerce_events.bus.embedded.server import Server
from tests.engines.docker import Container
from tests.engines.schema import TestDatabase

VENDOR = {"sqlite": "sqlite", "postgresql": "postgresql", "mariadb": "mysql"}


@pytest.mark.parametrize("turn", ["first", "second"])
def test_each_test_finds_its_engine_and_an_empty_database(database: TestDatabase, turn: str) -> None:
    assert connection.vendor == VENDOR[database.kind]
    assert not get_user_model().objects.exists()
    get_user_model().objects.create_user(f"learner-{turn}", "learner@example.com")


def test_what_one_thread_commits_another_one_sees(database: TestDatabase) -> None:
    seen: list[bool] = []

    def look() -> None:
        seen.append(get_user_model().objects.filter(username="learner").exists())
        connections.close_all()

    with transaction.atomic():
        get_user_model().objects.create_user("learner", "learner@example.com")
        if database.kind != "sqlite":  # which lets nobody read and write at the same time inside IMMEDIATE
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert seen[-1] is True
    assert seen[:-1] == ([] if database.kind == "sqlite" else [False])


def test_servers_isolate_as_the_platform_does(database: TestDatabase) -> None:
    questions = {"postgresql": "SHOW transaction_isolation", "mariadb": "SELECT @@session.tx_isolation"}
    if database.kind not in questions:
        pytest.skip("SQLite has one writer")
    with connection.cursor() as cursor:
        cursor.execute(questions[database.kind])
        assert cursor.fetchone()[0].lower().replace("-", " ") == "read committed"


def test_servers_side_by_side_share_no_folder_for_temporary_tables(mariadb: TestDatabase) -> None:
    if not isinstance(mariadb.server, Server):
        pytest.skip("the server was not started by us on this machine")
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@tmpdir, @@datadir")
        temporary, data = map(Path, cursor.fetchone())
    assert data.is_relative_to(temporary)


@pytest.mark.django_db
def test_djangos_own_test_database_is_another_one() -> None:
    assert connection.vendor == "sqlite"
    assert not get_user_model().objects.exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_server_that_comes_back_has_what_was_committed(database: TestDatabase, how: str) -> None:
    server = stoppable(database)
    get_user_model().objects.create_user("learner", "learner@example.com")

    getattr(server, how)()
    with pytest.raises(DatabaseError):
        get_user_model().objects.count()
    server.start()
    connection.close()

    assert get_user_model().objects.get().username == "learner"


def test_a_paused_server_takes_no_new_connection_until_it_goes_on(database: TestDatabase) -> None:
    server = stoppable(database)
    connection.close()

    server.pause()
    with pytest.raises(DatabaseError):
        connection.ensure_connection()  # waits for the time limit of the settings
    server.resume()

    assert not get_user_model().objects.exists()


def stoppable(database: TestDatabase) -> Server | Container:
    if database.server is None:
        pytest.skip("the server is not ours to stop")
    return database.server
