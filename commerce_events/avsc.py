"""The schemas of the contract, as they are shipped: ``.avsc`` files, read from the installed package or a checkout.

The files are generated from the data classes (:mod:`commerce_events.contract`) and frozen once released. Reading the
files, instead of deriving the schemas again, is what lets a store without Django use them.
"""
from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import fastavro

from commerce_events import topics
from commerce_events.exceptions import ContractError

Schema = dict[str, Any]


def folder() -> Traversable:
    """Where the contract's files are: inside the installed package, or ``schemas/`` beside it in a checkout."""
    installed = resources.files("commerce_events") / "schemas"
    return installed if installed.is_dir() else Path(__file__).resolve().parent.parent / "schemas"


def known(event_type: str) -> topics.EventType:
    """The row of an event type.

    Raises:
        ContractError: it is none of ours.
    """
    try:
        return topics.EVENT_TYPES[event_type]
    except KeyError:
        raise ContractError(
            f"{event_type} is no event type of this contract", hint=f"Known are: {', '.join(topics.EVENT_TYPES)}."
        ) from None


@lru_cache(maxsize=64)
def schema_text(event_type: str) -> str:
    """The schema as it is registered: to the byte what the stock event bus makes of the same data classes."""
    return compact((folder() / f"{known(event_type).event_type}.avsc").read_text(encoding="utf-8"))


@lru_cache(maxsize=64)
def schema(event_type: str) -> Schema:
    """The parsed schema of an event type."""
    return parsed(json.loads(schema_text(event_type)))


@lru_cache(maxsize=64)
def released(event_type: str) -> tuple[str, ...]:
    """Every released schema of an event type, oldest first, in the form of :func:`schema_text`."""
    revisions = folder() / "released" / known(event_type).event_type
    if not revisions.is_dir():
        return ()
    files = {int(file.name.removesuffix(".avsc")): file for file in revisions.iterdir() if file.name.endswith(".avsc")}
    return tuple(compact(files[number].read_text(encoding="utf-8")) for number in sorted(files))


def compact(text: str) -> str:
    """A schema's text in the one form in which texts are compared: no blanks to please the eye, keys sorted."""
    return json.dumps(json.loads(text), sort_keys=True)


def parsed(raw: Any) -> Schema:
    """A schema as fastavro wants it: names in full."""
    found: Schema = fastavro.parse_schema(raw)  # type: ignore[assignment]
    return found
