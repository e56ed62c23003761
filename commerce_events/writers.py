"""Somebody's schema, before anything is decoded with it: harmless, and compatible with ours.

A message is decoded by the schema of its *writer*, which the registry hands out to whoever can name its id. That schema
is hostile until it was looked at: five bytes under a list of nulls ask for hundreds of megabytes, and a few records
that name each other twice ask for more than there is.
"""
from __future__ import annotations

import json
from typing import Any, NamedTuple

from commerce_events import avsc, topics
from commerce_events.avsc import Schema
from commerce_events.exceptions import ContractError
from commerce_events.resolution import names, obstacles, plain

#: Longest text of a schema, deepest nesting, and most values in one message (a list counts as one here).
MAX_TEXT, MAX_DEPTH, MAX_VALUES = 256 * 1024, 16, 4000
#: Most values that a byte of a list may become: a record of one flag makes two of one byte.
MAX_VALUES_PER_BYTE = 3


def accept_writer(event_type: str, text: str) -> Schema:
    """Parse the schema a body was written with (docs/decisions/0012-a-writers-schema-is-hostile.rst).

    What we released ourselves is taken at its word. Any other schema must be harmless: no recursion, bounded in depth
    and width, and no list whose items take next to no bytes, so that a message cannot grow when it is decoded. For an
    event type of ours it must also be one that our schema can read, by Avro's rules. Logical types are taken off, as
    the bus knows none: a number declared as a timestamp stays a number, and the contract's checks see it.

    Returns:
        Our own parsed schema where the two are the same, so that the fast path can tell.

    Raises:
        ContractError: the schema is refused.
    """
    if len(text) > MAX_TEXT:
        raise _refused(f"longer than {MAX_TEXT} characters")
    try:
        return _accepted(event_type, text)
    except ContractError:
        raise
    except RecursionError:
        raise _refused("nested too deeply") from None
    except Exception as error:
        raise _refused(f"cannot be parsed ({type(error).__name__})") from error


def _accepted(event_type: str, text: str) -> Schema:
    same = avsc.compact(text)
    ours = event_type in topics.EVENT_TYPES
    if ours and same == avsc.schema_text(event_type):
        return avsc.schema(event_type)
    if ours and same in avsc.released(event_type):
        return avsc.parsed(json.loads(same))
    writer = avsc.parsed(_bare(json.loads(text)))
    look = _Look(writer)
    look.extent(writer)
    if plain(writer, {})["type"] != "record":
        raise _refused("no record")
    if ours:
        for found in obstacles(avsc.schema(event_type), writer):
            raise ContractError(
                f"the writer's schema does not fit: {found.message}", path=found.path,
                hint=f"Write with schemas/{event_type}.avsc.",
            )  # fmt: skip
    elif look.kinds & {"bytes", "fixed"}:
        raise _refused("has fields of bytes, which the event bus cannot carry")
    return writer


def _refused(message: str) -> ContractError:
    return ContractError(f"the writer's schema is refused: {message}", hint="Write with the .avsc of schemas/.")


def _bare(node: Any) -> Any:
    """The schema without logical types, and without the marks by which fastavro takes a schema as already parsed."""
    if isinstance(node, dict):
        return {key: _bare(value) for key, value in node.items() if key != "logicalType" and not key.startswith("__")}
    return [_bare(item) for item in node] if isinstance(node, list) else node


class Extent(NamedTuple):
    """What a value of a schema takes at least (in bytes), and unfolds to at most: how many values, how deep."""

    least: int
    values: int
    depth: int


_PRIMITIVE = {"null": Extent(0, 1, 0), "float": Extent(4, 1, 0), "double": Extent(8, 1, 0)}


class _Look:
    """Measures a schema, and refuses what is out of proportion. ``kinds`` are the types it met."""

    def __init__(self, schema: Schema) -> None:
        self.kinds: set[str] = set()
        self._names = names(schema)
        self._measured: dict[str, Extent] = {}
        self._open: set[str] = set()

    def extent(self, node: Any) -> Extent:
        """The extent of a node. A name is measured once, so that names which use names stay cheap to look at."""
        node = plain(node, self._names)
        if isinstance(node, list):
            branches = [self.extent(branch) for branch in node]
            least = 1 + min((found.least for found in branches), default=0)
            return _bounded(least, max((found.values for found in branches), default=0), branches)
        kind = node if isinstance(node, str) else node["type"]
        self.kinds.add(kind)
        if kind in {"array", "map"}:
            return self._list(kind, self.extent(node["items" if kind == "array" else "values"]))
        if kind in {"record", "error"}:
            return self._record(node)
        if kind == "fixed":
            return Extent(node["size"], 1, 0)
        return _PRIMITIVE.get(kind, Extent(1, 1, 0))

    def _list(self, kind: str, item: Extent) -> Extent:
        if item.values > MAX_VALUES_PER_BYTE * (item.least + (kind == "map")):
            raise _refused("has lists whose items take next to no bytes")
        return _bounded(1, 1, [item])

    def _record(self, node: dict[str, Any]) -> Extent:
        name = node["name"]
        if name in self._open:
            raise _refused("recursive")
        if name not in self._measured:
            self._open.add(name)
            fields = [self.extent(field["type"]) for field in node["fields"]]
            least, values = sum(field.least for field in fields), 1 + sum(field.values for field in fields)
            self._measured[name] = _bounded(least, values, fields)
            self._open.discard(name)
        return self._measured[name]


def _bounded(least: int, values: int, parts: list[Extent]) -> Extent:
    found = Extent(least, values, 1 + max((part.depth for part in parts), default=0))
    if found.values > MAX_VALUES:
        raise _refused(f"more than {MAX_VALUES} values in one message")
    if found.depth > MAX_DEPTH:
        raise _refused(f"nested more than {MAX_DEPTH} deep")
    return found
