"""How many values a body would become, counted without making any of them.

A harmless schema still leaves a writer room: a megabyte of records of one flag is a million dictionaries. What is long
enough for that to matter is counted first. Nothing is judged here but the number: bytes that do not follow their
schema are left to the decoder, which says so.
"""
from __future__ import annotations

from typing import Any

from commerce_events.avsc import Schema
from commerce_events.compiled import Unusual, number
from commerce_events.resolution import names, plain

#: A body up to this many bytes is never too heavy; a longer one may hold so many values, five times what the largest
#: order does.
LIGHT, MAX_VALUES = 32 * 1024, 100_000

_SIZES = {"null": 0, "boolean": 1, "float": 4, "double": 8}


def is_too_heavy(schema: Schema, body: bytes | memoryview) -> bool:
    """Whether a body holds more values than any event has. The schema was looked at before: no recursion."""
    if len(body) <= LIGHT:
        return False
    try:
        _Count(schema, bytes(body)).value(schema, 0)
    except _TooMany:
        return True
    except (IndexError, Unusual):
        return False
    return False


class _TooMany(Exception):  # noqa: N818  it ends the count
    pass


class _Count:
    """A walk over a body. Every step answers where the next value begins."""

    def __init__(self, schema: Schema, body: bytes) -> None:
        self.body, self.left = body, MAX_VALUES
        self._names = names(schema)

    def value(self, node: Any, i: int) -> int:
        node = plain(node, self._names)
        if isinstance(node, list):
            branch, i = number(self.body, i)
            return self.value(node[branch], i)
        self.left -= 1
        if self.left < 0:
            raise _TooMany
        kind = node if isinstance(node, str) else node["type"]
        if kind in {"record", "error"}:
            for field in node["fields"]:
                i = self.value(field["type"], i)
            return i
        if kind in {"array", "map"}:
            return self._list(node["items" if kind == "array" else "values"], kind == "map", i)
        return self._plain(kind, node, i)

    def _list(self, item: Any, keyed: bool, i: int) -> int:
        while True:
            count, i = number(self.body, i)
            if count == 0:
                return i
            if count < 0:  # the size of the block in bytes comes next
                count, (_, i) = -count, number(self.body, i)
            for _ in range(count):
                if keyed:
                    i = self._plain("string", "string", i)
                i = self.value(item, i)

    def _plain(self, kind: str, node: Any, i: int) -> int:
        if kind in _SIZES:
            i += _SIZES[kind]
        elif kind == "fixed":
            i += node["size"]
        else:
            length, i = number(self.body, i)
            if kind in {"string", "bytes"}:
                i += max(length, 0)
        if i > len(self.body):
            raise IndexError
        return i
