"""Engines in Docker: the compose file through testcontainers, and databases where this machine has none."""
from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from commerce_events.bus.embedded.server import LOOPBACK, free_ports, listens
from commerce_events.exceptions import OperatorError

if TYPE_CHECKING:
    from tests.engines.database import Database

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = "docker-compose.kafka.yml"


@cache
def lacks() -> str:
    """What is missing for Docker; '' when an engine answers."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    try:
        answer = subprocess.run(
            ["docker", "info", "--format={{.ServerVersion}}"], capture_output=True, text=True, check=False, timeout=10
        )
    except subprocess.TimeoutExpired:
        return "the Docker engine does not answer"
    if answer.returncode or not answer.stdout.strip():
        return "no Docker engine answers"
    return "" if importlib.util.find_spec("testcontainers") else "testcontainers is not installed"


@contextlib.contextmanager
def compose() -> Iterator[tuple[str, str]]:
    """Hold up the broker and the registry of the compose file; gives their addresses."""
    from testcontainers.compose import DockerCompose

    kafka, registry = free_ports(2)
    ours = {
        "KAFKA_PORT": str(kafka), "REGISTRY_PORT": str(registry), "TOPIC_PREFIX": "compose",
        "COMPOSE_PROJECT_NAME": f"commerce-events-{uuid4().hex[:8]}",
    }  # fmt: skip
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        with DockerCompose(ROOT, compose_file_name=COMPOSE_FILE):
            yield f"localhost:{kafka}", f"http://localhost:{registry}/apis/ccompat/v7"
    except subprocess.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace")[-1500:]
        raise OperatorError("docker compose failed", hint=said) from error
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def postgresql() -> contextlib.AbstractContextManager[Database]:
    """A PostgreSQL of the newest major version."""
    return _database("postgres:17", 5432, {"POSTGRES_HOST_AUTH_METHOD": "trust"}, "postgresql://postgres@{}/postgres")


def mariadb() -> contextlib.AbstractContextManager[Database]:
    """A MariaDB of the long-term series."""
    return _database("mariadb:11", 3306, {"MARIADB_ALLOW_EMPTY_ROOT_PASSWORD": "1"}, "mysql://root@{}/mysql")


@contextlib.contextmanager
def _database(image: str, inside: int, environment: dict[str, str], url: str) -> Iterator[Database]:
    from tests.engines.database import Database

    (port,) = free_ports(1)
    command = ["docker", "run", "--rm", "--detach", f"--publish={LOOPBACK}:{port}:{inside}"]
    command += [f"--env={name}={value}" for name, value in environment.items()]
    done = subprocess.run([*command, image], capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise OperatorError(f"docker did not start {image}", hint=done.stderr[-500:])
    container = done.stdout.strip()
    try:
        deadline = time.monotonic() + 60
        while not listens(port):
            if time.monotonic() > deadline:
                raise OperatorError(f"{image} did not come up", hint="See docker logs.")
            time.sleep(0.5)
        time.sleep(5)  # both images start twice: the first time to set themselves up
        yield Database(url.format(f"{LOOPBACK}:{port}"))
    finally:
        subprocess.run(["docker", "rm", "--force", container], capture_output=True, check=False, timeout=60)
