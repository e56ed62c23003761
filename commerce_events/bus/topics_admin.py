"""Topics on a broker: created as the table in :mod:`commerce_events.topics` says, and compared with it.

Creating is safe to repeat. What is there already is left as it is, and differences are told: partitions cannot be
taken away, more of them move keys, and a shorter retention deletes, so all three are an operator's decision.
"""
from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
    TopicMetadata,
)

from commerce_events.bus import kafka
from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.topics import TOPICS, Topic, full_topic

TIMEOUT = 15.0
#: Retention is the topic's; how messages are compressed is their producer's choice, kept as it is.
COMPRESSION = "producer"
#: Errors of the client that mean nobody answered.
AWAY = (KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN)


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting of a topic that is not as the table says."""

    topic: str
    setting: str
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.found}, wanted {self.wanted}"


def topic_settings(topic: Topic) -> dict[str, str]:
    """The broker's settings of a topic."""
    return {"retention.ms": str(topic.retention_ms), "cleanup.policy": "delete", "compression.type": COMPRESSION}


def create_topics(
    client: AdminClient,
    prefix: str | None = None,
    topics: Iterable[Topic] = tuple(TOPICS.values()),
    *,
    partitions: int | None = None,
    replication: int = -1,
) -> list[str]:
    """Create the topics that are missing, and answer their full names.

    Arguments:
        prefix: of the environment, as EVENT_BUS_TOPIC_PREFIX says it.
        partitions: instead of the table's.
        replication: copies of each partition; −1 for the broker's default.

    Raises:
        TransientError: the broker did not answer.
        OperatorError: it refused.
    """
    wanted = [
        NewTopic(
            full_topic(topic.name, prefix),
            num_partitions=partitions or topic.partitions,
            replication_factor=replication,
            config=topic_settings(topic),
        )
        for topic in topics
    ]
    made = []
    for name, future in client.create_topics(wanted, request_timeout=TIMEOUT).items():
        try:
            future.result()  # ends with the request
            made.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise _refusal(f"topic {name} was not created", error) from error
    _wait_for_leaders(client, made)
    return made


def _wait_for_leaders(client: AdminClient, names: Iterable[str]) -> None:
    """A topic is created before the brokers know of it; a client that comes too early is told it does not exist.

    And a leader is named before it knows that it is one: it is asked for its offsets until it answers.
    """
    deadline = time.monotonic() + TIMEOUT
    wanted = missing = set(names)
    while missing:
        known = _known(client)
        missing = {name for name in wanted if not _led(known.get(name))} or _silent(client, known, wanted)
        if missing and time.monotonic() > deadline:
            raise TransientError(f"created, but without a leader after {TIMEOUT:.0f} s: {', '.join(sorted(missing))}")
        if missing:
            time.sleep(0.05)


def _led(topic: TopicMetadata | None) -> bool:
    return topic is not None and bool(topic.partitions) and all(one.leader >= 0 for one in topic.partitions.values())


def _silent(client: AdminClient, known: dict[str, TopicMetadata], names: set[str]) -> set[str]:
    """Topics of which a leader does not tell its offsets."""
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(name, number): latest for name in names for number in known[name].partitions}
    answers = client.list_offsets(asked, request_timeout=TIMEOUT)
    return {partition.topic for partition, answer in answers.items() if answer.exception() is not None}


def _known(client: AdminClient) -> dict[str, TopicMetadata]:
    try:
        known: dict[str, TopicMetadata] = client.list_topics(timeout=TIMEOUT).topics
    except KafkaException as error:
        raise _refusal("topics were not listed", error) from error
    return known


def differences(
    client: AdminClient,
    prefix: str | None = None,
    topics: Iterable[Topic] = tuple(TOPICS.values()),
    *,
    partitions: int | None = None,
) -> list[Difference]:
    """What differs between the broker's topics and the table; a missing topic is one difference.

    Raises:
        TransientError: the broker did not answer.
        OperatorError: it refused.
    """
    wanted = {full_topic(topic.name, prefix): topic for topic in topics}
    known = _known(client)
    found = [Difference(name, "topic", "there", "missing") for name in wanted if name not in known]
    present = {name: topic for name, topic in wanted.items() if name in known}
    settings = _settings(client, present)
    for name, topic in present.items():
        is_now: Mapping[str, str] = {**settings[name], "partitions": str(len(known[name].partitions))}
        should = {**topic_settings(topic), "partitions": str(partitions or topic.partitions)}
        found += [
            Difference(name, setting, value, is_now.get(setting, "unknown"))
            for setting, value in should.items()
            if is_now.get(setting) != value
        ]
    return found


def _settings(client: AdminClient, names: Iterable[str]) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    told: dict[str, dict[str, str]] = {}
    for resource, future in client.describe_configs(asked, request_timeout=TIMEOUT).items() if asked else ():
        try:
            told[resource.name] = {name: entry.value for name, entry in future.result().items()}
        except KafkaException as error:
            raise _refusal(f"the settings of topic {resource.name} were not told", error) from error
    return told


def _refusal(what: str, error: KafkaException) -> TransientError | OperatorError:
    cause = error.args[0]
    if cause.retriable() or cause.code() in AWAY:
        return TransientError(f"{what}: {cause.str()}")
    return OperatorError(
        f"{what}: {cause.str()}",
        hint="The principal needs Create, Describe and DescribeConfigs on the topics; see the broker's ACLs.",
    )


def create_with(config: Mapping[str, Any], prefix: str | None = None) -> list[str]:
    """:func:`create_topics` on a broker that is named by its librdkafka settings."""
    return create_topics(kafka.made(AdminClient, config), prefix)
