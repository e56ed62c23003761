"""The embedded registry, as the clients of this world meet it."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

from commerce_events.bus.embedded.registry import RegistryServer

RECORD = {"type": "record", "name": "Order", "namespace": "shop", "fields": [{"name": "id", "type": "string"}]}
WIDER = {**RECORD, "fields": [*RECORD["fields"], {"name": "note", "type": "string", "default": ""}]}


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    server = RegistryServer()
    yield server
    server.close()


@pytest.fixture
def client(registry: RegistryServer) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": registry.url}) as client:
        yield client


@pytest.fixture
def another(registry: RegistryServer) -> Iterator[SchemaRegistryClient]:
    """A client that remembers nothing of what the first one asked."""
    with SchemaRegistryClient({"url": registry.url}) as client:
        yield client


def avro(schema: object) -> Schema:
    return Schema(json.dumps(schema), "AVRO")


def refused(error: pytest.ExceptionInfo[SchemaRegistryError]) -> tuple[int, int]:
    return error.value.http_status_code, error.value.error_code


def test_registering_twice_gives_one_id_and_one_version(
    client: SchemaRegistryClient, another: SchemaRegistryClient
) -> None:
    first = client.register_schema("orders", avro(RECORD))

    assert another.register_schema("orders", Schema(json.dumps(RECORD, indent=4), "AVRO")) == first
    assert client.get_versions("orders") == [1]


def test_a_schema_has_one_id_under_every_subject(client: SchemaRegistryClient) -> None:
    first = client.register_schema("orders", avro(RECORD))

    assert client.register_schema("results", avro(RECORD)) == first
    assert sorted(client.get_subjects()) == ["orders", "results"]
    assert sorted(client.get_schema_versions(first), key=str)[0].subject == "orders"


def test_a_schema_is_found_by_its_id_and_by_its_text(client: SchemaRegistryClient) -> None:
    schema_id = client.register_schema("orders", avro(RECORD))

    assert json.loads(client.get_schema(schema_id).schema_str) == RECORD
    assert client.lookup_schema("orders", avro(RECORD)).schema_id == schema_id


def test_versions_count_up(client: SchemaRegistryClient) -> None:
    client.register_schema("orders", avro(RECORD))
    second = client.register_schema("orders", avro(WIDER))

    assert client.get_latest_version("orders").schema_id == second
    assert client.get_version("orders", 2).schema_id == second


def test_what_is_not_there_is_refused_by_the_codes_clients_know(client: SchemaRegistryClient) -> None:
    client.register_schema("orders", avro(RECORD))

    with pytest.raises(SchemaRegistryError) as unknown_subject:
        client.get_latest_version("refunds")
    with pytest.raises(SchemaRegistryError) as unknown_version:
        client.get_version("orders", 9)
    with pytest.raises(SchemaRegistryError) as unknown_id:
        client.get_schema(99)
    with pytest.raises(SchemaRegistryError) as unknown_text:
        client.lookup_schema("orders", avro(WIDER))

    assert refused(unknown_subject) == (404, 40401)
    assert refused(unknown_version) == (404, 40402)
    assert refused(unknown_id) == (404, 40403)
    assert refused(unknown_text) == (404, 40403)


@pytest.mark.parametrize("text", ["", "{", '{"type": "record"}', '{"type": "enum", "name": "x"}', "7"])
def test_what_is_no_schema_is_refused(client: SchemaRegistryClient, text: str) -> None:
    with pytest.raises(SchemaRegistryError) as error:
        client.register_schema("orders", Schema(text, "AVRO"))

    assert refused(error) == (422, 42201)


def test_it_does_not_pretend_to_check_compatibility(client: SchemaRegistryClient) -> None:
    client.register_schema("orders", avro(RECORD))

    with pytest.raises(SchemaRegistryError) as error:
        client.test_compatibility("orders", avro(WIDER))

    assert refused(error)[0] == 501
    assert client.get_config("orders").compatibility_level == "NONE"


def test_associations_are_none_rather_than_forbidden(registry: RegistryServer) -> None:
    """confluent-kafka 2.16 asks them first, and drops the event on any answer but 404."""
    answer = requests.get(f"{registry.url}/associations/resources/-/orders", timeout=5)

    assert answer.status_code == 404


def test_confluents_serializer_and_deserializer_work_on_it(
    client: SchemaRegistryClient, another: SchemaRegistryClient
) -> None:
    context = SerializationContext("dev-orders", MessageField.VALUE)
    strategy = {"subject.name.strategy": topic_record_subject_name_strategy}
    write = AvroSerializer(client, json.dumps(RECORD), conf=strategy)
    read = AvroDeserializer(another)

    assert read(write({"id": "ORD-1"}, context), context) == {"id": "ORD-1"}
    assert client.get_subjects() == ["dev-orders-shop.Order"]


def test_schemas_outlive_a_restart_in_a_file(tmp_path: Path) -> None:
    state = tmp_path / "schemas.json"
    first = RegistryServer(state=state)
    with SchemaRegistryClient({"url": first.url}) as client:
        schema_id = client.register_schema("orders", avro(RECORD))
    first.close()

    second = RegistryServer(state=state)
    with SchemaRegistryClient({"url": second.url}) as client:
        assert client.lookup_schema("orders", avro(RECORD)).schema_id == schema_id
    second.close()


def test_a_body_that_is_no_json_is_refused(registry: RegistryServer) -> None:
    answer = requests.post(f"{registry.url}/subjects/orders/versions", data=b"\xff{", timeout=5)

    assert answer.status_code == 400


def test_a_huge_body_is_not_read(registry: RegistryServer) -> None:
    answer = requests.post(f"{registry.url}/subjects/orders/versions", data=b" " * (2 << 20), timeout=5)

    assert answer.status_code == 413


def test_it_listens_on_loopback_alone(registry: RegistryServer) -> None:
    assert registry.url.startswith("http://127.0.0.1:")
