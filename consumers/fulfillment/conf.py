"""Settings of fulfillment, read once and checked: the dictionary ``COMMERCE_FULFILLMENT`` over ``DEFAULTS``.

Merged when they are read, as those of the bus (``commerce_events.bus.conf``); between the two stands what the plugin
says to an LMS in ``COMMERCE_FULFILLMENT_DEFAULTS``.
"""
from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.apps import apps
from django.utils.module_loading import import_string

from commerce_events import entries
from commerce_events.entries import DOTTED, SLUG, TEXT, YES_OR_NO, Kind, either, listed, mapping, number, one_of, record
from commerce_events.exceptions import OperatorError
from consumers.fulfillment import modules
from consumers.fulfillment.gateway import Gateway
from consumers.fulfillment.rules.policy import CERTIFICATE_POLICIES, RANK, STRICTNESS, Policy, Source

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

_REFUND = tuple(policy for policy in STRICTNESS if policy)
_SOURCE = {
    "allow_test": YES_OR_NO, "force_enrollment": YES_OR_NO, "refund_policy": one_of("", *_REFUND),
}  # fmt: skip
#: What each of them may be.
ENTRIES: dict[str, Kind] = {
    "SOURCES": mapping(record(_SOURCE), keys=SLUG, such_as={"shop": {"allow_test": False}}),
    "GATEWAY": DOTTED,
    "RANK": listed(TEXT, least=1),
    "REFUND_POLICY": one_of(*_REFUND),
    "CERTIFICATE_POLICY": one_of(*CERTIFICATE_POLICIES),
    "CHARGEBACK_CERTIFICATE_HOLD": YES_OR_NO,
    "REVOKE_UNKNOWN_GRANTS": YES_OR_NO,
    "WAITING_DAYS": number(0, 36_500),
    "MODE_GRACE_HOURS": number(0, 876_000),
    "SHADOW": either(YES_OR_NO, listed(SLUG), such_as=["shop"]),
    "MODULES": mapping(TEXT, such_as={"x_webinar": "webinar.Webinar"}),
}
_GATEWAY_HINT = "Give the dotted path of a subclass of consumers.fulfillment.gateway.Gateway; " + entries.PAGE


def options() -> dict[str, Any]:
    """The settings as said, over the defaults.

    Raises:
        OperatorError: an entry cannot be right; the hint says what to write.
    """
    return entries.read("COMMERCE_FULFILLMENT", DEFAULTS, ENTRIES)


def policy() -> Policy:
    """The site's choices as the rules take them.

    Raises:
        OperatorError: as :func:`options`, or a module cannot be had.
    """
    said = options()
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


def shadow() -> bool | frozenset[str]:
    """The stores in shadow mode; True: all.

    Raises:
        OperatorError: as :func:`options`, or one of them is no store that may send orders.
    """
    said = options()
    if isinstance(said["SHADOW"], bool):
        return said["SHADOW"]
    unknown = sorted(set(said["SHADOW"]) - said["SOURCES"].keys())
    if unknown:
        raise OperatorError(
            f"COMMERCE_FULFILLMENT['SHADOW'] names {', '.join(unknown)}, which 'SOURCES' does not",
            hint=f"SOURCES has: {', '.join(sorted(said['SOURCES'])) or 'none'}. The orders of a store that is misspelt "
            "here would enroll.",
        )
    return frozenset(said["SHADOW"])


def gateway() -> Gateway:
    """The site's gateway.

    Raises:
        OperatorError: ``GATEWAY`` names no class, one that is no gateway, or one whose app is not installed.
    """
    path = options()["GATEWAY"]
    try:
        found = import_string(path)()
    except Exception as error:  # a class of the site's own: whatever it raises, the site hears which setting it was
        failed = "cannot be imported" if isinstance(error, ImportError) else "cannot be made"
        raise OperatorError(
            f"COMMERCE_FULFILLMENT['GATEWAY'] = {path!r} {failed}: {error}", hint=_GATEWAY_HINT
        ) from error
    if not isinstance(found, Gateway):
        raise OperatorError(f"COMMERCE_FULFILLMENT['GATEWAY'] = {path!r} is no gateway", hint=_GATEWAY_HINT)
    if found.app and not apps.is_installed(found.app):
        raise OperatorError(
            f"COMMERCE_FULFILLMENT['GATEWAY'] = {path!r} needs the app {found.app}, which is not installed",
            hint="Name the gateway of your platform. To try things on, the reference gateway: "
            "consumers.fulfillment.reference.gateway.ReferenceGateway, with 'consumers.fulfillment.reference' in "
            "INSTALLED_APPS, and manage.py migrate.",
        )
    return found
