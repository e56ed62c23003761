"""``python -m tests.fuzz TARGET``: fuzz one target for a while, from its corpus, which grows.

Examples:
  python -m tests.fuzz --list
  python -m tests.fuzz decode --seconds 60
  python -m tests.fuzz decode crash-1234                 one input again

Exit codes: 0, nothing unexpected; 1, an input that breaks it (its file is named); 2, the command line is wrong.
"""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"


def main(arguments: list[str]) -> int:
    """Run libFuzzer in a process of its own: it ends the process that it runs in."""
    from .targets import TARGETS, seeds

    parser = argparse.ArgumentParser(
        "python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", nargs="?", choices=sorted(TARGETS))
    parser.add_argument("input", nargs="?", type=Path, help="a file: this input alone")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--new", type=Path, default=None, help="folder for what is found (default: the corpus)")
    parser.add_argument("--list", action="store_true", help="the targets")
    said = parser.parse_args(arguments)
    if said.seconds < 1:  # libFuzzer takes 0 for no limit
        parser.error(f"--seconds {said.seconds}: give it a second at least, e.g. --seconds 60")
    if said.list or not said.target:
        print("\n".join(sorted(TARGETS)))
        return 0 if said.list else 2
    if said.input and not said.input.is_file():
        parser.error(f"there is no file {said.input}")
    if said.input:
        TARGETS[said.target](said.input.read_bytes())
        return 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds(said.target):
            (Path(folder) / sha256(seed).hexdigest()[:16]).write_bytes(seed)
        kept, new = CORPUS / said.target, said.new or CORPUS / said.target
        new.mkdir(parents=True, exist_ok=True)
        code = "import sys; from tests.fuzz.__main__ import fuzz; fuzz(sys.argv[1], sys.argv[2:])"
        limits = [f"-max_total_time={said.seconds}", "-rss_limit_mb=1024", "-timeout=10", "-max_len=8192"]
        command = [sys.executable, "-c", code, said.target, str(new), str(kept), folder, *limits]
        environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", **os.environ}
        return min(1, abs(subprocess.run(command, check=False, env=environment).returncode))


def fuzz(target: str, arguments: list[str]) -> None:
    """What the process does: the package is instrumented while it is imported."""
    import atheris

    with atheris.instrument_imports(include=["commerce_events"]):
        from .targets import TARGETS
    atheris.Setup([target, *arguments], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
