"""What an entry of a settings dictionary may be: said once in words and as a condition, and refused in those words.

::

    ENTRIES = {"BATCH": whole(1, 10_000), "SOURCE_LIMITS": mapping(number(0.01, 1e6), keys=SLUG, such_as={"shop": 600})}

Every dictionary of this project is read here (:func:`read`), and one that cannot be right never reaches the code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings

from commerce_events.exceptions import OperatorError

PAGE = "docs/references/settings.rst lists every entry."
#: A longer value is not repeated in a refusal.
SHOWN = 60


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value must be: ``says`` follows "is not". ``each`` is the kind of what is in it, ``fields`` of a few."""

    says: str
    fits: Callable[[Any], bool]
    each: Kind | None = None
    keys: Kind | None = None
    fields: Mapping[str, Kind] | None = field(default=None, repr=False)
    such_as: Any = None  # an example, where the default is none
    is_repeated: bool = True  # in a refusal; what may hold a password is not


def whole(least: int, most: int) -> Kind:
    """A whole number."""
    return Kind(
        f"a whole number from {least} to {most}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most,
    )


def number(least: float, most: float) -> Kind:
    """A number, with a fraction or without."""
    return Kind(
        f"a number from {least:g} to {most:g}",
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most,
    )


def one_of(*values: str) -> Kind:
    """One of a few words."""
    return Kind(f"one of {', '.join(values)}", lambda value: isinstance(value, str) and value in values)


def text(says: str, pattern: str, such_as: Any = None, is_repeated: bool = True) -> Kind:
    """Text that matches as a whole."""
    matches = re.compile(pattern).fullmatch
    return Kind(
        says, lambda value: isinstance(value, str) and matches(value) is not None,
        such_as=such_as, is_repeated=is_repeated,
    )  # fmt: skip


def listed(each: Kind, such_as: Any = None, least: int = 0) -> Kind:
    """A list; a text is none, though Python would take it letter by letter."""
    return Kind(
        f"a list{' that is not empty,' * bool(least)} of which each is {each.says}",
        lambda value: isinstance(value, list | tuple | set | frozenset) and len(value) >= least,
        each=each, such_as=such_as,
    )  # fmt: skip


def mapping(each: Kind, keys: Kind | None = None, such_as: Any = None) -> Kind:
    """A dictionary."""
    return replace(_DICTIONARY, each=each, keys=keys or TEXT, such_as=such_as)


def record(fields: Mapping[str, Kind], such_as: Any = None) -> Kind:
    """A dictionary whose entries are known; each may be left out."""
    return replace(_DICTIONARY, fields=fields, such_as=such_as)


def either(*kinds: Kind, such_as: Any = None) -> Kind:
    """Any of these; the last may hold others."""
    return replace(
        kinds[-1], says=" or ".join(kind.says for kind in kinds), such_as=such_as,
        fits=lambda value: any(kind.fits(value) for kind in kinds),
    )  # fmt: skip


_DICTIONARY = Kind("a dictionary", lambda value: isinstance(value, Mapping), is_repeated=False)
ANYTHING = Kind("anything", lambda _: True)
YES_OR_NO = Kind("True or False", lambda value: isinstance(value, bool))
TEXT = text("text", r".+")
#: As the contract has it for a store, and for an installation: it stands before a colon in keys.
SLUG = text("a slug: 1 to 32 characters, without spaces and colons", r"[^\s:]{1,32}", such_as="my-lms")
DOTTED = text("a dotted path", r"[^\W\d]\w*(\.[^\W\d]\w*)+", such_as="package.module.Name")


def read(name: str, defaults: Mapping[str, Any], kinds: Mapping[str, Kind], **overrides: Any) -> dict[str, Any]:
    """A dictionary of the settings: what was overridden, over the site's, over what a plugin says, over the defaults.

    Raises:
        OperatorError: it cannot be right; the hint says what to write.
    """
    found = dict(defaults)
    for said in (f"{name}_DEFAULTS", name):
        layer = getattr(settings, said, {})
        check(said, layer, kinds, defaults)
        found |= layer
    check(name, overrides, kinds, defaults)
    return found | overrides


def check(name: str, said: Any, kinds: Mapping[str, Kind], defaults: Mapping[str, Any]) -> None:
    """One dictionary of the settings, entry by entry.

    Raises:
        OperatorError: as :func:`read`.
    """
    if not isinstance(said, Mapping):
        raise OperatorError(f"{name} is not a dictionary, but {_is(said)}", hint=f"Write {name} = {{…}}; {PAGE}")
    _known(name, said, kinds)
    for entry, value in said.items():
        kind = kinds[entry]
        example = kind.such_as if kind.such_as is not None else defaults[entry]
        _check(f"{name}[{entry!r}]", value, kind, f"Such as {name} = {{{entry!r}: {example!r}}}; {PAGE}")


def _check(where: str, value: Any, kind: Kind, hint: str) -> None:
    if not kind.fits(value):
        shown = f"{where} = {value!r}" if kind.is_repeated and len(repr(value)) <= SHOWN else f"{where}: {_is(value)}"
        raise OperatorError(f"{shown} is not {kind.says}", hint=hint)
    if isinstance(value, Mapping):
        if kind.fields is not None:
            _known(where, value, kind.fields)
        for key, inner in value.items():
            if kind.keys is not None and not kind.keys.fits(key):
                raise OperatorError(f"{where} names {key!r}, which is not {kind.keys.says}", hint=hint)
            _check(f"{where}[{key!r}]", inner, (kind.fields or {}).get(key) or kind.each or ANYTHING, hint)
    elif kind.each is not None and isinstance(value, Collection) and not isinstance(value, str):
        for inner in value:
            _check(f"{where}, one of it", inner, kind.each, hint)


def _known(where: str, said: Mapping[str, Any], known: Collection[str]) -> None:
    unknown = sorted(str(key) for key in said if key not in known)
    if unknown:
        raise OperatorError(
            f"{where} has unknown entries: {', '.join(unknown)}", hint=f"Known are: {', '.join(sorted(known))}; {PAGE}"
        )


def _is(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
