"""How the consumer ends: when told, in time, with nothing half done; and with an exit code that says why."""
from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from commerce_events.models import Position
from tests.engines.processes import MANAGE, Processes
from tests.engines.proxy import Proxy
from tests.engines.schema import TestDatabase
from tests.proof import checkers
from tests.proof.shop import Shop
from tests.proof.steady import eventually, handled

DEADLINE = 25.0


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_sigterm_in_a_batch(
    times: int, postgresql: TestDatabase, shop: Shop, processes: Processes, proxy: Any, tmp_path: Path
) -> None:
    for number in range(24):
        shop.paid(number)
    url = urlsplit(postgresql.url)
    between: Proxy = proxy(f"{url.hostname}:{url.port}")
    between.delay(0.02)  # there is always a transaction under way
    environment = {
        **os.environ, **processes.environment, "DJANGO_SETTINGS_MODULE": "tests.settings",
        "COMMERCE_EVENTS_TEST_DATABASE": url._replace(netloc=f"{url.username}@{between.address}").geturl(),
        "COMMERCE_EVENTS_TEST_SETTINGS": '{"BATCH": 3}',
    }  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        consumer = subprocess.Popen(
            [*MANAGE, "consume_commerce_events", "--from", "earliest"], env=environment, stdout=log, stderr=log
        )
        try:
            eventually(handled, "it has begun")
            for _ in range(times):
                consumer.send_signal(signal.SIGTERM)
                time.sleep(0.1)
            told = time.monotonic()
            assert consumer.wait(120) == 0, (tmp_path / "log").read_text()
            assert time.monotonic() - told < DEADLINE
        finally:
            consumer.kill()
            consumer.wait()
    assert 0 < handled() < 24, "it was told in the middle"
    checkers.effect_and_result_agree()

    ended = processes.manage("consume_commerce_events", "--until-idle")
    assert ended.returncode == 0, ended.stderr
    checkers.all_is_well(shop)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestExitCodes:
    """One process for each word that an orchestrator may hear."""

    def test_2_for_a_wrong_command_line(self, database: TestDatabase, processes: Processes) -> None:
        ended = processes.manage("consume_commerce_events", "--replay")
        assert ended.returncode == 2
        assert "--replay needs --from" in ended.stderr
        ended = processes.manage("consume_commerce_events", "--from", "yesterday")
        assert ended.returncode == 2
        assert "--from" in ended.stderr

    def test_3_for_a_database_without_our_tables(
        self, database: TestDatabase, processes: Processes, tmp_path: Path
    ) -> None:
        processes.environment["COMMERCE_EVENTS_TEST_DATABASE"] = f"sqlite://{tmp_path / 'new.sqlite3'}"
        ended = processes.manage("consume_commerce_events", "--from", "earliest", "--until-idle")
        assert ended.returncode == 3
        assert "unapplied migrations: commerce_events." in ended.stderr
        assert "manage.py migrate" in ended.stderr

    def test_3_for_the_database_of_another_installation(
        self, database: TestDatabase, processes: Processes
    ) -> None:
        run = ("consume_commerce_events", "--from", "earliest", "--until-idle")
        assert processes.manage(*run).returncode == 0
        ended = processes.manage(*run, settings={"INSTALLATION": "other-lms"})
        assert ended.returncode == 3
        assert "belongs to installation 'test-lms', the settings say 'other-lms'" in ended.stderr
        assert "COMMERCE_EVENTS['INSTALLATION']" in ended.stderr

    def test_3_for_a_setting_that_does_not_exist(self, database: TestDatabase, processes: Processes) -> None:
        ended = processes.manage("consume_commerce_events", "--until-idle", settings={"BATCHES": 3})
        assert ended.returncode == 3
        assert "unknown entries: BATCHES" in ended.stderr
        assert "BATCH," in ended.stderr

    def test_4_for_a_group_that_was_not_told_where_to_begin(
        self, database: TestDatabase, processes: Processes
    ) -> None:
        ended = processes.manage("consume_commerce_events", "--until-idle")
        assert ended.returncode == 4
        for typed in ("--from earliest", "--from latest", "--from 2026-"):
            assert typed in ended.stderr
        assert not Position.objects.exists()

    def test_5_for_a_partition_that_waits_for_a_person(
        self, database: TestDatabase, shop: Shop, processes: Processes
    ) -> None:
        run = ("consume_commerce_events", "--from", "earliest", "--until-idle")
        assert processes.manage(*run).returncode == 0
        Position.objects.filter(partition=0).update(offset=1000)  # further than the partition has ever been
        for number in range(6):
            shop.paid(number)
        ended = processes.manage(*run)
        assert ended.returncode == 5, ended.stderr
        assert "partitions are halted at a gap" in ended.stderr
        assert "ALARM gap" in ended.stderr
        assert list(Position.objects.exclude(halted="").values_list("partition", "halted")) == [(0, "log_truncated")]
        assert handled() > 0, "the other partitions go on"
