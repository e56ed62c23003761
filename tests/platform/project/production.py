"""``lms/envs/production.py``: the site's file over the common settings, entry by entry and dictionaries whole."""
from __future__ import annotations

import json
import os
from pathlib import Path

from edx_django_utils.plugins import add_plugins

from tests.platform.project.common import *  # noqa: F403

vars().update(json.loads(Path(os.environ["LMS_CFG"]).read_text(encoding="utf-8")))
add_plugins(__name__, "lms.djangoapp", "production")
