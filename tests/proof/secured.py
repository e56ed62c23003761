"""Apache Kafka that lets nobody in without TLS and a login, and allows nothing that no ACL says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from commerce_events.bus.embedded.jars import jars
from commerce_events.bus.embedded.native import KafkaBroker, cluster
from commerce_events.bus.embedded.server import LOOPBACK, free_ports
from commerce_events.bus.topics_admin import create_topics

LOGINS = {"store": "store-hidden", "lms": "lms-hidden", "nobody": "nobody-hidden"}
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@dataclass
class Secured:
    """The broker: ``bootstrap`` for everybody, ``inside`` for its administrator."""

    bootstrap: str
    inside: AdminClient
    certificate: Path

    def kafka(self, user: str, mechanism: str = "PLAIN") -> dict[str, str]:
        """Librdkafka's settings of a user."""
        return {
            "security.protocol": "SASL_SSL", "sasl.mechanism": mechanism, "ssl.ca.location": str(self.certificate),
            "sasl.username": user, "sasl.password": LOGINS[user],
        }  # fmt: skip

    def allow(self, user: str, resource: str, name: str, *operations: str) -> None:
        """Write ACLs: ``resource`` is topic or group; a name that ends in * is a prefix."""
        pattern = ResourcePatternType.PREFIXED if name.endswith("*") else ResourcePatternType.LITERAL
        wanted = [
            AclBinding(
                ResourceType[resource.upper()], name.removesuffix("*"), pattern, f"User:{user}", "*",
                AclOperation[operation], AclPermissionType.ALLOW,
            )
            for operation in operations
        ]  # fmt: skip
        for future in self.inside.create_acls(wanted).values():
            future.result(20)


@contextmanager
def secured(folder: Path, prefix: str) -> Iterator[Secured]:
    """Hold it up, with our topics under a prefix and the users of :data:`LOGINS`."""
    inner, controller, outer = free_ports(3)
    programs = jars()
    (broker,) = cluster(programs, folder, [(inner, controller)])
    certificate = _certificate(folder)
    _secure(broker, outer, folder)
    broker.start()
    try:
        inside = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{inner}", "log_level": 0})
        create_topics(inside, prefix, partitions=3)
        for user, password in LOGINS.items():
            scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
            change = UserScramCredentialUpsertion(user, scram, password.encode())
            for future in inside.alter_user_scram_credentials([change]).values():
                future.result(20)
        yield Secured(f"{LOOPBACK}:{outer}", inside, certificate)
    finally:
        broker.kill()


def _secure(broker: KafkaBroker, port: int, folder: Path) -> None:
    settings = broker.settings
    users = " ".join(f'user_{user}="{password}"' for user, password in LOGINS.items())
    changes: Mapping[str, str] = {
        "listeners": f"{settings['listeners']},CLIENT://{LOOPBACK}:{port}",
        "advertised.listeners": f"{settings['advertised.listeners']},CLIENT://{LOOPBACK}:{port}",
        "listener.security.protocol.map": f"{settings['listener.security.protocol.map']},CLIENT:SASL_SSL",
        "listener.name.client.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "listener.name.client.plain.sasl.jaas.config": f"{_PLAIN} {users};",
        "listener.name.client.scram-sha-512.sasl.jaas.config": _SCRAM,
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": str(folder / "kafka.p12"),
        "ssl.keystore.password": "of-the-test",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # who comes in on the inner listener
    }
    settings.update(changes)


def _certificate(folder: Path) -> Path:
    """A key and its certificate, which clients trust as it is."""
    store = folder / "kafka.p12"
    here = ["-keystore", str(store), "-storetype", "PKCS12", "-storepass", "of-the-test", "-alias", "kafka"]
    name = ["-dname", "CN=localhost", "-ext", f"san=ip:{LOOPBACK}", "-validity", "2"]
    for command in (
        ["-genkeypair", "-keyalg", "RSA", *name, *here],
        ["-exportcert", "-rfc", "-file", str(folder / "kafka.pem"), *here],
    ):
        subprocess.run(["keytool", *command], check=True, capture_output=True, timeout=60)
    return folder / "kafka.pem"
