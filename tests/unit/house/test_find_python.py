"""`make` finds an interpreter that works, or says what to install."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "find-python"
REAL = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH that holds a shell and nothing else."""
    (tmp_path / "bin").mkdir()
    os.symlink(shutil.which("sh") or "/bin/sh", tmp_path / "bin" / "sh")
    return tmp_path


def find(bare: Path, *folders: Path, **more: str) -> subprocess.CompletedProcess[str]:
    path = ":".join(str(folder) for folder in (*folders, bare / "bin"))
    return subprocess.run(
        [str(SCRIPT)], env={"PATH": path, "HOME": str(bare / "home"), **more}, capture_output=True, text=True
    )


def test_a_shim_that_does_not_run_is_passed_over(bare: Path) -> None:
    program(bare / "shims" / "python3.12", "echo 'python3.12: command not found' >&2; exit 127")
    program(bare / "other" / "python3", f'exec {REAL} "$@"')
    assert Path(find(bare, bare / "shims", bare / "other").stdout.strip()).samefile(REAL)


def test_an_interpreter_of_a_version_manager_is_found_though_it_is_not_active(bare: Path) -> None:
    program(bare / "home" / ".pyenv" / "versions" / "3.12.9" / "bin" / "python3", f'exec {REAL} "$@"')
    assert Path(find(bare).stdout.strip()).samefile(REAL)


def test_shims_outside_of_this_home_show_where_the_interpreters_are(bare: Path) -> None:
    program(bare / "elsewhere" / "shims" / "python3.12", "exit 127")
    program(bare / "elsewhere" / "versions" / "3.13.1" / "bin" / "python3", f'exec {REAL} "$@"')
    assert Path(find(bare, bare / "elsewhere" / "shims").stdout.strip()).samefile(REAL)


def test_an_interpreter_that_was_named_is_taken_or_refused(bare: Path) -> None:
    program(bare / "old" / "python3", "exit 1")
    program(bare / "other" / "python3", f'exec {REAL} "$@"')
    assert Path(find(bare, PYTHON=str(REAL)).stdout.strip()).samefile(REAL)
    refused = find(bare, bare / "other", PYTHON=str(bare / "old" / "python3"))
    assert refused.returncode == 1
    assert "is not a CPython of at least 3.12" in refused.stderr


def test_without_any_it_says_what_to_install(bare: Path) -> None:
    program(bare / "bin" / "cat", 'while read -r line; do echo "$line"; done')
    missing = find(bare)
    assert missing.returncode == 1
    assert missing.stdout == ""
    assert "apt install python3.12" in missing.stderr
