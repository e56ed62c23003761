"""The gateway's addresses, and the bare view beside them."""
from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.urls import path

from benchmarks.models import Processed
from commerce_events.gateway.connections import Connections
from commerce_events.gateway.urls import urlpatterns as ours

#: As the gateway's: else each of the server's 128 threads would keep one, and the database has none left for anybody.
CONNECTIONS = Connections()


def bare(request: HttpRequest) -> HttpResponse:
    """One insert, by the ORM, in a transaction of its own."""
    _ = request.body
    with CONNECTIONS.taken():
        Processed.objects.create(event_id=uuid.uuid4().hex)
    return HttpResponse("ok", headers={"Content-Length": "2"})


urlpatterns = [*ours, path("bare", bare)]
