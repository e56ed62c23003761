"""Settings of fulfillment, read once and checked: the dictionary ``COMMERCE_FULFILLMENT`` over ``DEFAULTS``.

Merged when they are read, as those of the bus (``commerce_events.bus.conf``); between the two stands what the plugin
says to an LMS in ``COMMERCE_FULFILLMENT_DEFAULTS``.
"""
from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.utils.module_loading import import_string

from commerce_events.exceptions import OperatorError
from consumers.fulfillment import modules
from consumers.fulfillment.gateway import Gateway
from consumers.fulfillment.rules.policy import RANK, Policy, Source

#: What can be said in ``COMMERCE_FULFILLMENT``, and what holds where nothing is said.
DEFAULTS: dict[str, Any] = {
    "SOURCES": {},  # slug of a store → {"allow_test": False, "force_enrollment": True, "refund_policy": ""}
    "GATEWAY": "consumers.fulfillment.reference.gateway.ReferenceGateway",  # dotted path: how to enroll
    "RANK": RANK,  # modes from best to least
    "REFUND_POLICY": "default",  # default (give the base back), downgrade, deactivate, keep
    "CERTIFICATE_POLICY": "hold",  # hold, revoke, keep
    "CHARGEBACK_CERTIFICATE_HOLD": False,  # whether CERTIFICATE_POLICY holds for chargebacks too
    "REVOKE_UNKNOWN_GRANTS": False,  # revoke what an older system granted, if course and mode fit the refund
    "WAITING_DAYS": 180,  # how long a line waits for its learner to register
    "MODE_GRACE_HOURS": 0,  # paid that much after a mode's deadline still counts
    "SHADOW": False,  # True, or a list of stores: decide what they send and keep it, enroll nobody, publish nothing
    "MODULES": {},  # product kind → dotted path of a module of the site's own
}


def options() -> dict[str, Any]:
    """The settings as said, over the defaults.

    Raises:
        OperatorError: an entry is unknown.
    """
    plugin: Mapping[str, Any] = getattr(settings, "COMMERCE_FULFILLMENT_DEFAULTS", {})
    said: Mapping[str, Any] = {**plugin, **getattr(settings, "COMMERCE_FULFILLMENT", {})}
    unknown = sorted(said.keys() - DEFAULTS.keys())
    if unknown:
        raise OperatorError(
            f"COMMERCE_FULFILLMENT has unknown entries: {', '.join(unknown)}",
            hint=f"Known are: {', '.join(sorted(DEFAULTS))}.",
        )
    return {**DEFAULTS, **said}


def policy() -> Policy:
    """The site's choices as the rules take them.

    Raises:
        OperatorError: a choice is none of those that the rules know; the hint lists them.
    """
    said = options()
    try:
        return Policy(
            sources={slug: Source(**source) for slug, source in said["SOURCES"].items()},
            rank=tuple(said["RANK"]),
            refund_policy=said["REFUND_POLICY"],
            certificate_policy=said["CERTIFICATE_POLICY"],
            chargeback_certificate_hold=said["CHARGEBACK_CERTIFICATE_HOLD"],
            revoke_unknown_grants=said["REVOKE_UNKNOWN_GRANTS"],
            waiting=timedelta(days=said["WAITING_DAYS"]),
            mode_grace=timedelta(hours=said["MODE_GRACE_HOURS"]),
            modules=modules.load(said["MODULES"]),
        )
    except (TypeError, ValueError, ImportError) as error:
        raise OperatorError(
            f"COMMERCE_FULFILLMENT cannot be used: {error}",
            hint="consumers/fulfillment/conf.py lists every entry with its default.",
        ) from error


def shadow() -> bool | frozenset[str]:
    """The stores in shadow mode; True: all.

    Raises:
        OperatorError: it is neither True nor False nor a list.
    """
    said = options()["SHADOW"]
    if isinstance(said, bool):
        return said
    if isinstance(said, list | tuple | set | frozenset):
        return frozenset(said)
    raise OperatorError(
        f"COMMERCE_FULFILLMENT['SHADOW'] = {said!r} is neither True nor False nor a list of stores",
        hint="For one store: ['shop'].",
    )


def gateway() -> Gateway:
    """The site's gateway.

    Raises:
        OperatorError: ``GATEWAY`` names no class, one that is no gateway, or one whose app is not installed.
    """
    path = options()["GATEWAY"]
    try:
        found = import_string(path)()
    except ImportError as error:
        raise OperatorError(
            f"COMMERCE_FULFILLMENT['GATEWAY'] = {path!r} cannot be imported: {error}",
            hint="Give the dotted path of a subclass of consumers.fulfillment.gateway.Gateway.",
        ) from error
    if not isinstance(found, Gateway):
        raise OperatorError(
            f"COMMERCE_FULFILLMENT['GATEWAY'] = {path!r} is no gateway",
            hint="Give the dotted path of a subclass of consumers.fulfillment.gateway.Gateway.",
        )
    if found.app and not apps.is_installed(found.app):
        raise OperatorError(
            f"COMMERCE_FULFILLMENT['GATEWAY'] = {path!r} needs the app {found.app}, which is not installed",
            hint=f"Name the gateway of your platform; or, for trying things on, add {found.app!r} to INSTALLED_APPS "
            "and run manage.py migrate.",
        )
    return found
