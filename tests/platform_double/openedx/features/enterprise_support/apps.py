from django.apps import AppConfig


class EnterpriseSupportConfig(AppConfig):
    name = "openedx.features.enterprise_support"

    def ready(self) -> None:
        from . import signals  # noqa: F401
