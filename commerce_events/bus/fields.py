"""A column for SHA-256 digests: the identity of everything whose name is text.

Collations decide whether two texts are the same, and MariaDB's merge ``a1B2``, ``a1b2`` and trailing blanks. Thirty-two
bytes have no collation, fit every index, and compare the same on every database.
"""
from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class DigestField(models.BinaryField):  # type: ignore[type-arg]
    """32 bytes: ``binary(32)`` on MySQL and MariaDB (Django's own binary column there cannot be indexed)."""

    description = "SHA-256 digest"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = 32
        super().__init__(*args, **kwargs)

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        """``binary(32)`` where the vendor's general binary type has no length, else the vendor's own."""
        return "binary(32)" if connection.vendor == "mysql" else super().db_type(connection)

    def from_db_value(self, value: bytes | memoryview | None, *_: Any) -> bytes | None:
        """PostgreSQL hands out memoryviews; a digest is a dictionary key, so it must be bytes."""
        return None if value is None else bytes(value)
