"""Django settings of ``tests/platform``: those of the other tests, and the platform – its double, or a real checkout.

``COMMERCE_EVENTS_PLATFORM=/path/to/edx-platform`` puts that checkout in the place of the double.
"""
from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.settings import *  # noqa: F403

PLATFORM = os.environ.get("COMMERCE_EVENTS_PLATFORM") or str(Path(__file__).parents[1] / "platform_double")
if PLATFORM not in sys.path:
    sys.path.append(PLATFORM)

INSTALLED_APPS = [
    *INSTALLED_APPS,  # noqa: F405
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
# The double has no migrations, and tables without migrations are made first: so must those be that they refer to.
MIGRATION_MODULES = dict.fromkeys(("auth", "contenttypes", "sites"))
COMMERCE_FULFILLMENT = {
    "SOURCES": {"shop": {}},
    "GATEWAY": "consumers.fulfillment.platform.gateway.PlatformGateway",
}

# Of the platform.
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
