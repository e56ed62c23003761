"""What a user gets: two packages at top level, the schemas inside, nothing else."""
from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ["setup.py", "pyproject.toml", "MANIFEST.in", "README.rst", "LICENSE", "requirements"]
PACKAGES = ["commerce_events", "consumers", "schemas", "tests"]

# Without site-packages: what answers is the built package and not the checkout that runs the tests.
LOOK = """
import importlib.resources, importlib.util, site, sys
site.addsitedir(sys.argv[1])
import commerce_events, consumers
folder = importlib.resources.files("commerce_events.schemas")
print("schemas", any(folder.rglob("*.avsc")))
for name in ("schemas", "tests"):
    print(name, importlib.util.find_spec(name) is not None)
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what setup.py reads, so that a build leaves nothing in the tree that is tested."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return copy


def build(checkout: Path, hook: str, target: Path) -> zipfile.ZipFile:
    """Call a build hook of setuptools as pip does, and open what it made."""
    target.mkdir()
    code = f"from setuptools import build_meta; print(build_meta.{hook}({str(target)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=checkout, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    return zipfile.ZipFile(wheel)


def look(folder: Path) -> str:
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", LOOK, str(folder)], check=True, capture_output=True, text=True, cwd=folder
    ).stdout


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return build(checkout, "build_wheel", tmp_path_factory.mktemp("built") / "wheel")


def test_the_wheel_has_exactly_two_packages_at_top_level(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"commerce_events", "consumers"}


def test_the_wheel_holds_every_schema_and_example(wheel: zipfile.ZipFile) -> None:
    ours = {
        "commerce_events/schemas/" + path.relative_to(ROOT / "schemas").as_posix()
        for path in (ROOT / "schemas").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours - set(wheel.namelist()) == set()


def test_the_wheel_holds_the_data_files_of_the_packages(wheel: zipfile.ZipFile) -> None:
    ours = {
        path.relative_to(ROOT).as_posix()
        for package in ("commerce_events", "consumers")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in path.relative_to(ROOT).parts)
    }
    assert ours - set(wheel.namelist()) == set()
    assert "commerce_events/py.typed" in wheel.namelist()


def test_an_installed_wheel_reads_its_schemas(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    assert look(tmp_path) == "schemas True\nschemas False\ntests False\n"


def test_an_editable_install_reads_its_schemas(checkout: Path, tmp_path: Path) -> None:
    built = build(checkout, "build_editable", tmp_path / "built")
    built.extractall(tmp_path / "site")
    assert look(tmp_path / "site") == "schemas True\nschemas False\ntests False\n"


def test_the_metadata_names_the_licence_the_command_and_the_apps(wheel: zipfile.ZipFile) -> None:
    (info,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    metadata = wheel.read(f"{info}/METADATA").decode()
    entry_points = wheel.read(f"{info}/entry_points.txt").decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.12" in metadata
    assert "commerce-events = commerce_events.cli:main" in entry_points
    assert "commerce_events = commerce_events.apps:CommerceEventsConfig" in entry_points
    assert "commerce_fulfillment = consumers.fulfillment.apps:FulfillmentConfig" in entry_points
