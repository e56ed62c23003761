"""The Avro schema of each event type, as it was generated into ``schemas/`` and as it is registered."""
from __future__ import annotations

import json
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import fastavro

from commerce_events import topics
from commerce_events.exceptions import ContractError

Schema = dict[str, Any]


@lru_cache(maxsize=64)
def schema_text(event_type: str) -> str:
    """The schema as it is registered: to the byte what the stock event bus makes of the same data classes."""
    return json.dumps(json.loads(packaged(f"{known(event_type).event_type}.avsc")), sort_keys=True)


@lru_cache(maxsize=64)
def schema(event_type: str) -> Schema:
    """The parsed schema of an event type."""
    parsed: Schema = fastavro.parse_schema(json.loads(schema_text(event_type)))  # type: ignore[assignment]
    return parsed


def fingerprint(text: str) -> str:
    """SHA-256 of a schema, whatever the order of its keys and its white space."""
    return sha256(json.dumps(json.loads(text), sort_keys=True).encode()).hexdigest()


def known(event_type: str) -> topics.EventType:
    """The row of an event type in the table.

    Raises:
        ContractError: there is none.
    """
    try:
        return topics.EVENT_TYPES[event_type]
    except KeyError:
        raise ContractError(
            "no event type of this contract", path="ce_type", hint=f"Known are: {', '.join(topics.EVENT_TYPES)}."
        ) from None


def packaged(name: str) -> str:
    """The text of a file in ``schemas/``: in the installed package, or beside it in a source checkout."""
    installed = resources.files("commerce_events") / "schemas" / name
    if installed.is_file():
        return installed.read_text(encoding="utf-8")
    return (Path(__file__).resolve().parent.parent / "schemas" / name).read_text(encoding="utf-8")
