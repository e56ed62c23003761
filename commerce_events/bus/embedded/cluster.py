"""librdkafka's own cluster: a broker that speaks Kafka's protocol, inside the client library that we have anyway.

The library ships it for its tests and Python's client does not offer it, so it is reached through ctypes in the very
library that the client has loaded. It is good for groups, offsets, outages and injected errors. It is no proof for
transactions, fencing, admin calls, ACLs or latency, forgets everything when its process ends, and keeps 5 MB per
partition. It cannot tell a topic's id either, so each topic made here gets an incarnation id of ours.
"""
from __future__ import annotations

import ctypes
import ctypes.util
import threading
import uuid
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import confluent_kafka

from commerce_events.exceptions import OperatorError

_POINTER, _TEXT, _INT, _INT16, _INT32, _INT64 = (
    ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int16, ctypes.c_int32, ctypes.c_int64,
)  # fmt: skip
#: The functions used: what each answers, and what it takes (librdkafka's rdkafka.h and rdkafka_mock.h).
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "rd_kafka_conf_new": (_POINTER, ()),
    "rd_kafka_new": (_POINTER, (_INT, _POINTER, _TEXT, ctypes.c_size_t)),
    "rd_kafka_conf_set": (_INT, (_POINTER, _TEXT, _TEXT, _TEXT, ctypes.c_size_t)),
    "rd_kafka_destroy": (None, (_POINTER,)),
    "rd_kafka_err2name": (_TEXT, (_INT,)),
    "rd_kafka_mock_cluster_new": (_POINTER, (_POINTER, _INT)),
    "rd_kafka_mock_cluster_destroy": (None, (_POINTER,)),
    "rd_kafka_mock_cluster_bootstraps": (_TEXT, (_POINTER,)),
    "rd_kafka_mock_topic_create": (_INT, (_POINTER, _TEXT, _INT, _INT)),
    "rd_kafka_mock_topic_delete": (_INT, (_POINTER, _TEXT)),
    "rd_kafka_mock_partition_delete_records": (_INT, (_POINTER, _TEXT, _INT32, _INT64)),
    "rd_kafka_mock_broker_set_down": (_INT, (_POINTER, _INT32)),
    "rd_kafka_mock_broker_set_up": (_INT, (_POINTER, _INT32)),
    "rd_kafka_mock_broker_set_rtt": (_INT, (_POINTER, _INT32, _INT)),
    "rd_kafka_mock_partition_set_leader": (_INT, (_POINTER, _TEXT, _INT32, _INT32)),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, (_POINTER, _INT32)),
    "rd_kafka_mock_push_request_errors_array": (
        None, (_POINTER, _INT16, ctypes.c_size_t, ctypes.POINTER(_INT)),
    ),
    "rd_kafka_mock_clear_request_errors": (None, (_POINTER, _INT16)),
}  # fmt: skip


@cache
def library() -> ctypes.CDLL:
    """The librdkafka that confluent-kafka uses.

    Raises:
        OperatorError: it was not found, or lacks the cluster.
    """
    package = Path(confluent_kafka.__file__).parent
    shipped = [*package.parent.glob("confluent_kafka.libs/librdkafka*"), *package.glob(".dylibs/librdkafka*")]
    name = str(shipped[0]) if shipped else ctypes.util.find_library("rdkafka")  # built against the system's own
    hint = "Install confluent-kafka from its wheel: pip install --force-reinstall --only-binary :all: confluent-kafka"
    if name is None:
        raise OperatorError(f"librdkafka was not found beside {package}", hint=hint)
    loaded = ctypes.CDLL(name)
    for function, (answers, takes) in _FUNCTIONS.items():
        if not hasattr(loaded, function):
            raise OperatorError(f"{name} has no {function}: too old for the embedded broker", hint=hint)
        getattr(loaded, function).restype, getattr(loaded, function).argtypes = answers, takes
    return loaded


class Cluster:
    """A cluster of ``brokers`` brokers in this process, listening on loopback until :meth:`close`.

    Brokers are numbered from 1.
    """

    def __init__(self, brokers: int = 1) -> None:
        self._library = library()
        reason = ctypes.create_string_buffer(512)
        settings = self._library.rd_kafka_conf_new()
        # The client that owns the cluster would warn that it has no broker itself.
        self._library.rd_kafka_conf_set(settings, b"log_level", b"3", reason, len(reason))
        self._client = self._library.rd_kafka_new(0, settings, reason, len(reason))
        if not self._client:
            raise OperatorError("librdkafka made no client", hint=reason.value.decode())
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, brokers)
        if not self._cluster:
            raise OperatorError("librdkafka made no cluster", hint="It needs a loopback port per broker.")
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self._lock = threading.Lock()
        self._incarnations: dict[str, str] = {}

    @property
    def bootstrap(self) -> str:
        """Addresses for ``bootstrap.servers``."""
        return str(self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode())

    def create_topic(self, name: str, partitions: int, replication: int = 1) -> bool:
        """Create a topic; False if it is there already."""
        with self._lock:
            if name in self._incarnations:
                return False
            self._do("topic_create", name.encode(), partitions, replication)
            self._incarnations[name] = str(uuid.uuid4())
            return True

    def delete_topic(self, name: str) -> None:
        """Delete a topic with its messages."""
        with self._lock:
            self._do("topic_delete", name.encode())
            self._incarnations.pop(name, None)

    def delete_records(self, name: str, partition: int, before: int) -> None:
        """Let the messages below an offset expire."""
        self._do("partition_delete_records", name.encode(), partition, before)

    def incarnations(self) -> dict[str, str]:
        """An id per topic made here. A topic deleted and made again has another."""
        with self._lock:
            return dict(self._incarnations)

    def down(self, broker: int = 1) -> None:
        """Close a broker's port and connections."""
        self._do("broker_set_down", broker)

    def up(self, broker: int = 1) -> None:
        """Open them again."""
        self._do("broker_set_up", broker)

    def round_trip(self, milliseconds: int, broker: int = 1) -> None:
        """Let a broker answer later."""
        self._do("broker_set_rtt", broker, milliseconds)

    def leader(self, name: str, partition: int, broker: int) -> None:
        """Make a broker the leader of a partition."""
        self._do("partition_set_leader", name.encode(), partition, broker)

    def fail(self, api_key: int, errors: Sequence[int]) -> None:
        """Answer the next requests of a kind (Kafka's API key) with errors, one each; 0 is none."""
        codes = (ctypes.c_int * len(errors))(*errors)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, api_key, len(errors), codes)

    def recover(self, api_key: int) -> None:
        """Forget the errors that :meth:`fail` has left for a kind of request."""
        self._library.rd_kafka_mock_clear_request_errors(self._cluster, api_key)

    def close(self) -> None:
        """End the cluster; everything in it is lost."""
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)

    def _do(self, function: str, *arguments: Any) -> None:
        code = getattr(self._library, f"rd_kafka_mock_{function}")(self._cluster, *arguments)
        if code:
            said = self._library.rd_kafka_err2name(code).decode()
            raise ValueError(f"{function}{arguments}: {said}")
