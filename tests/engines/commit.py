"""Which commit a run was of."""
from __future__ import annotations

import subprocess
from pathlib import Path


def _commit() -> str:
    """The commit of the working tree, short; what was changed since shows as a plus."""
    where = Path(__file__).resolve().parent
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"], cwd=where, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return "unknown"
    return said.stdout.strip()


COMMIT = _commit()
