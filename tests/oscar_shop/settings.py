"""Django settings of ``tests/oscar_shop``: a minimal shop of django-oscar, and beside it the other tests' LMS."""
from __future__ import annotations

from typing import Any

try:
    import oscar
    from oscar.defaults import *  # noqa: F403
except ImportError as error:
    WHY_NOT = f"django-oscar is not installed: {error}"  # pip install "openedx-commerce-events[oscar]"
else:
    WHY_NOT = ""

from tests.settings import *  # noqa: F403

ROOT_URLCONF = "tests.oscar_shop.urls"
SITE_ID = 1
STATIC_URL = "/static/"
MEDIA_URL = "/media/"
LANGUAGE_CODE = "en"
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
#: What the shop overrides, as Oscar's documentation has it: two apps of its own in the place of Oscar's.
FORKED = {"checkout": "tests.oscar_shop.checkout.apps.Checkout", "order": "tests.oscar_shop.order.apps.Order"}

if not WHY_NOT:
    _theirs = [
        next((ours for label, ours in FORKED.items() if app.startswith(f"oscar.apps.{label}.")), app)
        for app in oscar.INSTALLED_APPS
    ]
    _ours = [app for app in INSTALLED_APPS if app not in _theirs]  # noqa: F405
    INSTALLED_APPS = [*_theirs, "tests.oscar_shop.refund.apps.Refund", *_ours, "commerce_events.stores.oscar"]
    # Oscar's tables as they are, without the years of migrations that led to them.
    MIGRATION_MODULES = dict.fromkeys((
        "address", "admin", "analytics", "auth", "basket", "catalogue", "communication", "contenttypes", "customer",
        "flatpages", "offer", "order", "partner", "payment", "reviews", "sessions", "shipping", "sites", "voucher",
        "wishlists",
    ))  # fmt: skip

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "oscar.apps.basket.middleware.BasketMiddleware",
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
        "oscar.apps.search.context_processors.search_form",
        "oscar.apps.checkout.context_processors.checkout",
        "oscar.apps.communication.notifications.context_processors.notifications",
        "oscar.core.context_processors.metadata",
    ]},
}]  # fmt: skip
AUTHENTICATION_BACKENDS = [
    "oscar.apps.customer.auth_backends.EmailBackend",
    "django.contrib.auth.backends.ModelBackend",
]
HAYSTACK_SIGNAL_PROCESSOR = "haystack.signals.BaseSignalProcessor"  # nothing is searched here
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
OSCAR_ALLOW_ANON_CHECKOUT = True
OSCAR_INITIAL_ORDER_STATUS = "Pending"
OSCAR_ORDER_STATUS_PIPELINE = {
    "Pending": ("Invoiced", "Cancelled"), "Invoiced": ("Cancelled",), "Cancelled": (),
}  # fmt: skip

COMMERCE_EVENTS: dict[str, Any] = {
    **COMMERCE_EVENTS,  # noqa: F405
    "STORES": {"shop": {"KIND": "oscar"}},
}
