"""JSON as people and programs hand it in: whatever is wrong with it is said with its place and what would be right."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from commerce_events.exceptions import ContractError, OperatorError

#: A file, or - for standard input.
JSON_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=str)


def text(file: str) -> str:
    """The text of a file.

    Raises:
        OperatorError: it cannot be read.
        ContractError: it is no text.
    """
    try:
        return (sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()).decode()
    except OSError as error:
        raise OperatorError(
            f"{name(file)} cannot be read: {error.strerror}", hint="Check the path, and who may read it."
        ) from None
    except UnicodeDecodeError:
        raise ContractError("is no UTF-8 text", hint="JSON is written in UTF-8.") from None


def name(file: str) -> str:
    """What people call it."""
    return "stdin" if file == "-" else file


def value(content: str) -> Any:
    """The one value that a text holds.

    Raises:
        ContractError: it is no JSON.
    """
    try:
        return _json(content)
    except json.JSONDecodeError as error:
        raise _no_json(error, 1) from None


def values(content: str) -> list[Any]:
    """Every value of a text that holds one, a list of them, or one per line.

    Raises:
        ContractError: it is no JSON.
    """
    try:
        found = _json(content)
    except json.JSONDecodeError as error:
        lines = [line for line in content.splitlines() if line.strip()]
        if error.msg != "Extra data" or len(lines) < 2:
            raise _no_json(error, 1) from None
        return [_line(line, number) for number, line in enumerate(content.splitlines(), start=1) if line.strip()]
    return found if isinstance(found, list) else [found]


def _line(line: str, number: int) -> Any:
    try:
        return _json(line)
    except json.JSONDecodeError as error:
        raise _no_json(error, number) from None


def _no_json(error: json.JSONDecodeError, first: int) -> ContractError:
    return ContractError(
        f"is no JSON: {error.msg}", path=f"line {error.lineno + first - 1}, column {error.colno}",
        hint="Text and names stand in double quotes; no comma behind the last field.",
    )  # fmt: skip


def _json(content: str) -> Any:
    try:
        return json.loads(content, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise ContractError("is nested too deeply", hint="An order is five levels deep at most.") from None
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python refuses integers of more than 4300 digits
        raise ContractError("holds a number that is too long", hint="Ids are texts.") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ContractError("a field stands twice in one object", hint="Most readers silently take the last one.")
    return record


def _no_constant(_: str) -> Any:
    raise ContractError("NaN and Infinity are no JSON", hint="Leave an optional field out, or write null.")
