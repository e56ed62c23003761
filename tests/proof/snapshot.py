"""A backup of the database and its restore, on any engine: every row of every table, as it was."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connection, models, transaction

from commerce_events.bus.ids import STREAMS

KEPT = {"contenttypes", "sessions"}


def take() -> dict[type[models.Model], list[dict[str, Any]]]:
    """Every row of every model."""
    return {model: list(model._default_manager.values()) for model in _models()}


def restore(backup: dict[type[models.Model], list[dict[str, Any]]]) -> None:
    """Put the rows back; whatever came since is gone. New keys go on above the restored ones, as in a real restore."""
    with transaction.atomic(), connection.constraint_checks_disabled():
        for model in _models():
            model._default_manager.all().delete()
        for model, rows in backup.items():
            model._default_manager.bulk_create([model(**row) for row in rows])
    STREAMS.forget()


def _models() -> list[type[models.Model]]:
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label not in KEPT and model._meta.label != "auth.Permission"
    ]
