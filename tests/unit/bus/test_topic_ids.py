"""Topic ids are told by the broker that was named as the controller; one that is away is not asked for ever."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection

from commerce_events.bus import kafka
from commerce_events.exceptions import OperatorError, TransientError

IDS = {"prod-orders": "AL9fyjkvTDygkwAlNZdbtQ"}


class Cluster:
    """Brokers of which some are there; each answer to a question for metadata names the next one as the controller."""

    def __init__(self, *named: int, there: Sequence[int] = (), refusal: int | None = None) -> None:
        self.named, self.there, self.refusal = list(named), there, refusal
        self.asked: list[int] = []

    def list_topics(self, timeout: float) -> None:
        if not self.there:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        self.named = [*self.named[1:], self.named[0]]

    def describe_topics(self, topics: TopicCollection, request_timeout: float) -> dict[str, Future[Any]]:
        self.asked.append(self.named[0])
        return {name: self._answer(name) for name in topics.topic_names}

    def _answer(self, name: str) -> Future[Any]:
        answer: Future[Any] = Future()
        if self.named[0] not in self.there:
            answer.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
        elif self.refusal is not None or name not in IDS:
            answer.set_exception(KafkaException(KafkaError(self.refusal or KafkaError.UNKNOWN_TOPIC_OR_PART)))
        else:
            answer.set_result(SimpleNamespace(topic_id=IDS[name]))
        return answer


def ids(cluster: Any, *names: str) -> dict[str, str]:
    return kafka.topic_ids(cluster, names)


def test_who_is_away_is_not_asked_for_ever() -> None:
    cluster = Cluster(1, 1, 3, there=(2, 3))
    assert ids(cluster, "prod-orders") == IDS
    assert cluster.asked == [1, 1, 3]


def test_a_broker_that_answers_is_asked_once() -> None:
    cluster = Cluster(0, there=(0,))
    assert ids(cluster, "prod-orders", "prod-unknown") == IDS
    assert cluster.asked == [0]


def test_nobody_is_waited_for_longer_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "TIMEOUT", 2.0)
    monkeypatch.setattr(kafka, "ONE", 0.5)
    with pytest.raises(TransientError, match="did not describe topic prod-orders"):
        ids(Cluster(1), "prod-orders")


def test_a_refusal_is_told_at_once() -> None:
    cluster = Cluster(1, there=(1,), refusal=KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(OperatorError, match="refuses to describe topic prod-orders"):
        ids(cluster, "prod-orders")
    assert cluster.asked == [1]


def test_a_broker_that_gives_no_ids_is_told_from_one_without_the_topic() -> None:
    assert ids(Cluster(1, there=(1,), refusal=KafkaError._UNSUPPORTED_FEATURE), "prod-orders") == {"prod-orders": ""}
    assert ids(Cluster(1, there=(1,)), "prod-unknown") == {}
