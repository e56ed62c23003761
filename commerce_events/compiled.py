"""Avro for our own schemas at several times the speed: a function per schema, written from it once.

The types of the contract are few: records, texts, whole numbers, flags, optional values and lists. For them a function
with every field in its place beats a general library. It is a *fast path and no second opinion*: whatever is unusual –
a wrong type, a missing field, cut bytes, a list with a size in bytes – makes it answer None, and the caller asks
fastavro, whose word counts. A test holds both to the same answers.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]
Read = Callable[[bytes], "dict[str, Any] | None"]
Write = Callable[[dict[str, Any]], "bytes | None"]

#: What the written functions raise over anything unusual.
_UNUSUAL = (IndexError, ValueError, KeyError, TypeError, AttributeError, OverflowError)


class Unusual(ValueError):  # noqa: N818 – no error: the general path takes over
    """Nothing for the fast path."""


def reader(schema: Schema) -> Read:
    """A function from the bytes of an event to what fastavro would read, or None."""
    source = _Source("def read(b):", "    i = 0")
    source.read(schema, "value", 1)
    source.add(1, "return value if i == len(b) else None")
    read = source.function("read")

    def guarded(body: bytes) -> dict[str, Any] | None:
        try:
            value: dict[str, Any] | None = read(body)
        except _UNUSUAL:
            return None
        return value

    return guarded


def writer(schema: Schema) -> Write:
    """A function from an event to the bytes that fastavro would write, or None."""
    source = _Source("def write(value):", "    out = bytearray()")
    source.write(schema, "value", 1)
    source.add(1, "return bytes(out)")
    write = source.function("write")

    def guarded(body: dict[str, Any]) -> bytes | None:
        try:
            written: bytes = write(body)
        except _UNUSUAL:
            return None
        return written

    return guarded


class _Source:
    """Python source on its way: one line per step, a new name per value."""

    def __init__(self, *head: str) -> None:
        self._lines = list(head)
        self._named: dict[str, Schema] = {}
        self._count = 0

    def add(self, depth: int, *lines: str) -> None:
        self._lines += ["    " * depth + line for line in lines]

    def function(self, name: str) -> Callable[[Any], Any]:
        names: dict[str, Any] = {"number": number, "length": _length, "spelled": _spelled, "Unusual": Unusual}
        names["SHORT"] = [bytes([n << 1]) for n in range(64)]
        exec(compile("\n".join(self._lines), f"<avro {name}>", "exec"), names)
        made: Callable[[Any], Any] = names[name]
        return made

    def read(self, node: Any, target: str, depth: int) -> None:
        node = self._plain(node)
        if node == "string":
            self.add(depth, "n = b[i]", "i += 1")
            self.add(depth, "if n > 127 or n & 1: n, i = length(b, i - 1)", "else: n >>= 1")
            self.add(depth, "j = i + n", f"{target} = b[i:j].decode()", "i = j")
        elif node == "long":
            self.add(depth, "n = b[i]", "i += 1", f"if n > 127: {target}, i = number(b, i - 1)")
            self.add(depth, f"else: {target} = (n >> 1) ^ -(n & 1)")
        elif node == "boolean":
            self.add(depth, "n = b[i]", "i += 1", "if n > 1: raise Unusual", f"{target} = n == 1")
        elif isinstance(node, list):
            self.add(depth, "n = b[i]", "i += 1", f"if n == 0: {target} = None", "elif n == 2:")
            self.read(node[1], target, depth + 1)
            self.add(depth, "else: raise Unusual")
        elif node["type"] == "array":
            item, count = self._new(), self._new()
            self.add(depth, f"{target} = []", "while True:")
            self.add(depth + 1, f"{count}, i = number(b, i)", f"if {count} == 0: break")
            self.add(depth + 1, f"if {count} < 0: raise Unusual", f"for _ in range({count}):")
            self.read(node["items"], item, depth + 2)
            self.add(depth + 2, f"{target}.append({item})")
        else:
            fields = [(field["name"], self._new(), field["type"]) for field in node["fields"]]
            for _, name, kind in fields:
                self.read(kind, name, depth)
            self.add(depth, f"{target} = {{{', '.join(f'{key!r}: {name}' for key, name, _ in fields)}}}")

    def write(self, node: Any, value: str, depth: int) -> None:
        node = self._plain(node)
        if node == "string":
            self.add(depth, f"e = {value}.encode()", "n = len(e)")
            self.add(depth, "out += SHORT[n] if n < 64 else spelled(n)", "out += e")
        elif node == "long":
            self.add(depth, f"if type({value}) is not int: raise Unusual")
            self.add(depth, f"out += SHORT[{value}] if 0 <= {value} < 64 else spelled({value})")
        elif node == "boolean":
            self.add(depth, f"if type({value}) is not bool: raise Unusual", f"out.append({value})")
        elif isinstance(node, list):
            self.add(depth, f"if {value} is None: out.append(0)", "else:")
            self.add(depth + 1, "out.append(2)")
            self.write(node[1], value, depth + 1)
        elif node["type"] == "array":
            item = self._new()
            self.add(depth, f"if type({value}) is not list: raise Unusual", f"if {value}:")
            self.add(depth + 1, f"out += spelled(len({value}))", f"for {item} in {value}:")
            self.write(node["items"], item, depth + 2)
            self.add(depth, "out.append(0)")
        else:
            self.add(depth, f"if type({value}) is not dict: raise Unusual")
            for field in node["fields"]:
                name = self._new()
                get = f".get({field['name']!r})" if "default" in field else f"[{field['name']!r}]"
                self.add(depth, f"{name} = {value}{get}")
                self.write(field["type"], name, depth)

    def _new(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def _plain(self, node: Any) -> Any:
        """A primitive's name, an optional type, an array or a record; anything else is none of the contract's types."""
        if isinstance(node, dict) and node["type"] == "record":
            self._named[node["name"]] = node
            return node
        if isinstance(node, dict) and node["type"] != "array":
            return self._plain(node["type"])
        if isinstance(node, str) and node not in {"string", "long", "boolean"}:
            return self._named[node]
        if isinstance(node, list) and (len(node) != 2 or node[0] != "null"):
            raise TypeError(f"no optional type of the contract: {node}")
        return node


def number(b: bytes, i: int) -> tuple[int, int]:
    """A number in Avro's form (zigzag, seven bits per byte), and where it ends."""
    value = shift = 0
    while True:
        n = b[i]
        i += 1
        value |= (n & 127) << shift
        if n < 128:
            break
        shift += 7
        if shift > 63:  # a megabyte of one number would take minutes
            raise Unusual
    if value >> 64:
        raise Unusual
    return (value >> 1) ^ -(value & 1), i


def _length(b: bytes, i: int) -> tuple[int, int]:
    n, i = number(b, i)
    if n < 0:
        raise Unusual
    return n, i


def _spelled(value: int) -> bytes:
    if not -(2**63) <= value < 2**63:
        raise Unusual
    n = (value << 1) ^ (value >> 63)
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)
