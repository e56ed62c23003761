#!/usr/bin/env python
"""Package metadata: what is installed, with which extras, and how a platform finds the Django apps.

Every requirement is declared once, in ``requirements/*.in``; this file only reads them. The base install holds neither
Django nor any package under the AGPL, so that a closed store can use the contract and the producer.
"""
import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def read_version() -> str:
    """Return ``__version__`` of the package without importing it."""
    source = (ROOT / "commerce_events" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__(?:: \w+)? = "([^"]+)"', source, re.MULTILINE)
    if not found:
        raise RuntimeError("commerce_events/__init__.py holds no line like: __version__ = \"1.2.3\"")
    return found.group(1)


def requirements(name: str) -> list[str]:
    """Return the requirements of one ``.in`` file, following its ``-r`` lines."""
    found: list[str] = []
    path = ROOT / "requirements" / f"{name}.in"
    for raw in path.read_text(encoding="utf-8").splitlines():
        line = raw.split(" #")[0].strip()
        if line.startswith("-r "):
            found += requirements(line.removeprefix("-r ").strip().removesuffix(".in"))
        elif line and not line.startswith(("#", "-")):
            found.append(line)
    return found


EXTRAS = (
    "django", "lms", "cli", "metrics", "stores", "gateway", "oscar", "postgresql", "mysql", "analytics", "test",
    "quality", "docs", "dev",
)

setup(
    name="openedx-commerce-events",
    version=read_version(),
    description="Orders become enrollments, and results come back: commerce events for Open edX on Kafka.",
    long_description=(ROOT / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    keywords="openedx kafka commerce enrollment outbox inbox",
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: Django",
        "Framework :: Django :: 5.2",
        "Intended Audience :: Developers",
        "Intended Audience :: Education",
        "Natural Language :: English",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Typing :: Typed",
    ],
    python_requires=">=3.12",
    # The schemas live at the root of the repository, where people of every language look for them; in the package they
    # are commerce_events.schemas. Neither ``schemas`` nor ``tests`` is importable at top level.
    packages=[
        *find_packages(include=["commerce_events", "commerce_events.*", "consumers", "consumers.*"]),
        "commerce_events.schemas",
    ],
    package_dir={"commerce_events.schemas": "schemas"},
    include_package_data=False,
    package_data={
        "": ["py.typed", "*.env", "*.xml", "*.json", "*.html", "*.po", "*.mo"],
        "commerce_events.schemas": ["**/*.avsc", "**/*.json", "**/*.bin", "**/*.hex", "**/*.yaml", "**/*.yml"],
    },
    install_requires=requirements("base"),
    extras_require={name: requirements(name) for name in EXTRAS},
    entry_points={
        "console_scripts": ["commerce-events = commerce_events.cli:main"],
        "lms.djangoapp": [
            "commerce_events = commerce_events.apps:CommerceEventsConfig",
            "commerce_fulfillment = consumers.fulfillment.apps:FulfillmentConfig",
        ],
    },
)
