"""The AsyncAPI document says what the tables say, and every reference in it leads somewhere."""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from commerce_events import topics
from commerce_events.contract import files
from commerce_events.validation import validate

DOCUMENT: dict[str, Any] = json.loads((files.checkout() / "asyncapi.json").read_text())


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 2 * len(topics.EVENT_TYPES)
    for reference in found:
        if reference.startswith("./"):
            assert (files.checkout() / reference).is_file(), reference
        else:
            node = DOCUMENT
            for step in reference.removeprefix("#/").split("/"):
                node = node[step]


def test_every_event_type_is_a_message_of_its_topics_channel_with_its_key_and_a_right_example() -> None:
    messages = DOCUMENT["components"]["messages"]
    by_type = {message["name"]: (key, message) for key, message in messages.items()}
    assert set(by_type) == set(topics.EVENT_TYPES)
    for event_type, row in topics.EVENT_TYPES.items():
        key, message = by_type[event_type]
        assert key in DOCUMENT["channels"][row.topic]["messages"]
        assert message["bindings"]["kafka"]["key"]["description"].startswith(row.key_field)
        validate(event_type, message["examples"][0]["payload"])


def test_channels_are_the_topics_with_partitions_and_retention() -> None:
    for name, channel in DOCUMENT["channels"].items():
        kafka = channel["bindings"]["kafka"]
        assert (kafka["topic"], kafka["partitions"]) == (name, topics.TOPICS[name].partitions)
        assert kafka["topicConfiguration"]["retention.ms"] == topics.TOPICS[name].retention_ms
    assert set(DOCUMENT["channels"]) == {row.topic for row in topics.EVENT_TYPES.values()}


def test_headers_are_those_of_the_table() -> None:
    headers = DOCUMENT["components"]["messageTraits"]["cloudEvent"]["headers"]
    declared = {getattr(topics, name) for name in dir(topics) if name.startswith("HEADER_")}
    assert set(headers["properties"]) == declared
    assert set(headers["required"]) == set(topics.MANDATORY_HEADERS)
