"""The plugin's settings as the LMS reads them first, before the site's YAML.

Defaults only: nothing that anybody said is changed, and no setting of the platform or of its event bus is made. They
stand in dictionaries of their own, which are merged below the site's when they are read: a site that says
``COMMERCE_FULFILLMENT = {"SOURCES": …}`` replaces that dictionary whole, and still has the platform's gateway.

Nothing is imported here: settings do not exist yet.
"""
from __future__ import annotations

from typing import Any

#: What holds in an LMS where the site says nothing.
DEFAULTS: dict[str, dict[str, Any]] = {
    "COMMERCE_EVENTS_DEFAULTS": {"HANDLERS": ["consumers.fulfillment.handler.FulfillmentHandler"]},
    "COMMERCE_FULFILLMENT_DEFAULTS": {"GATEWAY": "consumers.fulfillment.platform.gateway.PlatformGateway"},
}
#: Which app must be ready before which: ours makes signals that the other looks for.
OURS, THEIRS = "commerce_events.apps.CommerceEventsConfig", "openedx_events"


def plugin_settings(settings: Any) -> None:
    """Add the defaults, and put our app where it must stand.

    Arguments:
        settings: the settings module of the LMS.
    """
    for name, entries in DEFAULTS.items():
        setattr(settings, name, {**entries, **getattr(settings, name, {})})
    apps = getattr(settings, "INSTALLED_APPS", None)
    if isinstance(apps, list) and OURS in apps and THEIRS in apps and apps.index(THEIRS) < apps.index(OURS):
        apps.remove(OURS)  # an LMS appends plugins
        apps.insert(apps.index(THEIRS), OURS)
