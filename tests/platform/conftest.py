"""These tests have Django settings of their own: ``python -m pytest tests/platform --ds=tests.platform.settings``."""
from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from edx_django_utils.cache import RequestCache

IS_PLATFORM = os.environ.get("DJANGO_SETTINGS_MODULE") == "tests.platform.settings"
collect_ignore_glob = [] if IS_PLATFORM else ["*"]

if IS_PLATFORM:
    import outside

    from tests.engines.schema import TestDatabase
    from tests.platform.site import DEMO, LmsSite

    @pytest.fixture(autouse=True)
    def _fresh() -> Iterator[None]:
        """Nothing remembered by the platform, nothing heard outside."""
        outside.reset()
        cache.clear()
        RequestCache.clear_all_namespaces()
        yield
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
