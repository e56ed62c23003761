"""Somebody else's schema: hostile until it was looked at, and then compatible with ours or refused.

Five bytes under a schema of the sender's choice can ask a decoder for hundreds of megabytes (an array of a hundred
million items that take no bytes each). So a schema is measured before it is used: its size, depth and width, how many
values it makes of one byte, and that it does not contain itself.
"""
from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import fastavro

from commerce_events import topics
from commerce_events.avro import Schema, schema, schema_text
from commerce_events.exceptions import ContractError

#: Longest text of a schema, deepest nesting, most fields of one record, most values in one event outside of lists.
MAX_TEXT, MAX_DEPTH, MAX_FIELDS, MAX_VALUES = 256 * 1024, 12, 200, 2000
#: Most values that one byte of a list's item may become; {"a": true} makes two of one byte.
MAX_VALUES_PER_BYTE = 3

_LEAST_BYTES = {
    "null": 0, "boolean": 1, "int": 1, "long": 1, "float": 4, "double": 8, "bytes": 1, "string": 1, "enum": 1,
}  # fmt: skip
_PROMOTIONS = {("int", "long"), ("int", "double"), ("long", "double"), ("float", "double"), ("int", "float")}


def accept_writer(event_type: str, text: str) -> Schema:
    """Parse the schema a body was written with, if it is harmless and, for our own types, compatible.

    Returns:
        Our own parsed schema where the two are the same, so that the fast path can tell.

    Raises:
        ContractError: it is neither.
    """
    if len(text) > MAX_TEXT:
        raise ContractError(f"the writer's schema is longer than {MAX_TEXT} characters")
    ours = schema_text(event_type) if event_type in topics.EVENT_TYPES else None
    try:
        raw = json.loads(text)
        if ours is not None and json.dumps(raw, sort_keys=True) == ours:
            return schema(event_type)
        sizes = _Measure()
        sizes.top(raw)
        raw = _without_logical_types(raw)
        parsed: Schema = fastavro.parse_schema(raw)  # type: ignore[assignment]
        if ours is not None:
            _Compatible(json.loads(ours), raw).check()
    except ContractError:
        raise
    except Exception as error:
        raise ContractError(f"the writer's schema cannot be parsed ({type(error).__name__})") from error
    return parsed


@dataclass(frozen=True, slots=True)
class _Size:
    """Of one value: the fewest bytes it takes, and the most values it makes outside of lists."""

    least: int
    values: int


class _Measure:
    """Walks a schema once, every named type once."""

    def __init__(self) -> None:
        self._named: dict[str, _Size | None] = {}  # None: being defined, so that a use means recursion

    def top(self, node: Any) -> None:
        if self._size(node, "", 0).values > MAX_VALUES:
            raise ContractError("the writer's schema is too large")

    def _size(self, node: Any, namespace: str, depth: int) -> _Size:
        if depth > MAX_DEPTH:
            raise ContractError("the writer's schema is nested too deeply")
        if isinstance(node, str):
            return _Size(_LEAST_BYTES[node], 1) if node in _LEAST_BYTES else self._use(node, namespace)
        if isinstance(node, list):
            branches = [self._size(branch, namespace, depth + 1) for branch in node]
            return _Size(1 + min(b.least for b in branches), max(b.values for b in branches))
        kind = node["type"]
        if isinstance(kind, dict | list):
            return self._size(kind, namespace, depth + 1)
        if kind in {"array", "map"}:
            return self._list(node["items"] if kind == "array" else node["values"], kind, namespace, depth)
        if kind in {"record", "error", "enum", "fixed"}:
            return self._define(node, kind, namespace, depth)
        return self._size(kind, namespace, depth)

    def _list(self, items: Any, kind: str, namespace: str, depth: int) -> _Size:
        item = self._size(items, namespace, depth + 1)
        least = item.least + (kind == "map")
        if item.values > MAX_VALUES_PER_BYTE * least:
            raise ContractError("the writer's schema has lists whose items take next to no bytes")
        return _Size(1, 1)

    def _define(self, node: Any, kind: str, namespace: str, depth: int) -> _Size:
        name = _full_name(node["name"], node.get("namespace", namespace))
        if name in self._named:
            raise ContractError("the writer's schema defines a name twice")
        if kind == "enum":
            size = _Size(1, 1)
        elif kind == "fixed":
            size = _Size(int(node["size"]), 1)
        else:
            fields = node["fields"]
            if len(fields) > MAX_FIELDS:
                raise ContractError("the writer's schema is too wide")
            self._named[name] = None
            inner = name.rpartition(".")[0]
            sizes = [self._size(field["type"], inner, depth + 1) for field in fields]
            size = _Size(sum(s.least for s in sizes), 1 + sum(s.values for s in sizes))
            if size.values > MAX_VALUES:
                raise ContractError("the writer's schema is too large")
        self._named[name] = size
        return size

    def _use(self, name: str, namespace: str) -> _Size:
        full = _full_name(name, namespace)
        size = self._named[full if full in self._named else name]
        if size is None:
            raise ContractError("the writer's schema is recursive")
        return size


class _Compatible:
    """Whether every event of ``theirs`` can be read as one of ``ours``: Avro's resolution, without its loose ends.

    A writer that makes a required field nullable is refused, although most of its events could be read: the others
    would fail one by one.
    """

    def __init__(self, ours: Any, theirs: Any) -> None:
        self._roots = ours, theirs
        self._ours: dict[str, Any] = {}
        self._theirs: dict[str, Any] = {}

    def check(self) -> None:
        self._compare(*self._roots, "")

    def _compare(self, ours: Any, theirs: Any, path: str) -> None:
        ours, theirs = _resolved(ours, self._ours), _resolved(theirs, self._theirs)
        if isinstance(theirs, list):
            for branch in theirs:
                self._compare(ours, branch, path)
        elif isinstance(ours, list):
            self._compare_any(ours, theirs, path)
        elif isinstance(ours, str) or isinstance(theirs, str):
            if ours != theirs and (theirs, ours) not in _PROMOTIONS:
                raise _differs(path, ours, theirs)
        elif ours["type"] != theirs["type"]:
            raise _differs(path, ours, theirs)
        elif ours["type"] == "array":
            self._compare(ours["items"], theirs["items"], f"{path}[]")
        else:
            self._compare_records(ours, theirs, path)

    def _compare_any(self, ours: list[Any], theirs: Any, path: str) -> None:
        kind = _kind(theirs)
        for branch in ours:
            branch = _resolved(branch, self._ours)
            if _kind(branch) == kind or (kind, _kind(branch)) in _PROMOTIONS:
                self._compare(branch, theirs, path)
                return
        raise _differs(path, ours, theirs)

    def _compare_records(self, ours: Any, theirs: Any, path: str) -> None:
        if _short(ours["name"]) != _short(theirs["name"]):
            raise ContractError("a record of another name in the writer's schema", path=path, hint=_HINT)
        fields = {field["name"]: field for field in theirs["fields"]}
        for field in ours["fields"]:
            here = f"{path}.{field['name']}".lstrip(".")
            other = fields.get(field["name"])
            if other is not None:
                self._compare(field["type"], other["type"], here)
            elif "default" not in field:
                raise ContractError("missing in the writer's schema", path=here, hint=_HINT)


_HINT = "Use the .avsc of schemas/: a field may be added if it is optional, nothing else may differ."


def _differs(path: str, ours: Any, theirs: Any) -> ContractError:
    return ContractError(f"{_kind(theirs)} in the writer's schema, {_kind(ours)} in ours", path=path, hint=_HINT)


def _kind(node: Any) -> str:
    if isinstance(node, list):
        return " or ".join(_kind(branch) for branch in node)
    return str(node if isinstance(node, str) else node["type"])


def _resolved(node: Any, named: dict[str, Any]) -> Any:
    """A primitive as its name, a named type as its definition, anything else as it is."""
    while isinstance(node, dict) and (isinstance(node["type"], dict | list) or node["type"] in _LEAST_BYTES):
        if node["type"] == "enum":
            break
        node = node["type"]
    if isinstance(node, dict) and "name" in node:
        named.setdefault(_short(node["name"]), node)
    if isinstance(node, str) and node not in _LEAST_BYTES:
        return named[_short(node)]
    return node


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _full_name(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _without_logical_types(node: Any) -> Any:
    """The plain schema: a logical type would change what a decoder returns, and with it the event's identity."""
    if isinstance(node, dict):
        return {name: _without_logical_types(value) for name, value in node.items() if name != "logicalType"}
    return [_without_logical_types(item) for item in node] if isinstance(node, list) else node
