from oscar.core.application import OscarConfig


class Refund(OscarConfig):
    """In the place of the archived service's app of that name."""

    name = "tests.oscar_shop.refund"
    label = "refund"
    default_auto_field = "django.db.models.BigAutoField"
