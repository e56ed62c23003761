"""A record's table as one function: "is every field as it should be?", answered at twice the speed of the table.

Like :mod:`commerce_events.compiled`, it is a fast path and no second opinion: it answers yes, or it does not know. What
it does not know – a fault, or merely an absent optional field – the table decides, field by field, and names. A test
holds both to the same answers.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Shape = Callable[[Any], None]
Law = Callable[[dict[str, Any]], None]
Predicate = Callable[[Any], bool]


class Glance(NamedTuple):
    """A shape as an expression over ``{v}``, true where the shape has no objection; ``names`` are its constants."""

    source: str
    names: dict[str, Any]


_GLANCES: dict[Shape, Glance] = {}


def glanced(shape: Shape, source: str, **names: Any) -> Shape:
    """Give a shape that is a function its expression."""
    _GLANCES[shape] = Glance(source, names)
    return shape


def predicate(rows: Sequence[tuple[str, Shape, bool]], laws: Sequence[Law]) -> Predicate:
    """The function of one record. It raises what shapes and laws raise, and KeyError where a field is absent.

    Arguments:
        rows: name, shape and whether it is required. A shape says its expression by its attribute ``glance`` or through
            :func:`glanced`; any other is called.
    """
    names: dict[str, Any] = {"size": len(rows)}
    lines = ["def fine(r):", "    if type(r) is not dict or len(r) != size: return False"]
    for i, (field, shape, required) in enumerate(rows):
        look = getattr(shape, "glance", None) or _GLANCES.get(shape) or Glance("{shape}({v}) is None", {"shape": shape})
        own = {name: f"{name}{i}" for name in look.names}
        names |= {own[name]: value for name, value in look.names.items()}
        expression = look.source.format(v="v", **own)
        optional = "" if required else "v is not None and "
        lines += [f"    v = r[{field!r}]", f"    if {optional}not ({expression}): return False"]
    for i, law in enumerate(laws):
        names[f"law{i}"] = law
        lines.append(f"    law{i}(r)")
    lines.append("    return True")
    exec(compile("\n".join(lines), "<predicate>", "exec"), names)
    made: Predicate = names["fine"]
    return made
