"""Brokers and registries that this project can start by itself, for trying things out and for its tests.

Two engines with one face (:class:`~commerce_events.bus.embedded.engine.Engine`)::

    with embedded() as engine:   # librdkafka's own cluster and a small registry; needs nothing but Python
        engine.bootstrap, engine.registry_url

    with native() as engine:     # Apache Kafka and Apicurio Registry; needs Java 17 and, the first time, Maven
        ...

Neither is for production: one broker, no replication, loopback only.
"""
from commerce_events.bus.embedded.engine import Engine, embedded, native

__all__ = ["Engine", "embedded", "native"]
