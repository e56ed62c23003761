"""For a production server: ``gunicorn -c python:commerce_events.gateway.gunicorn commerce_events.gateway.wsgi``.

A process with settings that cannot be used does not start.
"""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from commerce_events.gateway.refusal import told

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "commerce_events.gateway.settings")
# A store waits for the answer: before a statement hangs for longer, it should come again.
os.environ.setdefault("COMMERCE_GATEWAY_STATEMENT_SECONDS", "5")
with told():
    application = get_wsgi_application()

    from commerce_events.gateway import views  # after the settings

    views.reception()
