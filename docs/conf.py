"""How Sphinx builds these pages: `make docs`."""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

project = "Commerce events for Open edX"
author = "The Open edX community"
copyright = "the contributors; Apache-2.0"  # noqa: A001  the name is Sphinx's
found = re.search(r'__version__(?:: \w+)? = "([^"]+)"', (ROOT / "commerce_events" / "__init__.py").read_text("utf-8"))
release = version = found.group(1) if found else ""

extensions = ["sphinxcontrib.mermaid"]  # drawn by the reader's browser; the text below a drawing says the same
exclude_patterns = ["_build", "references/_generated"]
default_role = "literal"
nitpicky = True
html_theme = "sphinx_book_theme"
html_title = project
html_show_sourcelink = False
html_static_path = ["_static"] if (ROOT / "docs" / "_static").is_dir() else []
linkcheck_timeout = 10
