"""Engines in Docker: the compose file through testcontainers, and databases where this machine has none."""
from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import uuid4

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from commerce_events.bus.embedded.ports import LOOPBACK, free_ports
from commerce_events.exceptions import OperatorError

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = "docker-compose.kafka.yml"


@dataclass(frozen=True)
class Container:
    """A container that can be broken as a ``Server`` can: same calls, same port and data afterwards."""

    name: str
    id: str
    ready: Callable[[], bool]

    @property
    def alive(self) -> bool:
        """Whether it runs; a paused one does."""
        return _docker("inspect", "--format={{.State.Running}}", self.id).stdout.strip() == "true"

    def start(self, patience: float = 90) -> None:
        """Start it and wait until it is ready."""
        _docker("start", self.id)
        self.wait(patience)

    def wait(self, patience: float = 90) -> None:
        """Wait until it is ready."""
        deadline = time.monotonic() + patience
        while not self.ready():
            if time.monotonic() > deadline:
                said = _docker("logs", "--tail=15", self.id)
                raise OperatorError(f"{self.name} was not ready after {patience:g} s", hint=said.stdout + said.stderr)
            time.sleep(0.2)

    def stop(self) -> None:
        """Ask it to end; Docker kills it when it does not."""
        self.resume()
        _docker("stop", "--time=20", self.id)

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        _docker("kill", self.id)

    def pause(self) -> None:
        """Freeze it: connections stay open and nobody answers."""
        _docker("pause", self.id)

    def resume(self) -> None:
        """Let a frozen one go on."""
        _docker("unpause", self.id)

    def restart(self) -> None:
        """Stop it in good order and start it again."""
        self.stop()
        self.start()


@dataclass(frozen=True)
class Compose:
    """The broker and the registry of the compose file."""

    bootstrap: str
    registry_url: str
    broker: Container
    registry: Container


@cache
def lacks() -> str:
    """What is missing for Docker; '' when an engine answers."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    try:
        answer = _docker("info", "--format={{.ServerVersion}}")
    except subprocess.TimeoutExpired:
        return "the Docker engine does not answer"
    if answer.returncode or not answer.stdout.strip():
        return "no Docker engine answers"
    return "" if importlib.util.find_spec("testcontainers") else "testcontainers is not installed"


@contextlib.contextmanager
def compose() -> Iterator[Compose]:
    """Hold up the compose file on free ports, under a project name of its own; delete its data at the end."""
    from testcontainers.compose import DockerCompose

    kafka, registry = free_ports(2)
    ours = {
        "KAFKA_PORT": str(kafka), "REGISTRY_PORT": str(registry), "TOPIC_PREFIX": "compose",
        "COMPOSE_PROJECT_NAME": f"commerce-events-{uuid4().hex[:8]}",
    }  # fmt: skip
    bootstrap, url = f"localhost:{kafka}", f"http://localhost:{registry}/apis/ccompat/v7"
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        with DockerCompose(ROOT, compose_file_name=COMPOSE_FILE) as up:
            yield Compose(
                bootstrap,
                url,
                Container("Kafka", up.get_container("kafka").ID or "", lambda: _broker_answers(bootstrap)),
                Container("the registry", up.get_container("registry").ID or "", lambda: _registry_answers(url)),
            )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace")[-1500:]
        raise OperatorError("docker compose failed", hint=said) from error
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextlib.contextmanager
def database(image: str, inside: int, environment: dict[str, str], probe: list[str]) -> Iterator[tuple[int, Container]]:
    """Hold up a database server.

    Arguments:
        inside: the port it listens on in the container.
        probe: a command in the container that succeeds once it takes connections over TCP. The images start their
            server twice, the first time on a socket alone, to set it up.
    """
    (port,) = free_ports(1)
    variables = [f"--env={name}={value}" for name, value in environment.items()]
    done = _docker("run", "--detach", f"--publish={LOOPBACK}:{port}:{inside}", *variables, image, patience=600)
    if done.returncode:
        raise OperatorError(f"docker did not start {image}", hint=done.stderr[-500:])
    identity = done.stdout.strip()
    container = Container(image, identity, lambda: _docker("exec", identity, *probe).returncode == 0)
    try:
        container.wait()
        yield port, container
    finally:
        _docker("rm", "--force", "--volumes", identity)


def _docker(*arguments: str, patience: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=patience)


def _broker_answers(bootstrap: str) -> bool:
    try:
        return bool(AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}).list_topics(timeout=2).brokers)
    except KafkaException:
        return False


def _registry_answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/subjects", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
