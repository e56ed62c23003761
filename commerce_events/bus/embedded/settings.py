"""Broker settings from ``KAFKA_*`` variables, by the rule that the image apache/kafka documents.

The container image is told everything by environment variables; a broker started without Docker wants a properties
file. Translating one into the other lets both have one source.
"""
from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

#: Variables of the image that are no settings of the broker: what its start scripts read.
NOT_SETTINGS = (
    "KAFKA_HEAP_OPTS", "KAFKA_OPTS", "KAFKA_JVM_PERFORMANCE_OPTS", "KAFKA_JMX_", "KAFKA_LOG4J_", "KAFKA_GC_",
)  # fmt: skip


def property_name(variable: str) -> str:
    """The broker's name for a variable: ``KAFKA_`` goes, ``___`` is ``-``, ``__`` is ``_`` and ``_`` is a dot.

    >>> property_name("KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS")
    'offsets.topic.num.partitions'
    """
    rest = variable.removeprefix("KAFKA_")
    # A character that no variable holds stands in for each longer run, so that it is not taken apart again.
    return rest.replace("___", "\0").replace("__", "\1").replace("_", ".").replace("\0", "-").replace("\1", "_").lower()


def properties(environment: Mapping[str, str]) -> dict[str, str]:
    """The broker's settings in an environment; variables that mean something else are left out."""
    return {
        property_name(variable): value
        for variable, value in environment.items()
        if variable.startswith("KAFKA_") and not variable.startswith(NOT_SETTINGS)
    }


def parse_environment(text: str) -> dict[str, str]:
    """Read ``NAME=value`` lines as Docker's ``env_file`` does: blank lines and comments are skipped."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def broker_environment() -> dict[str, str]:
    """The ``KAFKA_*`` variables that docker-compose.kafka.yml gives its broker (``broker.env`` beside this module)."""
    return parse_environment(files(__package__).joinpath("broker.env").read_text(encoding="utf-8"))


def properties_text(settings: Mapping[str, str]) -> str:
    """The lines of a properties file."""
    return "".join(f"{name}={value}\n" for name, value in sorted(settings.items()))
