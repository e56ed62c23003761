"""What a broker refuses, as opposed to what it does not answer: no waiting heals it, so a person is told what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError

from commerce_events.exceptions import OperatorError, TransientError

_NO_TOPIC = "Is the prefix right, were the topics created, and may this user see them? `commerce-events doctor` looks."
_LOGIN = "Check user, password and sasl.mechanism; docs/how-tos/secure-kafka.rst says how a login is given."
_CERTIFICATE = (
    "The broker does not take our certificate, or wants one. Check ssl.certificate.location and ssl.key.location, that "
    "it has not expired, and that the broker trusts whoever signed it: docs/how-tos/secure-kafka.rst."
)
_TOPIC = "This user's ACLs are missing: docs/how-tos/secure-kafka.rst lists those of a store and of an LMS."
#: What no waiting heals, and what to do about it.
REFUSALS = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: _NO_TOPIC,
    KafkaError._UNKNOWN_TOPIC: _NO_TOPIC,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _TOPIC,
    KafkaError.GROUP_AUTHORIZATION_FAILED: _TOPIC,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "This user needs Write on the topic, or IdempotentWrite on the cluster: "
    "docs/how-tos/secure-kafka.rst.",
    KafkaError.SASL_AUTHENTICATION_FAILED: _LOGIN,
    KafkaError._AUTHENTICATION: _LOGIN,
    KafkaError._SSL: "Check ssl.ca.location, the certificates, and that the broker speaks TLS at this port.",
}
#: Alerts of TLS about a certificate, or none. They come after the handshake, and librdkafka takes them for a lost
#: connection.
_ALERTS = re.compile(r"SSL alert number (4[0-9]|51|70|116)\b")


def remedy(error: KafkaError) -> str:
    """What to do about an error that no waiting heals; empty for every other one."""
    if error.code() == KafkaError._TRANSPORT and _ALERTS.search(error.str()):
        return _CERTIFICATE
    return REFUSALS.get(error.code(), "")


class Troubles:
    """What a client hears beside its answers: a login that is refused shows in the answer as a timeout only."""

    def __init__(self) -> None:
        self.refusal: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        """For librdkafka's ``error_cb``; what is told of all brokers afterwards says less."""
        if remedy(error):
            self.refusal = error

    @contextmanager
    def explained(self, client: Consumer) -> Iterator[None]:
        """Questions that end in an ``OperatorError`` if it is a refusal why no answer came."""
        try:
            yield
        except TransientError:
            client.poll(0)  # hands over what was heard meanwhile
            if self.refusal is None:
                raise
            raise OperatorError(f"the broker refuses: {self.refusal.str()}", hint=remedy(self.refusal)) from None
