"""The programs that the documentation shows to store developers publish orders that keep the contract."""
from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from commerce_events import topics, validate, wire
from tests.engines.broker import Broker

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
SCHEMA = ROOT / "schemas" / f"{topics.ORDER_PAID_TYPE}.avsc"
PARTITIONS = 3


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def python(arguments: list[str], folder: Path) -> None:
    run([sys.executable, "publish_order.py", *arguments], folder)


def node(arguments: list[str], folder: Path) -> None:
    run(["npm", "install", "--no-audit", "--no-fund"], folder)
    run(["node", "publish-order.mjs", *arguments], folder)


def java(arguments: list[str], folder: Path) -> None:
    run(["mvn", "-q", "-B", "compile", "exec:java", f"-Dexec.args={' '.join(arguments)}"], folder)


def php(arguments: list[str], folder: Path) -> None:
    installed = subprocess.run(
        ["composer", "install", "--no-interaction", "--quiet"], cwd=folder, capture_output=True, text=True, timeout=300
    )
    if installed.returncode != 0:
        pytest.skip(f"composer cannot install the Avro library: {installed.stderr.strip()[-200:]}")
    run(["php", "publish-order.php", *arguments], folder)


def without_php() -> str:
    """Why the PHP example cannot run here; empty if it can."""
    if not (shutil.which("php") and shutil.which("composer")):
        return "needs PHP and composer"
    modules = subprocess.run(["php", "-m"], capture_output=True, text=True, check=False).stdout.split()
    return "" if "rdkafka" in modules else "needs the PHP extension rdkafka"


def read(broker: Broker, topic: str, count: int) -> list[Message]:
    """So many messages of a topic, whatever the partition."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "reader", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    try:
        found = consumer.consume(count, 30)
    finally:
        consumer.close()
    assert [message.error() for message in found] == [None] * count
    return found


def check(message: Message, order_id: str) -> None:
    assert message.key() == f"shop:{order_id}".encode()
    headers = dict(message.headers() or [])
    assert headers["ce_type"] == topics.ORDER_PAID_TYPE.encode()
    assert len(headers["ce_id"]) == 36
    _, body = wire.unframe(message.value())
    data = wire.decode(topics.ORDER_PAID_TYPE, bytes(body))
    validate(topics.ORDER_PAID_TYPE, data)
    assert data["order"]["order_key"] == f"shop:{order_id}"


def publish(program: Callable[[list[str], Path], None], broker: Broker, topic: str, folder: Path) -> None:
    copy = shutil.copytree(EXAMPLES / program.__name__, folder / program.__name__)
    program([broker.bootstrap, broker.registry_url, topic, str(SCHEMA), "1042"], copy)


def test_python_without_django(broker: Broker, prefix: str, tmp_path: Path) -> None:
    topic = topics.full_topic(topics.ORDER_TOPIC, prefix)
    publish(python, broker, topic, tmp_path)
    (message,) = read(broker, topic, 1)
    check(message, "1042")


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("npm") and shutil.which("mvn")), reason="needs Node.js and Maven")
def test_every_language_puts_an_order_on_the_same_partition(broker: Broker, prefix: str, tmp_path: Path) -> None:
    topic = topics.full_topic(topics.ORDER_TOPIC, prefix)
    for program in (python, node, java):
        publish(program, broker, topic, tmp_path)
    messages = read(broker, topic, 3)
    for message in messages:
        check(message, "1042")
    assert len({message.partition() for message in messages}) == 1


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(bool(without_php()), reason=without_php())
def test_php_puts_it_there_too(broker: Broker, prefix: str, tmp_path: Path) -> None:
    topic = topics.full_topic(topics.ORDER_TOPIC, prefix)
    for program in (python, php):
        publish(program, broker, topic, tmp_path)
    messages = read(broker, topic, 2)
    for message in messages:
        check(message, "1042")
    assert len({message.partition() for message in messages}) == 1
