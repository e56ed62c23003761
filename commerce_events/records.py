"""Records and lists of them: what the tables of :mod:`commerce_events.validation` are made of.

Both are shapes (:mod:`commerce_events.shapes`) that add the place to what is raised below them. They answer two kinds
of readers: called, they stop at the first fault, because a consumer does it for every message; ``faults`` finds all,
because a person wants to mend them in one go.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any, NamedTuple

from commerce_events.predicates import Glance, Law, Predicate, Shape, predicate
from commerce_events.shapes import Broken, kind, wanted


class ListOf:
    """A list of records, at most ``most`` and at least ``least``."""

    def __init__(self, record: Record, *, least: int, most: int) -> None:
        self.record, self.least, self.most = record, least, most
        self.wanted = f"A list of {least} to {most} objects, each with {record.required}."

    def __call__(self, value: Any) -> None:
        """Check every item; stops at the first fault."""
        self._count(value)
        i = 0
        try:
            for item in value:
                self.record(item)
                i += 1
        except Broken as broken:
            raise broken.below(f"[{i}]") from None

    @property
    def glance(self) -> Glance:
        """For the record that holds it."""
        source = "type({v}) is list and {least} <= len({v}) <= {most} and all(map({fine}, {v}))"
        return Glance(source, {"least": self.least, "most": self.most, "fine": self.record.fine})

    def faults(self, value: Any) -> Iterator[Broken]:
        """Every fault of every item."""
        try:
            self._count(value)
        except Broken as broken:
            yield broken
            return
        for i, item in enumerate(value):
            for found in self.record.faults(item):
                yield found.below(f"[{i}]")

    def _count(self, value: Any) -> None:
        if type(value) is not list:
            raise Broken(f"a list is expected, not {kind(value)}")
        if not self.least <= len(value) <= self.most:
            raise Broken(f"{self.least} to {self.most} lines are expected, not {len(value)}")


class Field(NamedTuple):
    """A field of a record. ``hint`` says what would be right, where the shape's own message does not."""

    shape: Shape
    required: bool = True
    hint: str = ""


def optional(shape: Shape, hint: str = "") -> Field:
    """A field that may be absent or null, which is the same."""
    return Field(shape, False, hint)


#: What says that the first glance is not enough.
_UNSURE = (Broken, KeyError, TypeError, ValueError)


class Record:
    """A record with these fields and no others, for which these laws hold.

    Arguments:
        fields: name → shape or :class:`Field`, in the order of the data class.
        laws: what relates fields to each other; they may rely on every shape.
    """

    def __init__(self, fields: dict[str, Shape | Field], laws: Sequence[Law] = ()) -> None:
        self.fields = {name: it if isinstance(it, Field) else Field(it) for name, it in fields.items()}
        self.laws = tuple(laws)
        self.required = ", ".join(name for name, field in self.fields.items() if field.required) or "its fields"
        self.wanted = f"An object with {self.required}."
        self._rows = tuple((name, shape, required) for name, (shape, required, _) in self.fields.items())

    @cached_property
    def fine(self) -> Predicate:
        """Whether a record is right in every field, at the first glance; see :mod:`commerce_events.predicates`."""
        return predicate(self._rows, self.laws)

    @property
    def glance(self) -> Glance:
        """For the record that holds it."""
        return Glance("{fine}({v})", {"fine": self.fine})

    def __call__(self, value: Any) -> None:
        """Check the record; stops at the first fault."""
        try:
            if self.fine(value):
                return
        except _UNSURE:
            pass  # a fault, most likely: the table below names it
        if type(value) is not dict:
            raise Broken(f"an object is expected, not {kind(value)}", hint=self.wanted)
        get, known = value.get, len(self._rows)
        name = ""
        try:
            for name, shape, required in self._rows:
                field = get(name)
                if field is not None:
                    shape(field)
                elif required:
                    raise Broken("missing")
                elif name not in value:
                    known -= 1
        except Broken as broken:
            raise self._hinted(broken, name) from None
        if len(value) != known:
            raise next(self._unknown(value))
        for law in self.laws:
            law(value)

    def faults(self, value: Any) -> Iterator[Broken]:
        """Every fault of the record; laws only where the shapes are right."""
        if type(value) is not dict:
            yield Broken(f"an object is expected, not {kind(value)}", hint=self.wanted)
            return
        fine = True
        for name, (shape, required, _) in self.fields.items():
            for broken in self._faults_of(shape, value.get(name), required):
                fine = False
                yield self._hinted(broken, name)
        yield from self._unknown(value)
        for law in self.laws if fine else ():
            try:
                law(value)
            except Broken as broken:
                yield broken

    @staticmethod
    def _faults_of(shape: Shape, value: Any, required: bool) -> Iterator[Broken]:
        if value is None:
            if required:
                yield Broken("missing")
        elif isinstance(shape, Record | ListOf):
            yield from shape.faults(value)
        else:
            try:
                shape(value)
            except Broken as broken:
                yield broken

    def _hinted(self, broken: Broken, name: str) -> Broken:
        if not (broken.hint or broken.path):
            broken.hint = self.fields[name].hint or wanted(self.fields[name].shape)
        return broken.below(name)

    def _unknown(self, value: dict[str, Any]) -> Iterator[Broken]:
        for name in value.keys() - self.fields.keys():
            close = get_close_matches(str(name), self.fields, 1)
            # what stands in a name's place may be a value by mistake: then it stays unsaid
            shown = name if str(name).isidentifier() and len(name) <= 64 else "…"
            yield Broken("no such field", shown, hint=f"Is {close[0]} meant?" if close else "Avro would drop it.")
