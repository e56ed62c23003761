"""``commerce-events dev``, as a process: what it prints leads a client there, and it ends when it is told to."""
from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from confluent_kafka.admin import AdminClient

from commerce_events.bus.embedded.jars import find_java
from commerce_events.bus.embedded.ports import free_ports, listens
from commerce_events.cli.dev import BOOTSTRAP, PREFIX, REGISTRY
from commerce_events.exceptions import OperatorError
from commerce_events.topics import EVENT_TYPES, TOPICS, full_topic, subject

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-c", "from commerce_events.cli import main; main()", "dev"]


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **changes}


@contextmanager
def dev(*flags: str) -> Iterator[subprocess.Popen[str]]:
    """The command, running; ended at the end if it has not ended by itself."""
    with subprocess.Popen(
        [*COMMAND, *flags], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                running.terminate()
            running.communicate(timeout=60)


def facts(running: subprocess.Popen[str]) -> dict[str, str]:
    assert running.stdout is not None
    told: dict[str, str] = json.loads(running.stdout.readline())
    return told


def test_topics_and_schemas_are_there_when_the_addresses_are_printed() -> None:
    with dev("--prefix", "mine", "--format", "json") as running:
        told = facts(running)
        known = AdminClient({"bootstrap.servers": told["bootstrap"]}).list_topics(timeout=10).topics
        subjects = requests.get(f"{told['registry_url']}/subjects", timeout=5).json()

    assert {name: len(known[f"mine-{name}"].partitions) for name in TOPICS} == {
        name: topic.partitions for name, topic in TOPICS.items()
    }
    assert sorted(subjects) == sorted(
        subject(full_topic(row.topic, "mine"), event_type) for event_type, row in EVENT_TYPES.items()
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_when_told_and_takes_the_broker_along(number: signal.Signals) -> None:
    with dev("--format", "json") as running:
        port = int(facts(running)["bootstrap"].rpartition(":")[2])
        assert listens(port)
        running.send_signal(number)
        _, said = running.communicate(timeout=20)

    assert running.returncode == 0
    assert "Traceback" not in said
    assert not listens(port)


def test_it_leaves_nothing_behind_when_it_is_killed() -> None:
    with dev("--format", "json") as running:
        port = int(facts(running)["bootstrap"].rpartition(":")[2])
        running.kill()
        running.wait(10)
        for _ in range(100):
            if not listens(port):
                break
            signal.sigtimedwait([], 0.1)

    assert not listens(port)


def test_a_shell_can_take_its_output_in() -> None:
    with dev("--format", "env", "--prefix", "it's mine") as running:
        assert running.stdout is not None
        lines = "".join(running.stdout.readline() for _ in range(3))
        shown = subprocess.run(
            ["sh", "-c", f'{lines}\nprintf "%s|%s|%s" "${BOOTSTRAP}" "${REGISTRY}" "${PREFIX}"'],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    assert re.fullmatch(r"127\.0\.0\.1:\d+\|http://127\.0\.0\.1:\d+\|it's mine", shown)


def test_people_get_addresses_topics_and_lines_to_paste() -> None:
    with dev() as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "Ctrl-C" in line:
                break
        running.terminate()
        shown, _ = running.communicate(timeout=20)

    for wanted in (BOOTSTRAP, REGISTRY, f"export {PREFIX}=dev", "dev-commerce-order-lifecycle (12 partitions)"):
        assert wanted in shown


def test_the_registry_can_have_a_port_of_ones_choice() -> None:
    (port,) = free_ports(1)
    with dev("--format", "json", "--registry-port", str(port)) as running:
        assert facts(running)["registry_url"] == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("flags", [("--broker", "kafka", "--port"), ("--registry-port",)])
def test_a_port_that_is_taken_is_said_in_one_line(flags: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, *flags, port], env=environment(), capture_output=True, text=True, check=False, timeout=30
        )

    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == f"Error: port {port} is taken"
    assert "Traceback" not in done.stderr


def test_without_java_it_says_what_to_install_and_what_works_without(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--broker", "kafka"], env=environment(PATH=str(tmp_path), JAVA_HOME=""), capture_output=True,
        text=True, check=False, timeout=30,
    )  # fmt: skip

    assert done.returncode == 3
    assert "Java" in done.stderr
    assert "apt install" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_flags_of_the_other_broker_are_refused() -> None:
    done = subprocess.run(
        [*COMMAND, "--port", "9092"], env=environment(), capture_output=True, text=True, check=False, timeout=30
    )

    assert done.returncode == 2
    assert "--port" in done.stderr


@pytest.mark.real
@pytest.mark.slow
def test_kafka_keeps_topics_and_schemas_in_a_folder(tmp_path: Path) -> None:
    try:
        find_java()
    except OperatorError as error:
        pytest.skip(str(error))
    for kept in (False, True):
        with dev("--broker", "kafka", "--data", str(tmp_path / "data"), "--format", "json") as running:
            told = facts(running)
            known = AdminClient({"bootstrap.servers": told["bootstrap"]}).list_topics(timeout=20).topics
            assert {f"dev-{name}" for name in TOPICS} <= known.keys()
            if not kept:
                requests.post(
                    f"{told['registry_url']}/subjects/mine/versions", json={"schema": '"string"'}, timeout=10
                ).raise_for_status()
            assert "mine" in requests.get(f"{told['registry_url']}/subjects", timeout=10).json()
            running.terminate()
            assert running.wait(60) == 0
