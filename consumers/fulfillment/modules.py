"""Product kinds and the modules that serve them: ``COMMERCE_FULFILLMENT["MODULES"]``, product kind → dotted path.

A module is any object with two methods, ``fulfil`` and ``revoke`` (``rules.decision.Module``). It is pure: it reads the
facts of the case, changes the book, and answers; enrolling is the gateway's. All that one needs is imported from here;
:doc:`/how-tos/add-a-product-kind` shows one.
"""
from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from django.utils.module_loading import import_string

from commerce_events.exceptions import OperatorError
from consumers.fulfillment.rules import entitlement, nothing, seat
from consumers.fulfillment.rules.decision import Case, LineResult, Module, acknowledge, conclude
from consumers.fulfillment.rules.purchase import MODULES
from consumers.fulfillment.rules.reasons import SITE_PREFIX
from consumers.fulfillment.rules.state import Course, Grant, Order, Pair
from consumers.fulfillment.rules.ungranted import learner_of, refuse, revoke_ungranted

__all__ = [
    "Case", "Course", "Grant", "LineResult", "Module", "Order", "Pair", "acknowledge", "conclude", "entitlement",
    "learner_of", "load", "nothing", "refuse", "revoke_ungranted", "seat",
]  # fmt: skip

_METHODS = ("fulfil", "revoke")


def load(said: Mapping[str, Any]) -> dict[str, Module]:
    """The modules of a site's own, by product kind. A class is called without arguments.

    Raises:
        OperatorError: a kind is none that a site may name, or a path leads to nothing that fulfils and revokes.
    """
    return {kind: _module(kind, path) for kind, path in said.items()}


def _module(kind: str, path: Any) -> Module:
    entry = f"COMMERCE_FULFILLMENT['MODULES'][{kind!r}]"
    if kind not in MODULES and not kind.startswith(SITE_PREFIX):
        raise OperatorError(
            f"{entry}: no order can have this kind of product",
            hint=f"A site's own kinds start with {SITE_PREFIX}; yours may also replace {', '.join(MODULES)}.",
        )
    try:
        found = _imported(path)
        module = found() if isinstance(found, type) else found
    except Exception as error:  # code of the site's own may fail with anything
        raise OperatorError(
            f"{entry} = {path!r} cannot be imported: {error}",
            hint="Give the dotted path of a module, an object or a class, importable where the LMS runs.",
        ) from error
    missing = [name for name in _METHODS if not callable(getattr(module, name, None))]
    if missing:
        raise OperatorError(
            f"{entry} = {path!r} has no {' and no '.join(missing)}",
            hint="A module has two methods, fulfil(case, order, grant, who) and revoke(case, order, grant, refund_id).",
        )
    checked: Module = module
    return checked


def _imported(path: str) -> Any:
    """A module of Python's, or something in one."""
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        if error.name is None or not path.startswith(error.name):
            raise  # it is there, and lacks something else
        return import_string(path)
