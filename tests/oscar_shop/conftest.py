"""Settings of their own: ``python -m pytest tests/oscar_shop --ds=tests.oscar_shop.settings``."""
from __future__ import annotations

import os

import pytest

IS_SHOP = os.environ.get("DJANGO_SETTINGS_MODULE") == "tests.oscar_shop.settings"
collect_ignore_glob = [] if IS_SHOP else ["*"]

if IS_SHOP:
    from tests.oscar_shop.settings import WHY_NOT

    if WHY_NOT:
        collect_ignore_glob = ["*"]


def pytest_report_header() -> str:
    return f"django-oscar: {WHY_NOT or 'a minimal shop in tests/oscar_shop'}" if IS_SHOP else ""


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """``make test ARGS="-k …"`` may choose nothing here, which is no failure."""
    if IS_SHOP and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


if IS_SHOP and not WHY_NOT:
    from tests.engines.schema import TestDatabase
    from tests.oscar_shop.shop import Shop

    @pytest.fixture
    def shop(sqlite: TestDatabase) -> Shop:
        return Shop()
