"""Write the reference pages that follow from the code, so that they cannot say anything else.

``python docs/generate.py`` writes them; with ``--check`` it fails if one of them is not what the code says.
"""
from __future__ import annotations

import difflib
import importlib
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REFERENCES = ROOT / "docs" / "references"

#: page below docs/references → the module of docs/from_code whose ``page()`` makes its text
PAGES = {
    "commands.rst": "commands",
    "reason-codes.rst": "reasons",
    "settings.rst": "settings",
}


def main(arguments: list[str]) -> int:
    """Write or compare; the exit code says whether something differs."""
    differing = 0
    for name, module in PAGES.items():
        page = REFERENCES / name
        text = importlib.import_module(f"docs.from_code.{module}").page().rstrip() + "\n"
        present = page.read_text(encoding="utf-8") if page.exists() else ""
        if present == text:
            continue
        if "--check" not in arguments:
            page.write_text(text, encoding="utf-8")
            print(f"written: {page.relative_to(ROOT)}")
            continue
        differing += 1
        lines = difflib.unified_diff(present.splitlines(), text.splitlines(), name, "the code", n=0, lineterm="")
        print("\n".join(list(lines)[:20]), file=sys.stderr)
    if differing:
        print(f"{differing} pages differ from the code. Run: python docs/generate.py", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    sys.exit(main(sys.argv[1:]))
