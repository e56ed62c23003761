from django.apps import AppConfig


class CommerceConfig(AppConfig):
    name = "lms.djangoapps.commerce"

    def ready(self) -> None:
        from . import signals  # noqa: F401
