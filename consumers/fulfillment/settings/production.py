"""The plugin's settings once more, after the site's YAML: it may have added apps, and it is the last word otherwise."""
from __future__ import annotations

from consumers.fulfillment.settings.common import plugin_settings

__all__ = ["plugin_settings"]
