"""Whether the database has our tables as this release wants them."""

from __future__ import annotations

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor

from commerce_events.exceptions import OperatorError


def unapplied() -> list[str]:
    """Migrations of our apps that the database does not have."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [str(migration) for migration, _ in plan if migration.app_label.startswith("commerce_")]


def refuse_unmigrated() -> None:
    """Go on only if there are none.

    Raises:
        OperatorError: which there are.
    """
    missing = unapplied()
    if missing:
        raise OperatorError(f"unapplied migrations: {', '.join(missing)}", hint="Run `manage.py migrate` first.")
