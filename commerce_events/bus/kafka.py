"""What a broker can be asked, without Django: partitions, offsets, topic ids, messages.

Every question has a timeout, and an answer that does not come is a ``TransientError``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from operator import methodcaller
from typing import Any, Protocol, cast

import requests
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from commerce_events.bus.access import without_secrets
from commerce_events.bus.refusals import REFUSALS
from commerce_events.exceptions import ContractError, OperatorError, TransientError

TIMEOUT = 10.0
#: What one broker gets of it, where another one could answer.
ONE = 3.0


class Record(Protocol):
    """The part of a consumed ``confluent_kafka.Message`` that is used; its own types allow for what never comes."""

    def error(self) -> KafkaError | None: ...
    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def timestamp(self) -> tuple[int, int]: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> list[tuple[str, bytes | None]] | None: ...


@dataclass(frozen=True, slots=True)
class Log:
    """What the broker says of one partition: the first and the next offset, and the topic's id ('' where unknown)."""

    low: int
    high: int
    topic_id: str = ""


def made[C](client: Callable[[dict[str, Any]], C], config: Mapping[str, Any]) -> C:
    """A client of librdkafka.

    Raises:
        OperatorError: librdkafka does not take these settings.
    """
    try:
        return client(dict(config))
    except (KafkaException, TypeError, ValueError) as error:
        said = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        raise OperatorError(
            f"the Kafka client does not take its settings: {without_secrets(said, config)}",
            hint="They are what --kafka, COMMERCE_EVENTS['KAFKA'] or the client's own `kafka` says; librdkafka's "
            "CONFIGURATION.md lists them all.",
        ) from None


def partitions(client: Consumer, topic: str) -> list[int]:
    """The partitions of a topic; empty if there is no such topic.

    Raises:
        TransientError: the broker did not answer.
    """
    try:
        found = client.list_topics(topic, timeout=TIMEOUT).topics.get(topic)
    except KafkaException as error:
        raise TransientError(f"the broker did not list topic {topic}: {error.args[0].str()}") from error
    return sorted(found.partitions) if found is not None and found.error is None else []


#: The coordinator of a group is moving, or reads what it was told before: on a cluster that has just started, and
#: after a broker was lost. librdkafka asks again by itself in some of these cases, and in others it does not.
_MOVING = {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}


def _coordinated[A](ask: Callable[[], A]) -> A:
    """The answer of a group's coordinator; it is asked again, for ``TIMEOUT`` seconds, while it is moving."""
    until = time.monotonic() + TIMEOUT
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _MOVING or time.monotonic() > until:
                raise
            time.sleep(0.1)


def committed(client: Consumer, at: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Offsets that the group has committed; partitions without one are left out.

    Raises:
        TransientError: the broker did not answer.
    """
    asked = [TopicPartition(topic, partition) for topic, partition in at]
    if not asked:
        return {}
    try:
        answered = _coordinated(lambda: client.committed(asked, timeout=TIMEOUT))
    except KafkaException as error:
        raise TransientError(f"the broker did not tell committed offsets: {error.args[0].str()}") from error
    return {(found.topic, found.partition): found.offset for found in answered if found.offset >= 0}


def log_of(client: Consumer, topic: str, partition: int, topic_id: str) -> Log:
    """First and next offset of a partition."""
    try:
        low, high = client.get_watermark_offsets(TopicPartition(topic, partition), timeout=TIMEOUT)
    except KafkaException as error:
        raise TransientError(f"the broker did not tell the offsets of {topic}[{partition}]") from error
    return Log(low, high, topic_id)


def offset_at(client: Consumer, topic: str, partition: int, moment: datetime) -> int:
    """The first message that is not older than ``moment``; the next offset where there is none yet.

    Raises:
        TransientError: the broker did not answer.
        OperatorError: this broker finds no message by its time: librdkafka's own has no such index, and says "none".
    """
    milliseconds = max(0, int(moment.timestamp() * 1000))
    log = log_of(client, topic, partition, "")
    found = _by_time(client, topic, partition, milliseconds)
    if found < 0 and log.low < log.high and _by_time(client, topic, partition, 0) < 0:
        raise OperatorError(
            f"this broker does not find a message of {topic} by its time",
            hint="The embedded broker cannot. Say earliest or latest; a real Kafka takes a time as well.",
        )
    return found if found >= 0 else log.high


def _by_time(client: Consumer, topic: str, partition: int, milliseconds: int) -> int:
    try:
        (found,) = client.offsets_for_times([TopicPartition(topic, partition, milliseconds)], timeout=TIMEOUT)
    except KafkaException as error:
        raise TransientError(f"the broker did not find a time in {topic}[{partition}]") from error
    return int(found.offset)


def ends(client: AdminClient, at: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """The next offset of each partition, in one question: a consumer's own waits behind its open fetches, one by one.

    Raises:
        TransientError: the broker did not answer.
    """
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(*each): latest for each in at}
    if not asked:
        return {}
    try:
        futures = client.list_offsets(asked, request_timeout=TIMEOUT)
        return {(each.topic, each.partition): future.result(TIMEOUT).offset for each, future in futures.items()}
    except (KafkaException, TimeoutError) as error:
        raise TransientError("the broker did not tell where the partitions end") from error


def topic_ids(client: AdminClient, names: Iterable[str], registry_url: str = "") -> dict[str, str]:
    """The id of each topic: another topic made under the same name has another one. '' where the broker has none.

    librdkafka's own cluster has none; the embedded registry beside it keeps incarnations instead.

    Raises:
        TransientError: no broker answered.
        OperatorError: the topics may not be described.
    """
    kept = _incarnations(registry_url) if registry_url else None
    if kept is not None:
        return {name: kept[name] for name in names if name in kept}
    asked, until = list(names), time.monotonic() + TIMEOUT
    while True:
        try:
            return _described(client, asked)
        except TransientError:
            if time.monotonic() + ONE > until:
                raise
        # librdkafka asks the broker that was named as the controller, for up to five minutes also one that is gone.
        # Without ZooKeeper any broker may be named, another one in each answer.
        time.sleep(0.5)
        with suppress(KafkaException):
            client.list_topics(timeout=ONE)


def _described(client: AdminClient, names: list[str]) -> dict[str, str]:
    ids: dict[str, str] = {}
    for name, future in client.describe_topics(TopicCollection(names), request_timeout=ONE).items():
        try:
            ids[name] = str(future.result(TIMEOUT).topic_id)
        except (KafkaException, TimeoutError) as error:
            if _says(error, "_UNSUPPORTED_FEATURE", "UNSUPPORTED_VERSION"):
                ids[name] = ""  # a broker before Apache Kafka 2.8
            elif _says(error, "TOPIC_AUTHORIZATION_FAILED"):
                hint = REFUSALS[KafkaError.TOPIC_AUTHORIZATION_FAILED]
                raise OperatorError(f"the broker refuses to describe topic {name}", hint=hint) from error
            elif not _says(error, "UNKNOWN_TOPIC_OR_PART"):
                raise TransientError(f"the broker did not describe topic {name}") from error
    return ids


def _incarnations(registry_url: str) -> dict[str, str] | None:
    """What the embedded registry says; None from every other one."""
    try:
        answer = requests.get(f"{registry_url.rstrip('/')}/incarnations", timeout=(3, 3))
        return dict(answer.json()) if answer.ok else None
    except (requests.RequestException, ValueError):
        return None


def _says(error: BaseException, *names: str) -> bool:
    cause: Any = error.args[0] if error.args else None
    return getattr(cause, "name", lambda: "")() in names


def take(client: Consumer, most: int, timeout: float) -> list[Record]:
    """What is there, up to ``most`` messages; waits only for the first (``consume`` alone would wait for all)."""
    first = client.poll(timeout)
    if first is None:
        return []
    rest = client.consume(most - 1, 0) if most > 1 else []
    return cast("list[Record]", [first, *rest])


#: Calls the method where Python looks whether it failed. A plain call that has become fast does not look, and the
#: error would surface anywhere later.
_headers = methodcaller("headers")


def headers(message: Record) -> list[tuple[str, bytes | None]]:
    """The headers of a message. To be asked once only: see :class:`UnreadableHeadersError`."""
    try:
        return _headers(message) or []
    except (SystemError, UnicodeDecodeError):
        raise UnreadableHeadersError from None


class UnreadableHeadersError(ContractError):
    """The name of a header is no UTF-8 text, and confluent-kafka hands none of the headers over.

    It fails with a SystemError, and keeps a list with a hole: who asks the same message again ends the whole process
    with a segmentation fault.
    """

    def __init__(self) -> None:
        super().__init__("the name of a header is no UTF-8 text; no header can be read")


def send_raw(
    bootstrap: str, topic: str, value: bytes | None, headers: Mapping[str, str | bytes | None], key: bytes | None = None
) -> None:
    """Put any bytes on a topic: for demonstrations and tests of what must survive them."""
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    producer.produce(topic, key=key, value=value, headers=dict(headers))
    if producer.flush(TIMEOUT):
        raise TransientError("the broker did not acknowledge")


def commit(client: Consumer, offsets: Mapping[tuple[str, int], int]) -> None:
    """Commit offsets of a group from outside of it.

    Raises:
        OperatorError: the group has members; only they may.
    """
    wanted = [TopicPartition(*at, offset) for at, offset in offsets.items()]
    try:
        _coordinated(lambda: client.commit(offsets=wanted, asynchronous=False))
    except KafkaException as error:
        raise OperatorError(
            f"the group's offsets cannot be set: {error.args[0].str()}",
            hint="Stop the consumers of the group first; then say it again.",
        ) from error
