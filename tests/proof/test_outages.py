"""Database, broker or registry away while orders keep coming: nothing lost, nothing twice, and the consumer says so."""
from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection

from commerce_events.bus.embedded.server import Server
from commerce_events.models import DeadLetter
from tests.engines.broker import Broker
from tests.engines.processes import Processes
from tests.engines.proxy import Proxy
from tests.engines.schema import TestDatabase
from tests.proof import checkers
from tests.proof.cutter import CommitCutter
from tests.proof.shop import Shop
from tests.proof.steady import Sales, all_done, eventually, handled, health, log_of

AWAY = 20.0


def ours(server: Any) -> Server:
    """The server, if this run may stop it."""
    if server is None:
        pytest.skip("the engine is not ours to stop: its address was given in the environment")
    found: Server = server
    return found


def away(server: Server, watch: Callable[[], object], seconds: float = AWAY) -> None:
    """Kill a server, watch what is said meanwhile, and start it again on its data."""
    begin = time.monotonic()
    server.kill()
    try:
        watch()
        time.sleep(max(0.0, begin + seconds - time.monotonic()))
    finally:
        server.start()


def ends_well(shop: Shop, processes: Processes, consumer: Server, events: int) -> None:
    """The consumer that lived through it does all there is, says that it is well, and ends when told."""
    eventually(lambda: all_done(events), f"{events} events done")
    eventually(lambda: health(processes) == "ok\n", "health: ok")
    assert consumer.alive
    consumer.stop(60)
    assert "Traceback" not in log_of(processes)
    checkers.all_is_well(shop)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_the_database_is_not_there_at_the_start(
    kind: str, request: pytest.FixtureRequest, proxy: Callable[[str], Proxy]
) -> None:
    database: TestDatabase = request.getfixturevalue(kind)
    shop: Shop = request.getfixturevalue("shop")
    processes: Processes = request.getfixturevalue("processes")
    url = urlsplit(database.url)
    between = proxy(f"{url.hostname}:{url.port}")
    behind = url._replace(netloc=f"{url.username}@{between.address}").geturl()
    processes.environment["COMMERCE_EVENTS_TEST_DATABASE"] = behind
    between.refuse()
    shop.paid(0)
    consumer = processes.consume("--from", "earliest")
    assert "start waits: the database does not answer" in health(processes)
    between.heal()
    ends_well(shop, processes, consumer, 1)


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_the_database_goes_for_20_seconds(kind: str, request: pytest.FixtureRequest) -> None:
    server = ours(request.getfixturevalue(kind).server)
    shop: Shop = request.getfixturevalue("shop")
    processes: Processes = request.getfixturevalue("processes")
    consumer = processes.consume("--from", "earliest")
    said: set[str] = set()

    def watch() -> None:
        def told() -> bool:
            said.update(line.partition(" waits: ")[0] for line in health(processes).splitlines() if "database" in line)
            return "intake" in said

        eventually(told, "health: the intake waits for the database")

    with Sales(shop) as sales:
        eventually(lambda: handled() >= 2, "the first orders are done")
        connection.close()
        away(server, watch)
        sales.more(4)
    assert said <= {"intake", "handle", "relay"}
    ends_well(shop, processes, consumer, sales.sold)


@pytest.mark.slow
@pytest.mark.real
def test_the_broker_goes_for_20_seconds(
    broker: Broker, postgresql: TestDatabase, shop: Shop, processes: Processes
) -> None:
    server = ours(broker.engine.broker if broker.stoppable else None)
    consumer = processes.consume("--from", "earliest", settings={"TOPIC_CHECK": 3600})
    with Sales(shop) as sales:
        eventually(lambda: handled() >= 2, "the first orders are done")
        away(server, lambda: eventually(lambda: "intake waits: " in health(processes), "health: the intake waits"))
        sales.more(4)
    ends_well(shop, processes, consumer, sales.sold)
    assert log_of(processes).count("Connection refused") < 60, "a line now and then, not one for each try to connect"


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["refuse", "hang"])
def test_the_registry_goes_at_the_start_and_during_the_run(
    fault: str, postgresql: TestDatabase, broker: Broker, shop: Shop, processes: Processes,
    proxy: Callable[[str], Proxy],
) -> None:
    url = urlsplit(broker.registry_url)
    between = proxy(url.netloc)
    processes.environment["COMMERCE_EVENTS_TEST_REGISTRY"] = url._replace(netloc=between.address).geturl()

    def waits() -> bool:
        return "intake waits: the schema registry" in health(processes)

    getattr(between, fault)()
    for number in range(6):
        shop.paid(number)
    consumer = processes.consume("--from", "earliest")
    eventually(waits, "health: the intake waits for the registry")
    between.heal()
    between.cut()  # what hung has been given up at the other end
    eventually(lambda: all_done(6), "the first orders are done")

    getattr(between, fault)()
    shop.paid(6)
    eventually(lambda: handled() == 7, "a schema that was seen once is not asked for again")
    shop.refunded(0)
    shop.paid(7)
    eventually(waits, "health: the intake waits for a schema that is new to it")
    assert not DeadLetter.objects.exists()
    between.heal()
    between.cut()
    ends_well(shop, processes, consumer, 9)


@pytest.mark.slow
@pytest.mark.real
def test_partitions_of_a_dead_neighbour_come_while_the_intake_waits(
    postgresql: TestDatabase, broker: Broker, shop: Shop, processes: Processes, proxy: Callable[[str], Proxy]
) -> None:
    url = urlsplit(broker.registry_url)
    between = proxy(url.netloc)
    processes.environment["COMMERCE_EVENTS_TEST_REGISTRY"] = url._replace(netloc=between.address).geturl()
    between.refuse()
    consumer, neighbour = (processes.consume("--from", "earliest") for _ in range(2))
    shared = re.compile("[12] partitions are ours, [12] of them given to us")
    eventually(lambda: shared.search(log_of(processes, 2)), "the neighbour has its share")
    for number in range(12):  # on every partition, so that both have something in hand
        shop.paid(number)
    for number in (1, 2):
        eventually(lambda n=number: "intake waits: the schema registry" in health(processes, n), f"{number} waits")
    neighbour.kill()
    logged = len(log_of(processes))
    eventually(lambda: "3 partitions are ours" in log_of(processes)[logged:], "the one that is left has them all")
    tries = log_of(processes).count("intake waits")
    eventually(lambda: log_of(processes).count("intake waits") > tries + 1, "it waits with them for a while")
    between.heal()
    ends_well(shop, processes, consumer, 12)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_connections_are_cut_in_the_middle_of_commits(kind: str, request: pytest.FixtureRequest) -> None:
    database: TestDatabase = request.getfixturevalue(kind)
    shop: Shop = request.getfixturevalue("shop")
    processes: Processes = request.getfixturevalue("processes")
    url = urlsplit(database.url)
    with CommitCutter(f"{url.hostname}:{url.port}", seed=20) as cutter:
        behind = url._replace(netloc=f"{url.username}@{cutter.address}").geturl()
        processes.environment["COMMERCE_EVENTS_TEST_DATABASE"] = behind
        # the handle stage works only on what does not go straight
        consumer = processes.consume("--from", "earliest", settings={"BATCH": 2, "STRAIGHT_PATH": False})
        cutter.active = True
        with Sales(shop, pace=0.1) as sales:
            eventually(lambda: cutter.before >= 2 and cutter.after >= 2, "two commits are cut before and two after")
        cutter.active = False
        ends_well(shop, processes, consumer, sales.sold)
