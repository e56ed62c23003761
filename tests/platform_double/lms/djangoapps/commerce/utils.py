from __future__ import annotations

from typing import Any

import outside
from openedx.core.djangoapps.commerce.utils import is_commerce_service_configured


def refund_entitlement(course_entitlement: Any) -> bool:
    if not is_commerce_service_configured():
        return False
    outside.tell("store", "entitlement", str(course_entitlement.uuid))
    return True
