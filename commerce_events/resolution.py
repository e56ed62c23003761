"""Can data written with one schema be read with another? Avro's rules of schema resolution, as a list of obstacles.

Asked when a message arrives that was written with a schema of the store's own (:mod:`commerce_events.writers`). Both
schemas are *parsed*: every name stands in full.

Source: "Schema Resolution" in the Avro specification, 1.12, without aliases, which the bus cannot write.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

#: What a value of a primitive type may be read as, besides itself.
PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}
NAMED = frozenset({"record", "error", "enum", "fixed"})


class Obstacle(NamedTuple):
    """Why a reader cannot read: where, and what is in the way."""

    path: str
    message: str


def obstacles(reader: Any, writer: Any) -> list[Obstacle]:
    """Everything that keeps ``reader`` from reading what ``writer`` wrote; empty if nothing does."""
    return list(_Pair(names(reader), names(writer)).obstacles(reader, writer, ""))


def names(schema: Any) -> dict[str, dict[str, Any]]:
    """Every named type that a parsed schema defines."""
    found: dict[str, dict[str, Any]] = {}
    nodes = [schema]
    while nodes:
        node = nodes.pop()
        if isinstance(node, list):
            nodes += node
        elif isinstance(node, dict):
            if node["type"] in NAMED:
                found[node["name"]] = node
            nodes += [field["type"] for field in node.get("fields", ())]
            nodes += [node[key] for key in ("items", "values") if key in node]
            if isinstance(node["type"], dict | list):
                nodes.append(node["type"])
    return found


def plain(node: Any, known: dict[str, dict[str, Any]]) -> Any:
    """A node in one of three forms: a list (union), the name of a primitive type, or a complex type's dictionary."""
    while True:
        if isinstance(node, dict) and (isinstance(node["type"], dict | list) or node["type"] not in _COMPLEX):
            node = node["type"]
        elif isinstance(node, str) and node in known:
            node = known[node]
        else:
            return node


_COMPLEX = NAMED | {"array", "map"}


class _Pair:
    """Two schemas under comparison. Pairs of records that were compared, or are being, are not compared again."""

    def __init__(self, reads: dict[str, dict[str, Any]], writes: dict[str, dict[str, Any]]) -> None:
        self.reads, self.writes = reads, writes
        self._seen: set[tuple[str, str]] = set()

    def obstacles(self, reader: Any, writer: Any, path: str) -> Iterator[Obstacle]:
        reader, writer = plain(reader, self.reads), plain(writer, self.writes)
        if isinstance(writer, list):
            for branch in writer:
                yield from self._branch(reader, branch, path)
        elif isinstance(reader, list):
            yield from self._branch(reader, writer, path)
        elif isinstance(reader, str) or isinstance(writer, str):
            if reader != writer and not _promotes(writer, reader):
                yield Obstacle(path, f"{_title(writer)} cannot be read as {_title(reader)}")
        else:
            yield from self._complex(reader, writer, path)

    def _branch(self, reader: Any, writer: Any, path: str) -> Iterator[Obstacle]:
        """One branch of the writer's union: some branch of the reader must take it."""
        if not isinstance(reader, list):
            yield from self.obstacles(reader, writer, path)
            return
        writer = plain(writer, self.writes)
        alike = [branch for branch in reader if self._alike(plain(branch, self.reads), writer)]
        if alike:
            yield from self.obstacles(alike[0], writer, path)
        else:
            yield Obstacle(path, f"{_title(writer)} is no branch of the union")

    def _alike(self, reader: Any, writer: Any) -> bool:
        if isinstance(reader, dict) and isinstance(writer, dict):
            return reader["type"] == writer["type"] and (
                reader["type"] not in NAMED or _short(reader) == _short(writer)
            )
        return bool(reader == writer) or _promotes(writer, reader)

    def _complex(self, reader: dict[str, Any], writer: dict[str, Any], path: str) -> Iterator[Obstacle]:
        kind = reader["type"]
        if kind != writer["type"]:
            yield Obstacle(path, f"{_title(writer)} cannot be read as {_title(reader)}")
        elif kind == "array":
            yield from self.obstacles(reader["items"], writer["items"], f"{path}[]")
        elif kind == "map":
            yield from self.obstacles(reader["values"], writer["values"], f"{path}{{}}")
        elif _short(reader) != _short(writer):
            yield Obstacle(path, f"{_title(writer)} has another name than {_title(reader)}")
        elif kind == "enum":
            lost = set(writer["symbols"]) - set(reader["symbols"])
            if lost and "default" not in reader:
                yield Obstacle(path, "the enum has symbols that the reader does not know")
        elif kind == "fixed":
            if reader["size"] != writer["size"]:
                yield Obstacle(path, "the fixed has another size")
        elif (pair := (reader["name"], writer["name"])) not in self._seen:
            self._seen.add(pair)
            written = {field["name"]: field for field in writer["fields"]}
            for field in reader["fields"]:
                below = f"{path}.{field['name']}".lstrip(".")
                if field["name"] in written:
                    yield from self.obstacles(field["type"], written[field["name"]]["type"], below)
                elif "default" not in field:
                    yield Obstacle(below, "required, and the writer does not write it")


def _promotes(writer: Any, reader: Any) -> bool:
    return isinstance(writer, str) and isinstance(reader, str) and reader in PROMOTIONS.get(writer, ())


def _short(node: dict[str, Any]) -> str:
    return str(node["name"]).rpartition(".")[2]  # readers compare names without their namespace


def _title(node: Any) -> str:
    if isinstance(node, dict):
        return f"{node['type']} {_short(node)}" if node["type"] in NAMED else str(node["type"])
    return str(node) if isinstance(node, str) else "a union"
