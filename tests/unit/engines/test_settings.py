"""One source of broker settings: the rule of the image, and a broker that is the same in and out of a container."""
from __future__ import annotations

from pathlib import Path

import pytest

from commerce_events.bus.embedded.jars import Jars
from commerce_events.bus.embedded.native import cluster
from commerce_events.bus.embedded.settings import (
    broker_environment,
    parse_environment,
    properties,
    properties_text,
    property_name,
)

PLACES = {
    "node.id", "listeners", "advertised.listeners", "controller.quorum.voters", "log.dirs",
}  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "auto.create.topics.enable"),
        ("KAFKA_ONE__TWO", "one_two"),
        ("KAFKA_ONE___TWO", "one-two"),
        ("KAFKA_LISTENER_NAME_HOST_SCRAM___SHA___512_SASL_JAAS_CONFIG",
         "listener.name.host.scram-sha-512.sasl.jaas.config"),
        ("KAFKA_A_B__C___D", "a.b_c-d"),
    ],
)  # fmt: skip
def test_underscores_become_what_the_image_makes_of_them(variable: str, name: str) -> None:
    assert property_name(variable) == name


def test_variables_of_the_start_scripts_are_no_settings() -> None:
    environment = {
        "KAFKA_HEAP_OPTS": "-Xmx1g", "KAFKA_LOG4J_ROOT_LOGLEVEL": "INFO", "KAFKA_JMX_PORT": "1", "CLUSTER_ID": "x",
        "PATH": "/bin", "KAFKA_LOG_DIRS": "/data",
    }  # fmt: skip

    assert properties(environment) == {"log.dirs": "/data"}


def test_an_environment_file_is_read_as_docker_reads_it() -> None:
    text = "# a comment\n\nKAFKA_A=1\nKAFKA_B=x=y # no comment: part of the value\n"

    assert parse_environment(text) == {"KAFKA_A": "1", "KAFKA_B": "x=y # no comment: part of the value"}


def test_topics_are_never_made_by_accident() -> None:
    assert properties(broker_environment())["auto.create.topics.enable"] == "false"


def test_a_native_broker_differs_from_the_container_in_places_alone(tmp_path: Path) -> None:
    shared = properties(broker_environment())
    (broker,) = cluster(Jars("java", tmp_path, tmp_path), tmp_path, [(9092, 9093)])

    assert {name for name, value in broker.settings.items() if shared.get(name) != value} <= PLACES
    assert broker.settings.keys() - shared.keys() <= PLACES
    assert broker.settings["advertised.listeners"] == "INTERNAL://127.0.0.1:9092"


def test_three_brokers_know_each_other_and_keep_three_copies(tmp_path: Path) -> None:
    ports = [(9001, 9101), (9002, 9102), (9003, 9103)]
    brokers = cluster(Jars("java", tmp_path, tmp_path), tmp_path, ports)

    assert [broker.settings["node.id"] for broker in brokers] == ["1", "2", "3"]
    assert {broker.settings["controller.quorum.voters"] for broker in brokers} == {
        "1@127.0.0.1:9101,2@127.0.0.1:9102,3@127.0.0.1:9103"
    }
    assert {broker.settings["default.replication.factor"] for broker in brokers} == {"3"}
    assert {broker.settings["min.insync.replicas"] for broker in brokers} == {"2"}
    assert len({broker.settings["log.dirs"] for broker in brokers}) == 3


def test_a_properties_file_has_a_line_for_each_setting() -> None:
    assert properties_text({"b": "2", "a": "1"}) == "a=1\nb=2\n"
