"""Shapes a single value can have: text, a number, a time, a word of a list. :mod:`commerce_events.records` joins them.

A shape is a function that returns nothing, or raises :class:`Broken`. Messages name the *kind* of a value and never
quote it: it may be an e-mail address.
"""
from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from commerce_events.predicates import Glance, Shape, glanced


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
