"""A store's JSON, read without surprise: what is not as the store's documentation says is a :class:`BodyError`.

Names of fields are said, values never: they may be an address. Whole numbers stay exact, because ids exceed 2⁵³.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from commerce_events.stores.adapter import BodyError


def _no_number(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def parsed(raw: bytes | str) -> Part:
    """The object that a body holds.

    Raises:
        BodyError: it is no JSON, or no object.
    """
    try:
        return Part(json.loads(raw, parse_float=Decimal, parse_constant=_no_number))
    except (ValueError, RecursionError, InvalidOperation):  # the last: an exponent that no amount has
        raise BodyError("the body is not JSON") from None


def user_id(text: str) -> int | None:
    """An LMS's user id that is kept as text; None for anything else."""
    return (int(text) or None) if text.isascii() and text.isdigit() and len(text) < 19 else None


@dataclass(frozen=True, slots=True)
class Part:
    """An object of the JSON; ``at`` says where, in names of fields."""

    fields: Mapping[str, Any]
    at: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.fields, Mapping):
            self._wrong("", "an object")

    def _wrong(self, key: str, kind: str) -> NoReturn:
        raise BodyError(f"{'.'.join(name for name in (self.at, key) if name) or 'the body'} is not {kind}")

    def has(self, key: str) -> bool:
        return self.fields.get(key) is not None

    def text(self, key: str) -> str:
        """Empty where there is none; a number is taken for what it reads as."""
        value = self.fields.get(key)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int):
            self._wrong(key, "text")
        return str(value)

    def id(self, key: str) -> str:
        """An id, as text; there must be one. Never from a float, which has lost digits."""
        value = self.text(key)
        if not value:
            self._wrong(key, "an id")
        return value

    def count(self, key: str) -> int:
        """A whole number, 0 where there is none."""
        value = self.fields.get(key)
        if isinstance(value, Decimal) and value == value.to_integral_value() and abs(value) < 1 << 31:
            value = int(value)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int):
            self._wrong(key, "a whole number")
        return value

    def money(self, key: str) -> Decimal:
        """0 where there is none."""
        value = self.fields.get(key)
        if value is None or value == "":
            return Decimal(0)
        try:
            amount = Decimal(value) if isinstance(value, str | int | Decimal) else Decimal("NaN")
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or isinstance(value, bool):
            self._wrong(key, "an amount")
        return amount

    def flag(self, key: str) -> bool:
        value = self.fields.get(key)
        if not isinstance(value, bool | None):
            self._wrong(key, "true or false")
        return bool(value)

    def moment(self, key: str) -> datetime | None:
        """In UTC, which a time without a zone is taken for: read only fields that are."""
        value = self.text(key)
        if not value:
            return None
        try:
            at = datetime.fromisoformat(value)
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError):
            self._wrong(key, "a time")

    def part(self, key: str) -> Part:
        """The object there; an empty one where there is none."""
        value = self.fields.get(key)
        return Part({} if value is None else value, f"{self.at}.{key}".lstrip("."))

    def parts(self, key: str) -> list[Part]:
        """The objects of a list; none where there is no list."""
        value = self.fields.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self._wrong(key, "a list")
        return [Part(entry, f"{self.at}.{key}[{index}]".lstrip(".")) for index, entry in enumerate(value)]

    def ids(self, key: str) -> list[str]:
        """The ids of a list; none where there is no list."""
        value = self.fields.get(key)
        if not isinstance(value, list):
            return []
        return [Part({key: entry}, self.at).id(key) for entry in value]

    def named(self, key: str, name: str = "key", value: str = "value") -> dict[str, str]:
        """A list of names and values, such as ``meta_data``; values that are no text are left out."""
        return dict(self._named(key, name, value))

    def _named(self, key: str, name: str, value: str) -> Iterator[tuple[str, str]]:
        for entry in self.parts(key):
            given = entry.fields.get(value)
            if isinstance(given, str | int) and not isinstance(given, bool):
                yield entry.text(name), str(given).strip()
