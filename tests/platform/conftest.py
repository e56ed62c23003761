"""These tests have Django settings of their own: ``python -m pytest tests/platform --ds=tests.platform.settings``.

On a checkout (see ``settings.py``) only the contract is tested: the other tests set the double's world up.
"""
from __future__ import annotations

import os

import pytest
from django.core.cache import cache
from edx_django_utils.cache import RequestCache

IS_PLATFORM = os.environ.get("DJANGO_SETTINGS_MODULE") == "tests.platform.settings"
collect_ignore_glob = [] if IS_PLATFORM else ["*"]

if IS_PLATFORM:
    from tests.platform.settings import IS_DOUBLE, PLATFORM, WHY_NOT

    if not IS_DOUBLE:
        collect_ignore_glob = ["test_entitlements.py", "test_orders.py", "test_statements.py", "test_traps.py"]


def pytest_report_header() -> str:
    if not IS_PLATFORM:
        return ""
    return f"platform: {'the double in tests/platform_double' if IS_DOUBLE else PLATFORM}"


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """``make test ARGS="-k …"`` may choose nothing here, which is no failure."""
    if IS_PLATFORM and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


if IS_PLATFORM and not WHY_NOT:
    from tests.engines.schema import TestDatabase
    from tests.platform.site import DEMO, LmsSite

    @pytest.fixture(autouse=True)
    def _fresh() -> None:
        """Nothing remembered by the platform, nothing heard outside."""
        cache.clear()
        RequestCache.clear_all_namespaces()
        if IS_DOUBLE:
            import outside

            outside.reset()

    @pytest.fixture
    def site(database: TestDatabase) -> LmsSite:
        """An LMS with a course in audit and verified mode, on each database."""
        return _site()

    @pytest.fixture
    def lms_site(sqlite: TestDatabase) -> LmsSite:
        """The same on SQLite alone, for what does not depend on the database."""
        return _site()

    def _site() -> LmsSite:
        site = LmsSite()
        site.course(DEMO)
        return site
