"""``lms/envs/common.py``: the platform's own settings; at its end the plugins add their apps and their defaults."""
from __future__ import annotations

from edx_django_utils.plugins import add_plugins, get_plugin_apps

from tests.platform.settings import *  # noqa: F403
from tests.platform.settings import INSTALLED_APPS as _EVERY

# The LMS names none of our apps, and has the event bus among its own.
INSTALLED_APPS = [app for app in _EVERY if not app.startswith(("commerce_events", "consumers."))]
del COMMERCE_EVENTS, COMMERCE_FULFILLMENT  # noqa: F821 – of the other tests

EVENT_BUS_PRODUCER_CONFIG = {
    "org.openedx.learning.course.enrollment.changed.v1": {
        "course-enrollment": {"event_key_field": "enrollment.course.course_key", "enabled": False},
    },
}

INSTALLED_APPS.extend(get_plugin_apps("lms.djangoapp"))
add_plugins(__name__, "lms.djangoapp", "common")
