"""The options of a source, checked when it is made: a name that is written wrong must not be a silent default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from commerce_events.exceptions import OperatorError

_LOCAL = {"localhost", "127.0.0.1", "::1"}


def checked(
    source: str, options: Mapping[str, Any], defaults: Mapping[str, Any], **one_of: tuple[str, ...]
) -> dict[str, Any]:
    """All options: those that are given, and the defaults of the others.

    Arguments:
        one_of: the words that an option may have.

    Raises:
        OperatorError: an unknown option, or a value of another type than its default.
    """
    given = dict(options)
    for name, value in given.items():
        if name not in defaults:
            raise OperatorError(
                f"source {source}: there is no option {name!r}", hint=f"Options: {', '.join(sorted(defaults))}."
            )
        if isinstance(defaults[name], tuple) and isinstance(value, list | tuple | set | frozenset):
            given[name] = value = tuple(value)
        if type(value) is not type(defaults[name]):
            raise OperatorError(
                f"source {source}: option {name} is a {type(value).__name__}",
                hint=f"It is a {type(defaults[name]).__name__}, by default {defaults[name]!r}.",
            )
        if name in one_of and value not in one_of[name]:
            raise OperatorError(f"source {source}: option {name} is unknown", hint=f"One of {', '.join(one_of[name])}.")
    return {**defaults, **given}


def check_url(source: str, name: str, url: str) -> None:
    """Keys are sent to it, so it has TLS; on this machine alone it may go without.

    Raises:
        OperatorError: it has not.
    """
    parts = urlsplit(url)
    if not (parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL))):
        raise OperatorError(f"source {source}: option {name} is no https address", hint="Such as https://shop.example.com")
