"""For a production server: ``gunicorn -c python:commerce_events.gateway.gunicorn commerce_events.gateway.wsgi``.

A process with settings that cannot be used does not start.
"""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "commerce_events.gateway.settings")
# A store waits for the answer: before a statement hangs for longer, it should come again.
os.environ.setdefault("COMMERCE_GATEWAY_STATEMENT_SECONDS", "5")
application = get_wsgi_application()

from commerce_events.gateway import views  # noqa: E402  after the settings

views.reception()
