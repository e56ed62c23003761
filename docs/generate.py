"""Write the reference pages that follow from the code, so that they cannot say anything else.

``python docs/generate.py`` writes them; with ``--check`` it fails if one of them is not what the code says. A plot is
drawn again when its data has changed; only then is matplotlib needed.
"""
from __future__ import annotations

import difflib
import importlib
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REFERENCES = ROOT / "docs" / "references"

#: page, or part of one, below docs/references → module and function of docs/from_code that make its text
PAGES = {
    "_generated/event-types.rst": "contract.event_types",
    "_generated/exit-codes.rst": "commands.exit_codes",
    "_generated/fault-runs.rst": "campaign.page",
    "_generated/headers.rst": "contract.headers",
    "_generated/line-situations.rst": "lines.situations",
    "_generated/line-states.mmd": "lines.drawing",
    "_generated/line-states.rst": "lines.states",
    "_generated/line-transitions.rst": "lines.transitions",
    "_generated/capacity.rst": "capacity.page",
    "_generated/capacity-ends.rst": "capacity.ends",
    "_generated/capacity-inputs.rst": "capacity.inputs",
    "_generated/capacity-sensitivity.rst": "capacity.sensitivity",
    "_generated/performance.rst": "performance.page",
    "_generated/stock-loop.rst": "faults.page",
    "_generated/store-calls.rst": "orders.calls",
    "_generated/store-line-states.rst": "orders.line_states",
    "_generated/store-order-statuses.rst": "orders.order_statuses",
    "_generated/topics.rst": "contract.topic_table",
    "checks-and-exit-codes.rst": "checks.page",
    "commands.rst": "commands.page",
    "data-dictionary.rst": "contract.data_dictionary",
    "metrics.rst": "metrics.page",
    "reason-codes.rst": "reasons.page",
    "settings.rst": "settings.page",
}


def made(name: str) -> str:
    """The text of a page, as the code has it now."""
    module, function = PAGES[name].split(".")
    text: str = getattr(importlib.import_module(f"docs.from_code.{module}"), function)()
    return text.rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """Write or compare; the exit code says whether something differs."""
    differing = 0
    for name in PAGES:
        page, text = REFERENCES / name, made(name)
        present = page.read_text(encoding="utf-8") if page.exists() else ""
        if present == text:
            continue
        if "--check" not in arguments:
            page.parent.mkdir(exist_ok=True)
            page.write_text(text, encoding="utf-8")
            print(f"written: {page.relative_to(ROOT)}")
            continue
        differing += 1
        lines = difflib.unified_diff(present.splitlines(), text.splitlines(), name, "the code", n=0, lineterm="")
        print("\n".join(list(lines)[:20]), file=sys.stderr)
    differing += _plots(is_check="--check" in arguments)
    if differing:
        print(f"{differing} pages differ from the code. Run: python docs/generate.py", file=sys.stderr)
    return 1 if differing else 0


def _plots(is_check: bool) -> int:
    """Draw, or count, the plots whose data has changed."""
    plots = importlib.import_module("docs.from_code.plots")
    folder = REFERENCES / plots.FOLDER
    changed = [name for name in plots.PLOTS if not plots.is_current(name, folder)]
    for name in changed:
        if is_check:
            print(f"{name}.svg shows other figures than benchmarks/results has", file=sys.stderr)
        else:
            importlib.import_module("docs.from_code.drawing").draw(name, folder)
            print(f"drawn: docs/references/{plots.FOLDER}/{name}.svg")
    return len(changed) if is_check else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    sys.exit(main(sys.argv[1:]))
