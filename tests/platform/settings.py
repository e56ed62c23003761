"""Django settings of ``tests/platform``: those of the other tests, and the platform – its double, or a real checkout.

``COMMERCE_EVENTS_PLATFORM=/path/to/edx-platform`` puts that checkout in the place of the double. Its source is read in
any case; its code runs where it can be imported, that is in an environment with the checkout's own requirements.
"""
from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.settings import *  # noqa: F403

CHECKOUT = os.environ.get("COMMERCE_EVENTS_PLATFORM")
IS_DOUBLE = not CHECKOUT
PLATFORM = CHECKOUT or str(Path(__file__).parents[1] / "platform_double")
if PLATFORM not in sys.path:
    sys.path.append(PLATFORM)

#: Why the platform's code cannot run here; empty if it can.
WHY_NOT = ""
_ours = INSTALLED_APPS  # noqa: F405

if IS_DOUBLE:
    INSTALLED_APPS = [
        *_ours,
        "django.contrib.sites",
        "openedx.core.djangoapps.content.course_overviews",
        "common.djangoapps.course_modes",
        "common.djangoapps.student",
        "common.djangoapps.entitlements",
        "lms.djangoapps.certificates",
        "lms.djangoapps.commerce",
        "openedx.core.djangoapps.embargo",
        "openedx.core.djangoapps.user_api",
        "openedx.features.enterprise_support",
    ]
    # The double has no migrations, and tables without them are made first: so must those be that they refer to.
    MIGRATION_MODULES = dict.fromkeys(("auth", "contenttypes", "sites"))
    SITE_ID = 1
    EMBARGO = True
    ECOMMERCE_PUBLIC_URL_ROOT = ECOMMERCE_API_URL = None
    RETIRED_USERNAME_PREFIX = "retired__user_"
    RETIRED_USERNAME_FMT = "retired__user_{}"
    RETIRED_EMAIL_FMT = "retired__user_{}@retired.invalid"
    RETIRED_USER_SALTS = ["first salt", "second salt"]
    COURSE_MODE_DEFAULTS = {
        "slug": "audit", "name": "Audit", "min_price": 0, "suggested_prices": "", "currency": "usd",
        "expiration_datetime": None, "description": None, "sku": None, "android_sku": None, "ios_sku": None,
        "bulk_sku": None,
    }  # fmt: skip
else:
    try:
        from lms.envs.test import *  # noqa: F403

        INSTALLED_APPS = [*_ours, *(app for app in INSTALLED_APPS if app not in _ours)]
    except Exception as error:  # noqa: BLE001 – whatever an environment lacks, the source can still be read
        WHY_NOT = f"{PLATFORM} cannot be imported here: {type(error).__name__}: {error}"
        INSTALLED_APPS = _ours

COMMERCE_FULFILLMENT = {
    "SOURCES": {"shop": {}},
    "GATEWAY": "consumers.fulfillment.platform.gateway.PlatformGateway",
}
