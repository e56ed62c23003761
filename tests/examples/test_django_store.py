"""The shop that the documentation shows: its own tests pass, with nothing of a platform installed."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SHOP = Path(__file__).resolve().parents[2] / "docs" / "examples" / "django_store"
ROOT = Path(__file__).resolve().parents[2]

#: As if these were not installed: a store has none of them.
WITHOUT = """
import sys
from importlib import util
MISSING = {"edx_event_bus_kafka", "edx_django_utils", "openedx_events", "opaque_keys"}
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
found = util.find_spec
util.find_spec = lambda name, package=None: None if name.partition(".")[0] in MISSING else found(name, package)
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


def run(folder: Path, shop: Path = SHOP) -> subprocess.CompletedProcess[str]:
    copy = shutil.copytree(shop, folder / "copy", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "pytest.ini").write_text("[pytest]\nDJANGO_SETTINGS_MODULE = settings\npythonpath = .\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "PYTEST"))}
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, "-q", "-p", "no:cacheprovider"], cwd=copy, capture_output=True, text=True,
        check=False, timeout=120, env={**environment, "PYTHONPATH": f"{ROOT}:{copy}"},
    )  # fmt: skip


def test_the_shop_s_own_tests_pass(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


@pytest.mark.parametrize(("right", "wrong", "says"), [
    ("with transaction.atomic():\n        order.paid_at", "if True:\n        order.paid_at", "OperatorError"),
    ('mode="verified"', 'mode="honor"', "lines[0].mode: wanted 'verified', found 'honor'"),
])  # fmt: skip
def test_they_can_fail(right: str, wrong: str, says: str, tmp_path: Path) -> None:
    """A shop that forgets the transaction, and one that sells another mode, are found out by these tests."""
    broken = shutil.copytree(SHOP, tmp_path / "broken")
    orders = broken / "shop" / "orders.py"
    assert right in orders.read_text()
    orders.write_text(orders.read_text().replace(right, wrong))
    done = run(tmp_path, broken)
    assert done.returncode == 1, done.stdout + done.stderr
    assert says in done.stdout
