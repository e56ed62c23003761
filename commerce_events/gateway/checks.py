"""System check of the service: what is said in ``COMMERCE_GATEWAY`` can be used."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from commerce_events.checks import never_raises
from commerce_events.exceptions import OperatorError

#: An entry of ``COMMERCE_GATEWAY`` cannot be used.
SETTINGS = "commerce_stores.W005"


@never_raises(SETTINGS)
def service(app_configs: Any = None, **_: Any) -> list[checks.CheckMessage]:
    """The finding about ``COMMERCE_GATEWAY``, where this is a gateway."""
    if not getattr(settings, "COMMERCE_GATEWAY", None):
        return []
    from commerce_events.gateway.conf import options

    try:
        said = options()
        if said["RATES"] != "memory://":
            from commerce_events.gateway.limits import Rates

            Rates(said["RATES"])
    except OperatorError as error:
        return [checks.Warning(str(error), hint=error.hint, id=SETTINGS)]
    return []
