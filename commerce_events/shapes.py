"""Shapes that values can have – texts, numbers, times, lists, records: what the tables of ``validation`` are made of.

A shape is a function that returns nothing, or raises :class:`Broken` with a message and, below records and lists, with
the place. Records and lists answer two kinds of readers: called, they stop at the first fault, because a consumer does
it for every message; ``faults`` finds all, because a person wants to mend them in one go. Messages name the *kind* of
a value and never quote it: it may be an e-mail address.
"""
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property
from typing import Any, NamedTuple

from commerce_events.predicates import Glance, Law, Predicate, Shape, glanced, predicate


class Broken(Exception):  # noqa: N818 – a finding on its way up, never seen outside of validation
    """A value has another shape than it should. ``path`` grows while it travels up."""

    def __init__(self, message: str, *path: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.path, self.hint = message, list(path), hint

    def below(self, step: str) -> Broken:
        """The same finding, one level further out."""
        self.path.insert(0, step)
        return self


def kind(value: Any) -> str:
    """What a value is, in words that give nothing away."""
    if value is None:
        return "nothing"
    names = {bool: "true or false", int: "a number", float: "a number with a fraction", str: "text", list: "a list"}
    return names.get(type(value), "an object" if isinstance(value, dict) else f"a {type(value).__name__}")


_WANTED: dict[Shape, str] = {}


def wanting(shape: Shape, wanted: str) -> Shape:
    """Give a shape that is a function the words that say what would be right; other shapes have ``wanted``."""
    _WANTED[shape] = wanted
    return shape


def wanted(shape: Shape) -> str:
    """What a person should write."""
    return getattr(shape, "wanted", "") or _WANTED.get(shape, "")


class Text:
    """Text of 1 to ``longest`` characters. Empty text is refused: the stock bus reads it back as nothing."""

    def __init__(self, longest: int, *, without: str = "") -> None:
        self.longest, self.without = longest, without
        self.wanted = f"Text of 1 to {longest} characters, in double quotes."
        expression = "type({v}) is str and 0 < len({v}) <= {longest} and {v}.isprintable()"
        self.glance = Glance(
            expression + (" and {without} not in {v}" if without else ""), {"longest": longest, "without": without}
        )

    def __call__(self, value: Any) -> None:
        """Check it."""
        if type(value) is not str:
            raise Broken(f"text is expected, not {kind(value)}")
        if not 0 < len(value) <= self.longest:
            raise Broken(f"1 to {self.longest} characters are expected, not {len(value)}")
        if not value.isprintable():
            _storable(value)
        if self.without and self.without in value:
            raise Broken(f"must not hold {self.without!r}")


def _storable(value: str) -> None:
    if "\0" in value:
        raise Broken("holds a NUL character, which no database keeps")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Broken("holds half a character (a lone surrogate)") from None


def whole(least: int, most: int) -> Shape:
    """A whole number. ``True`` is none, and neither is 1.0: Avro would write 1.5 as 1 without a word."""

    def check(value: Any) -> None:
        if type(value) is not int:
            raise Broken(f"a whole number is expected, not {kind(value)}")
        if not least <= value <= most:
            raise Broken(f"{least} to {most} is expected")

    wanting(check, f"A whole number from {least} to {most}, without quotes.")
    return glanced(check, "type({v}) is int and {least} <= {v} <= {most}", least=least, most=most)


def flag(value: Any) -> None:
    """True or false, and nothing that is merely truthy: Avro would write the text "false" as true."""
    if type(value) is not bool:
        raise Broken(f"true or false is expected, not {kind(value)}")


glanced(wanting(flag, "true or false, without quotes."), "type({v}) is bool")


def moment(value: Any) -> None:
    """A time in UTC as it stands on the wire: a fraction of six digits or none, and ``+00:00``.

    The stock bus drops a fraction of zero, which is why none is accepted; we always write six digits.
    """
    if type(value) is not str:
        raise Broken(f"a time as text is expected, not {kind(value)}")
    if (
        ((len(value) == 32 and value[19] == ".") or len(value) == 25)
        and value[10] == "T"
        and value[7] == "-"
        and value.endswith("+00:00")
    ):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return
    raise Broken("no time in UTC")


wanting(moment, "As in 2026-01-31T12:00:00.000000+00:00: text with a T, six digits, +00:00.")


def pattern(expression: str, meaning: str) -> Shape:
    """Text that a regular expression describes; ``meaning`` is what a person reads."""
    match = re.compile(expression).fullmatch

    def check(value: Any) -> None:
        if type(value) is not str or not match(value):
            raise Broken(f"{meaning} is expected" + ("" if isinstance(value, str) else f", not {kind(value)}"))

    return wanting(check, f"{meaning[0].upper()}{meaning[1:]}, in double quotes.")


uuid = pattern("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "a UUID in lower-case canonical form")


def one_of(*words: str, own: str = "", longest: int = 64) -> Shape:
    """One of a closed list of words; ``own`` is the prefix under which a site may add some."""
    allowed = frozenset(words)
    hint = f"One of {', '.join(words)}" + (f", or a site's own that starts with {own}." if own else ".")

    def check(value: Any) -> None:
        if type(value) is not str:
            raise Broken(f"text is expected, not {kind(value)}")
        if value not in allowed:
            if not (own and value.startswith(own) and len(value) <= longest):
                raise Broken("no word of the list")
            _storable(value)

    wanting(check, hint)
    return glanced(check, "{v} in {allowed}", allowed=allowed)


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
