"""Where broker and registry are, and how to log in: the stock event bus's names, read in one way by every client.

The worker asks Django's settings; a command line asks its options, the environment and then those settings. Who is
asked differs, what is made of the answers does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from commerce_events import topics
from commerce_events.exceptions import OperatorError
from commerce_events.registry import Registry

BOOTSTRAP = "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS"
REGISTRY = "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL"
PREFIX = "EVENT_BUS_TOPIC_PREFIX"
BROKER_LOGIN = ("EVENT_BUS_KAFKA_API_KEY", "EVENT_BUS_KAFKA_API_SECRET")
REGISTRY_LOGIN = ("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY", "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET")

TRY_IT = "For a broker to try things on, run `commerce-events dev`: it prints the lines to paste."
#: librdkafka's settings whose values are secrets, by a part of their name.
SECRET = re.compile(r"password|passphrase|secret|key\.pem|jaas|oauthbearer\.config")
MASK = "***"
#: For every client, unless a site says otherwise: a broker that has answered nothing for so long is left. librdkafka
#: would wait a minute for one that froze, and Kafka gives its partitions other leaders after nine seconds.
SILENCE = {"socket.timeout.ms": 10_000}

#: Answers what is said under a name, None where nothing is.
Said = Callable[[str], Any]


@dataclass(frozen=True)
class Access:
    """Addresses, the prefix of the topics, librdkafka's settings (security among them), and the registry's login."""

    bootstrap: str
    registry_url: str = field(repr=False)  # both may hold a password
    prefix: str
    kafka: Mapping[str, Any] = field(repr=False)
    registry_auth: tuple[str, str] | None = field(repr=False)

    def full_topic(self, topic: str) -> str:
        """The topic's name on the broker."""
        return topics.full_topic(topic, self.prefix)

    def registry(self) -> Registry:
        """A client of the schema registry."""
        return Registry(self.registry_url, auth=self.registry_auth)


def access(
    said: Said, broker: Iterable[Said], registry: Iterable[Said], kafka: Mapping[str, Any], missing: str = TRY_IT
) -> Access:
    """What is said, checked.

    Arguments:
        said: answers addresses and prefix.
        broker: who may say the broker's login; the first that says any of it counts.
        registry: the same for the registry.
        kafka: librdkafka's settings; they stand over the login.
        missing: the hint where an address is not said.

    Raises:
        OperatorError: something is missing or cannot be right; the hint says what to write.
    """
    return Access(
        bootstrap=bootstrap(_needed(said, BOOTSTRAP, missing)),
        registry_url=registry_url(_needed(said, REGISTRY, missing)),
        prefix=prefix(said(PREFIX)),
        kafka={**sasl(login(broker, *BROKER_LOGIN)), **kafka},
        registry_auth=login(registry, *REGISTRY_LOGIN),
    )


def of(settings: Any) -> Said:
    """Who answers from an object's attributes, as Django's settings are."""
    return lambda name: getattr(settings, name, None)


def login(sources: Iterable[Said], key: str, secret: str) -> tuple[str, str] | None:
    """User and password from the first source that says any of the two, so that they are never a mixture."""
    for said in sources:
        user, password = said(key), said(secret)
        if bool(user) != bool(password):
            raise OperatorError(
                f"{key} and {secret} must be set together",
                hint="With one of them alone the connection would silently be made in plain text or without login.",
            )
        if user:
            return str(user), str(password)
    return None


def sasl(login: tuple[str, str] | None) -> dict[str, Any]:
    """The stock event bus's meaning of a login: SASL PLAIN over TLS."""
    if login is None:
        return {}
    user, password = login
    return {
        "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": user, "sasl.password": password,
    }  # fmt: skip


def bootstrap(text: str) -> str:
    """``host:port``, several with commas. librdkafka would guess a missing port, and never tell."""
    for address in text.split(","):
        host, colon, port = address.strip().rpartition(":")
        if not (colon and host and port.isdecimal() and 0 < int(port) < 65536) or re.search(r"\s", host):
            raise OperatorError(
                f"{BOOTSTRAP} (--bootstrap) is no list of host:port: {address.strip() or 'empty'}",
                hint="Write each broker with its port, several with commas, as in kafka-1:9092,kafka-2:9092.",
            )
    return text


def registry_url(text: str) -> str:
    """An address with its scheme. It is not repeated: it may hold a password."""
    if not re.match(r"https?://[^/\s]+", text):
        raise OperatorError(
            f"{REGISTRY} (--registry) is no address of the web",
            hint="It begins with http:// or https://; Apicurio's ends in /apis/ccompat/v7.",
        )
    return text


def prefix(text: Any) -> str:
    """A prefix that leaves every topic a name Kafka takes."""
    longest = 249 - max(len(topic) for topic in topics.TOPICS) - 1
    if text and not re.fullmatch(rf"[A-Za-z0-9._-]{{1,{longest}}}", str(text)):
        raise OperatorError(
            f"{PREFIX} (--prefix) cannot begin the name of a topic",
            hint=f"Kafka takes letters a-z and A-Z, digits, '.', '_' and '-'; a prefix is {longest} long at most.",
        )
    return str(text or "")


def masked(kafka: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of librdkafka as they may be shown."""
    return {name: MASK if SECRET.search(name) else value for name, value in kafka.items()}


def without_secrets(text: str, kafka: Mapping[str, Any]) -> str:
    """What librdkafka says of its settings, which may quote a value."""
    for name, value in kafka.items():
        if SECRET.search(name) and str(value):
            text = text.replace(str(value), MASK)
    return text


def _needed(said: Said, name: str, missing: str) -> str:
    value = said(name)
    if not value:
        raise OperatorError(f"{name} is not set", hint=missing)
    return str(value)
