"""System checks of fulfillment's settings: id, message, hint. How they speak, ``commerce_events.checks`` says."""
from __future__ import annotations

from typing import Any

from django.core import checks

from commerce_events.checks import never_raises
from commerce_events.exceptions import OperatorError
from consumers.fulfillment import conf
from consumers.fulfillment.platform import lms
from consumers.fulfillment.signals import handlers

#: A setting cannot be used.
SETTINGS = "commerce_fulfillment.W001"
#: No store is on the allow-list.
NO_SOURCE = "commerce_fulfillment.W002"
#: The gateway cannot be used.
GATEWAY = "commerce_fulfillment.W003"
#: The store of the past would give money back as well.
OLD_STORE = "commerce_fulfillment.W004"
#: This release of the platform does not tell what we listen to.
SIGNALS = "commerce_fulfillment.W005"


@never_raises(SETTINGS)
def settings(app_configs: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """Every finding about ``COMMERCE_FULFILLMENT``."""
    found: list[checks.CheckMessage] = []
    try:
        if not conf.policy().sources:
            found.append(checks.Warning(
                "COMMERCE_FULFILLMENT['SOURCES'] is empty: every order will be refused as source_not_allowed.",
                hint="Name each store that may send orders, e.g. {'SOURCES': {'my-store': {}}}.", id=NO_SOURCE,
            ))  # fmt: skip
    except OperatorError as error:
        return [checks.Warning(str(error), hint=error.hint, id=SETTINGS)]
    for read, check in ((conf.shadow, SETTINGS), (conf.gateway, GATEWAY)):
        try:
            read()
        except OperatorError as error:
            found.append(checks.Warning(str(error), hint=error.hint, id=check))
    return found


@never_raises(SETTINGS)
def platform(app_configs: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """Every finding about the LMS that this runs in; none elsewhere."""
    found: list[checks.CheckMessage] = []
    if _asks_an_old_store():
        found.append(checks.Warning(
            "The platform still has the address of its former e-commerce service: when a learner leaves a course, it "
            "asks that service for a refund, and your store is asked for the same one.",
            hint="Take ECOMMERCE_API_URL out of the LMS's settings and site configurations.", id=OLD_STORE,
        ))  # fmt: skip
    for name, homes in handlers.unknown().items():
        found.append(checks.Warning(
            f"The platform has no signal {name} in {' or '.join(homes)}: what it tells is not heard.",
            hint="This release of the platform is newer than this plugin knows: upgrade openedx-commerce-events.",
            id=SIGNALS,
        ))  # fmt: skip
    return found


def _asks_an_old_store() -> bool:
    if not handlers.is_lms():
        return False
    try:
        return bool(lms.is_commerce_service_configured())
    except ImportError:
        return False  # a release that has left that service behind
