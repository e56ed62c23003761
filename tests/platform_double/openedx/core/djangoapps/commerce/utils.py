from __future__ import annotations

from django.conf import settings

ECOMMERCE_DATE_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def is_commerce_service_configured() -> bool:
    return bool(settings.ECOMMERCE_PUBLIC_URL_ROOT and settings.ECOMMERCE_API_URL)
