"""The contracts of .importlinter hold, and each of them can fail."""
from __future__ import annotations

import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

#: contract → (module, a line that breaks it)
PLANTED = {
    "bus-below-consumers": ("commerce_events/bus/types.py", "import consumers.fulfillment.rules.state"),
    "consumers-apart": ("consumers/planted/__init__.py", "import consumers.fulfillment.rules.state"),
    "contract-is-plain": ("commerce_events/topics.py", "import django"),
    "rules-are-pure": ("consumers/fulfillment/rules/state.py", "import commerce_events.models"),
    "states-are-pure": ("consumers/order_status/states.py", "import django"),
    "analytics-is-plain": ("consumers/analytics/tables.py", "import django"),
    "adapters-are-plain": ("commerce_events/stores/snapshot.py", "import django"),
    "one-door-to-kafka": ("consumers/fulfillment/apps.py", "import confluent_kafka"),
    "one-door-to-the-platform": ("consumers/fulfillment/apps.py", "import openedx.core"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    wide = {"COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, env=wide)


def copy(target: Path) -> Path:
    shutil.copy(ROOT / ".importlinter", target)
    for package in ("commerce_events", "consumers"):
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def contracts() -> dict[str, str]:
    config = ConfigParser()
    config.read(ROOT / ".importlinter")
    prefix = "importlinter:contract:"
    return {name.removeprefix(prefix): config[name]["name"] for name in config.sections() if name.startswith(prefix)}


def test_imports_point_one_way(tmp_path: Path) -> None:
    result = lint(copy(tmp_path))
    assert result.returncode == 0, result.stdout


def test_each_contract_is_broken_by_a_planted_import(tmp_path: Path) -> None:
    assert PLANTED.keys() == contracts().keys()
    copy(tmp_path)
    for path, line in PLANTED.values():
        module = tmp_path / path
        module.parent.mkdir(exist_ok=True)
        module.write_text(f"{module.read_text() if module.exists() else ''}\n{line}\n")
    result = lint(tmp_path)
    assert result.returncode == 1
    kept = [key for key, name in contracts().items() if f"{name} BROKEN" not in result.stdout]
    assert kept == [], result.stdout
