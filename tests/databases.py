"""Databases as URLs, so that a test and the processes it starts speak of the same one.

``sqlite:///path``, ``postgresql://user:password@host:port/name`` and ``mysql://…`` (MariaDB too; a socket as
``?unix_socket=path``). Every setting that our promises depend on is said here: READ COMMITTED on servers, and on SQLite
one writer who waits its turn.
"""
from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ENGINES = {
    "postgresql": "django.db.backends.postgresql",
    "postgres": "django.db.backends.postgresql",
    "mysql": "django.db.backends.mysql",
    "mariadb": "django.db.backends.mysql",
    "sqlite": "django.db.backends.sqlite3",
}
OPTIONS: dict[str, dict[str, Any]] = {
    "django.db.backends.postgresql": {"connect_timeout": 5},
    "django.db.backends.mysql": {
        "charset": "utf8mb4", "isolation_level": "read committed", "connect_timeout": 5,
        "init_command": "SET default_storage_engine=INNODB, sql_mode='STRICT_TRANS_TABLES'",
    },
    "django.db.backends.sqlite3": {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;", "transaction_mode": "IMMEDIATE",
        "timeout": 30,
    },
}  # fmt: skip


def configuration(url: str) -> dict[str, Any]:
    """What Django's ``DATABASES`` says for a URL."""
    parts = urlsplit(url)
    if parts.scheme not in ENGINES:
        raise ValueError(f"{parts.scheme}:// names no database; known are {', '.join(ENGINES)}")
    engine = ENGINES[parts.scheme]
    said: dict[str, Any] = {"ENGINE": engine, "OPTIONS": dict(OPTIONS[engine])}
    if engine.endswith("sqlite3"):
        return {**said, "NAME": unquote(parts.path)[1:] if parts.path.startswith("//") else unquote(parts.path)}
    if socket := parse_qs(parts.query).get("unix_socket"):
        said["OPTIONS"]["unix_socket"] = socket[0]
    return {
        **said,
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
    }


def with_name(url: str, name: str) -> str:
    """The same server, another database."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()
