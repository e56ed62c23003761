"""The gate of evolution, FULL_TRANSITIVE: every released schema reads the new one's events, and the other way round.

Measured on openedx-events 11.2, only one change survives both directions there: a new attribute with ``default=None``.
Any other default does not reach the schema, and a second argument of the signal breaks a new reader on old data. So the
gate lets that one change pass and names every other, also those that Avro alone would bear. What must change more is a
new event type.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

NEW_TYPE = "Make it a new event type (…v2), and emit both for a while."
_NONE = object()


def breaks(released: Any, current: Any) -> list[str]:
    """What is forbidden in the step from ``released`` to ``current``; empty if nothing is.

    Arguments:
        released: a released schema, as JSON data.
        current: the schema of today.
    """
    return list(_differences(released, current, ""))


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict) and old["type"] == new["type"]:
        if old["type"] == "array":
            yield from _differences(old["items"], new["items"], f"{path}[]")
        else:
            yield from _records(old, new, path)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new) == 2 and old[0] == new[0]:
        yield from _differences(old[1], new[1], path)
    elif isinstance(old, list) and not isinstance(new, list):
        yield f"{path}: was optional and is required. {NEW_TYPE}"
    elif isinstance(new, list) and not isinstance(old, list):
        yield f"{path}: was required and is optional: an earlier reader cannot read its absence. {NEW_TYPE}"
    elif old != new:
        yield f"{path}: the type changed from {_say(old)} to {_say(new)}. {NEW_TYPE}"


def _records(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[str]:
    for what in ("name", "namespace"):
        if old.get(what) != new.get(what):
            yield f"{path or 'the event'}: the {what} of the record changed. {NEW_TYPE}"
    before = {field["name"]: field for field in old["fields"]}
    after = {field["name"]: field for field in new["fields"]}
    for name, field in before.items():
        here = f"{path}.{name}".lstrip(".")
        if name not in after:
            yield f"{here}: was removed or renamed. Keep it, or: {NEW_TYPE}"
        else:
            yield from _differences(field["type"], after[name]["type"], here)
    for name, field in after.items():
        if name not in before:
            yield from _added(field, f"{path}.{name}".lstrip("."), top=not path)
    if [name for name in after if name in before] != [name for name in before if name in after]:
        yield f"{path or 'the event'}: fields changed places. Add new fields, move none."


def _added(field: dict[str, Any], path: str, top: bool) -> Iterator[str]:
    if top:
        yield f"{path}: a second argument of the signal breaks new readers on old events. {NEW_TYPE}"
    elif field.get("default", _NONE) is not None:
        yield f"{path}: is new, and old events do not hold it. Give it default=None: another default gets lost."


def _say(node: Any) -> str:
    if isinstance(node, list):
        return " or ".join(_say(branch) for branch in node)
    return str(node if isinstance(node, str) else node.get("name") or node["type"])
