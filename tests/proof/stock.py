"""What a site does today: the stock consumer, and a receiver that writes a row for each order. An app of its own.

``SETTINGS`` is the settings module for such a process.
"""
from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connection

SETTINGS = "tests.proof.stock_settings"
TABLE = "stock_received"


class StockConfig(AppConfig):
    name = "tests.proof"
    label = "stock"

    def ready(self) -> None:
        from commerce_events.signals import ORDER_PAID

        ORDER_PAID.connect(received)


def received(sender: Any, order: Any, **_: Any) -> None:
    """The work of a receiver: one row."""
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} (order_key) VALUES (%s)", [order.order_key])


def make_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {TABLE} (order_key varchar(255))")


def drop_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")


def rows() -> list[str]:
    """The orders that reached the receiver's table."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT order_key FROM {TABLE}")
        return [row[0] for row in cursor.fetchall()]
