"""Settings of order status, read once and checked: the dictionary ``COMMERCE_ORDER_STATUS`` over ``DEFAULTS``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils.module_loading import import_string

from commerce_events import entries
from commerce_events.entries import ANYTHING, SLUG, Kind, listed, mapping, number
from commerce_events.exceptions import OperatorError
from consumers.order_status.hooks import Hook

#: What can be said in ``COMMERCE_ORDER_STATUS``, and what holds where nothing is said.
DEFAULTS: dict[str, Any] = {
    "SOURCES": [],  # stores whose orders are kept though they were not published here; others on the topic are not ours
    "RESEND_MINUTES": [1, 5, 30, 60],  # waits between two sends of what nobody answered; the last one again and again
    "NO_RESULT_MINUTES": 15,  # a line without any result for so long is an alarm
    "NOT_FINAL_HOURS": 72,  # a line without a final result for so long is an alarm
    "HOOKS": {},  # slug of a store, or * → {name: {"HOOK": dotted path, and what that hook takes}}
    "CALL_TIMEOUT": 10,  # seconds that a store has to answer one call
    "CALL_SECONDS": [10, 60, 300, 1800, 7200, 21600],  # waits between the attempts of a call; then a person must look
    "KEEP_CALLS_DAYS": 30,  # how long calls are kept that were made or given up
}
#: What each of them may be.
ENTRIES: dict[str, Kind] = {
    "SOURCES": listed(SLUG, such_as=["shop"]),
    "RESEND_MINUTES": listed(number(0.01, 100_000), least=1),
    "NO_RESULT_MINUTES": number(0.01, 100_000),
    "NOT_FINAL_HOURS": number(0.01, 100_000),
    "HOOKS": mapping(
        mapping(mapping(ANYTHING)), keys=SLUG,
        such_as={"shop": {"tell": {"HOOK": "package.module.Hook", "SECRET": "env:SHOP_SECRET"}}},
    ),
    "CALL_TIMEOUT": number(0.1, 600),
    "CALL_SECONDS": listed(number(0.01, 10_000_000), least=1),
    "KEEP_CALLS_DAYS": number(0.01, 100_000),
}  # fmt: skip
#: A value of a hook that begins so is read from the environment.
ENVIRONMENT = "env:"


@dataclass(frozen=True)
class Options:
    """The settings as the code uses them."""

    sources: frozenset[str]
    resend: tuple[timedelta, ...]
    no_result: timedelta
    not_final: timedelta
    timeout: float
    calls: tuple[timedelta, ...]
    keep: timedelta
    hooks: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(repr=False)  # they may hold secrets

    def hooks_of(self, source: str) -> Mapping[str, Mapping[str, Any]]:
        """The hooks of one store, by name."""
        return {**self.hooks.get("*", {}), **self.hooks.get(source, {})}


def options() -> Options:
    """The settings as said, over the defaults.

    Raises:
        OperatorError: an entry is unknown or cannot be right.
    """
    merged = entries.read("COMMERCE_ORDER_STATUS", DEFAULTS, ENTRIES)
    return Options(
        sources=frozenset(merged["SOURCES"]),
        resend=tuple(timedelta(minutes=wait) for wait in merged["RESEND_MINUTES"]),
        no_result=timedelta(minutes=merged["NO_RESULT_MINUTES"]),
        not_final=timedelta(hours=merged["NOT_FINAL_HOURS"]),
        timeout=float(merged["CALL_TIMEOUT"]),
        calls=tuple(timedelta(seconds=wait) for wait in merged["CALL_SECONDS"]),
        keep=timedelta(days=merged["KEEP_CALLS_DAYS"]),
        hooks=merged["HOOKS"],
    )


def hook(said: Options, source: str, name: str) -> Hook:
    """A hook of a store, made from its settings.

    Raises:
        OperatorError: there is none of that name, its path leads nowhere, or it does not take its settings.
    """
    entry = said.hooks_of(source).get(name)
    where = f"COMMERCE_ORDER_STATUS['HOOKS'][{source!r}][{name!r}]"
    if entry is None:
        raise OperatorError(f"{where} is no longer there", hint="Put it back, or discard its calls.")
    takes = {key.lower(): _read(value, f"{where}: {key}") for key, value in entry.items() if key != "HOOK"}
    try:
        made: Hook = import_string(entry["HOOK"])(timeout=said.timeout, **takes)
    except (KeyError, ImportError, TypeError, ValueError) as error:
        raise OperatorError(
            f"{where} cannot be used: {type(error).__name__}: {error}",
            hint="HOOK is the dotted path of a class; the other entries are its arguments, in capitals.",
        ) from error
    return made


def _read(value: Any, where: str) -> Any:
    if not isinstance(value, str) or not value.startswith(ENVIRONMENT):
        return value
    name = value.removeprefix(ENVIRONMENT)
    if not os.environ.get(name):
        raise OperatorError(f"{where} names {name}, which is not in the environment", hint=f"Set {name} and restart.")
    return os.environ[name]
