"""The attrs objects of :mod:`commerce_events.data` as the plain dictionaries of the wire, and back.

What to do with a field is decided once per class, from its annotations, and remembered as a function.
"""
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, get_args, get_origin
from uuid import UUID

import attr

from commerce_events import data
from commerce_events.avsc import known
from commerce_events.exceptions import ContractError

Convert = Callable[[Any], Any]


def moment(value: datetime) -> str:
    """A time on the wire: UTC, always six digits, always ``+00:00`` – so that sorting as text is sorting by time.

    Raises:
        ContractError: it has no zone, so nobody knows when that was.
    """
    if value.tzinfo is None:
        raise ContractError("a time without a zone", hint="Use datetime.now(timezone.utc).")
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def to_dict(event: Any) -> dict[str, Any]:
    """The dictionary of an attrs object, as it stands below the top-level argument of a body.

    Wrong values stay as they are, for ``validate`` to name them.

    Raises:
        ContractError: a time has no zone.
    """
    return {name: None if (value := getattr(event, name)) is None else convert(value)
            for name, convert in _outward(event.__class__)}  # fmt: skip


def body(argument: str, event: Any) -> dict[str, Any]:
    """The body ``{argument: {...}}`` of what a caller gives: the attrs object, its fields, or a body already.

    Raises:
        ContractError: a time has no zone; ``path`` begins with the argument, as that of ``validate``.
    """
    if not attr.has(type(event)):
        given = dict(event)
        return given if given.keys() == {argument} else {argument: given}
    try:
        return {argument: to_dict(event)}
    except ContractError as error:
        raise ContractError(error.message, path=f"{argument}.{error.path}", hint=error.hint) from None


def from_dict(event_type: str, body: dict[str, Any]) -> Any:
    """The attrs object of a decoded and validated body, ``{"order": {...}}``."""
    row = known(event_type)
    return _object(getattr(data, row.data_class), body[row.argument])


@cache
def _outward(cls: Any) -> list[tuple[str, Convert]]:
    return [(field.name, _out(field.name)) for field in attr.fields(cls)]


def _out(name: str) -> Convert:
    def convert(value: Any) -> Any:
        if isinstance(value, datetime):
            try:
                return moment(value)
            except ContractError as error:
                raise ContractError(error.message, path=name, hint=error.hint) from None
        if isinstance(value, UUID):
            return str(value)
        if isinstance(value, list | tuple):
            return [to_dict(item) if attr.has(type(item)) else item for item in value]
        return to_dict(value) if attr.has(type(value)) else value

    return convert


def _object(cls: Any, values: dict[str, Any]) -> Any:
    return cls(**{
        name: None if (value := values.get(name)) is None else convert(value) for name, convert in _inward(cls)
    })  # fmt: skip


@cache
def _inward(cls: type) -> list[tuple[str, Convert]]:
    return [(field.name, _in(field.type)) for field in attr.fields(cls)]


def _in(kind: Any) -> Convert:
    if kind is datetime:
        return datetime.fromisoformat
    if kind is UUID:
        return UUID
    if attr.has(kind):
        return lambda value: _object(kind, value)
    if get_origin(kind) is list:
        item = _in(get_args(kind)[0])
        return lambda values: [item(value) for value in values]
    return lambda value: value
