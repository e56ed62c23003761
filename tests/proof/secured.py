"""Apache Kafka that lets nobody in without TLS and a login or a certificate, and allows nothing that no ACL says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from commerce_events import topics
from commerce_events.bus.embedded.jars import jars
from commerce_events.bus.embedded.native import KafkaBroker, cluster
from commerce_events.bus.embedded.ports import LOOPBACK, free_ports
from commerce_events.bus.topics_admin import create_topics
from tests.engines.broker import Broker
from tests.engines.certificates import Authority, Identity
from tests.engines.processes import Processes

PREFIX = "prod"
GROUP = "commerce-events"
ORDERS, RESULTS = (f"{PREFIX}-{topic}" for topic in (topics.ORDER_TOPIC, topics.FULFILLMENT_TOPIC))
CONSUME = ("consume_commerce_events", "--from", "earliest", "--until-idle")
#: The relay of a site that handles nothing, and the settings of such a one.
RELAY = ("consume_commerce_events", "--only", "relay", "--skip-checks")
HANDLES_NOTHING: dict[str, Any] = {"HANDLERS": [], "TOPICS": []}
#: The ACLs of docs/how-tos/secure-kafka.rst.
STORE = [("topic", ORDERS, "WRITE"), ("topic", RESULTS, "READ")]
LMS = [("topic", ORDERS, "READ"), ("group", GROUP, "READ"), ("topic", RESULTS, "WRITE"), ("topic", RESULTS, "READ")]

LOGINS = {name: f"{name}-hidden" for name in ("store", "other", "lms", "nobody")}
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@dataclass
class Secured:
    """The broker: ``bootstrap`` for who has a login, ``mutual`` for who has a certificate, ``inside`` for its
    administrator. A certificate makes its common name the user.
    """

    bootstrap: str
    mutual: str
    inside: AdminClient
    authority: Authority

    @property
    def certificate(self) -> Path:
        """Who signed the broker's certificate."""
        return self.authority.certificate

    def kafka(self, user: str, mechanism: str = "PLAIN") -> dict[str, str]:
        """Librdkafka's settings of a user with a login."""
        return {
            "security.protocol": "SASL_SSL", "sasl.mechanism": mechanism, "ssl.ca.location": str(self.certificate),
            "sasl.username": user, "sasl.password": LOGINS[user],
        }  # fmt: skip

    def by_certificate(self, identity: Identity | None) -> dict[str, str]:
        """Librdkafka's settings of who shows a certificate, or none."""
        trust = {"security.protocol": "SSL", "ssl.ca.location": str(self.certificate)}
        if identity is None:
            return trust
        return {
            **trust, "ssl.certificate.location": str(identity.certificate), "ssl.key.location": str(identity.key),
        }  # fmt: skip

    def allow(self, user: str, acls: Iterable[tuple[str, str, str]]) -> None:
        """Write ACLs: topic or group, its name, the operation; a name that ends in * is a prefix."""
        wanted = []
        for resource, name, operation in acls:
            pattern = ResourcePatternType.PREFIXED if name.endswith("*") else ResourcePatternType.LITERAL
            wanted.append(AclBinding(
                ResourceType[resource.upper()], name.removesuffix("*"), pattern, f"User:{user}", "*",
                AclOperation[operation], AclPermissionType.ALLOW,
            ))  # fmt: skip
        for future in self.inside.create_acls(wanted).values():
            future.result(20)


@contextmanager
def secured(folder: Path) -> Iterator[Secured]:
    """Hold it up, with our topics under :data:`PREFIX` and the users of :data:`LOGINS`."""
    inner, controller, outer, mutual = free_ports(4)
    programs = jars()
    (broker,) = cluster(programs, folder, [(inner, controller)])
    authority = Authority(folder)
    _secure(broker, {"CLIENT": outer, "MUTUAL": mutual}, authority)
    broker.start()
    try:
        inside = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{inner}", "log_level": 0})
        create_topics(inside, PREFIX, partitions=3)
        for user, password in LOGINS.items():
            scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
            change = UserScramCredentialUpsertion(user, scram, password.encode())
            for future in inside.alter_user_scram_credentials([change]).values():
                future.result(20)
        yield Secured(f"{LOOPBACK}:{outer}", f"{LOOPBACK}:{mutual}", inside, authority)
    finally:
        broker.kill()


@contextmanager
def lms(folder: Path, database: str, bootstrap: str, registry_url: str) -> Iterator[Processes]:
    """Commands of an LMS on this broker."""
    started = Processes(folder, {
        "COMMERCE_EVENTS_TEST_DATABASE": database, "COMMERCE_EVENTS_TEST_BOOTSTRAP": bootstrap,
        "COMMERCE_EVENTS_TEST_REGISTRY": registry_url, "COMMERCE_EVENTS_TEST_PREFIX": PREFIX,
    })  # fmt: skip
    try:
        yield started
    finally:
        started.close()


def cli(
    bootstrap: str, broker: Broker, arguments: Iterable[str], kafka: Mapping[str, Any], login: tuple[str, str] | None
) -> subprocess.CompletedProcess[str]:
    """``commerce-events``, with a login in the environment by the stock event bus's names."""
    environment = {
        **os.environ, "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": bootstrap, "EVENT_BUS_TOPIC_PREFIX": PREFIX,
        "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": broker.registry_url,
    }  # fmt: skip
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    if login is not None:
        environment.update(zip(("EVENT_BUS_KAFKA_API_KEY", "EVENT_BUS_KAFKA_API_SECRET"), login, strict=True))
    options = [part for name, value in kafka.items() for part in ("--kafka", f"{name}={value}")]
    return subprocess.run(
        [sys.executable, "-c", "from commerce_events.cli import main; main()", *arguments, *options],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def _secure(broker: KafkaBroker, ports: Mapping[str, int], authority: Authority) -> None:
    settings = broker.settings
    users = " ".join(f'user_{user}="{password}"' for user, password in LOGINS.items())
    ours = ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in ports.items())
    changes: Mapping[str, str] = {
        "listeners": f"{settings['listeners']},{ours}",
        "advertised.listeners": f"{settings['advertised.listeners']},{ours}",
        "listener.security.protocol.map": f"{settings['listener.security.protocol.map']},CLIENT:SASL_SSL,MUTUAL:SSL",
        "listener.name.client.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "listener.name.client.plain.sasl.jaas.config": f"{_PLAIN} {users};",
        "listener.name.client.scram-sha-512.sasl.jaas.config": _SCRAM,
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.mutual.ssl.principal.mapping.rules": "RULE:^CN=([^,]+)$/$1/,DEFAULT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(authority.issue("kafka").both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.certificate),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # who comes in on the inner listener
    }
    settings.update(changes)


def create(kafka: Secured, topic: str) -> None:
    """A topic more."""
    for future in kafka.inside.create_topics([NewTopic(topic, 3, 1)]).values():
        future.result(20)
