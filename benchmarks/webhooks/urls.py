"""The gateway's addresses, and the bare view beside them."""
from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.urls import path

from benchmarks.models import Processed
from commerce_events.gateway.urls import urlpatterns as ours


def bare(request: HttpRequest) -> HttpResponse:
    """One insert, by the ORM, in a transaction of its own."""
    _ = request.body
    Processed.objects.create(event_id=uuid.uuid4().hex)
    return HttpResponse("ok", headers={"Content-Length": "2"})


urlpatterns = [*ours, path("bare", bare)]
