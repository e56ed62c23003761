"""HTTP: the raw body within its limit, headers in lower case, and answers in a line of JSON."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.core.signals import setting_changed
from django.db import DatabaseError, InterfaceError, connection
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from commerce_events.bus.failures import summary
from commerce_events.gateway.conf import options
from commerce_events.gateway.limits import Places, Rates
from commerce_events.gateway.reception import AWAY, Answer, Reception
from commerce_events.stores.conf import stores
from commerce_events.stores.models import StoreOrder

log = logging.getLogger(__name__)


@cache
def reception() -> Reception:
    """This process's.

    Raises:
        OperatorError: a setting cannot be used.
    """
    said = options()
    return Reception(stores(), Rates(said["RATES"]), Places(said["AT_ONCE"], said["QUEUED"]), said["MAX_BODY"])


def forget() -> None:
    """End this process's, with its connections; the next request makes a new one."""
    if reception.cache_info().currsize:
        reception().connections.close()
        reception.cache_clear()


@receiver(setting_changed)
def _forget(setting: str, **_: Any) -> None:
    """Settings change in tests."""
    if setting.startswith("COMMERCE_"):
        forget()


def webhook(request: HttpRequest, source: str) -> HttpResponse:
    """``POST /webhooks/<source>``."""
    if request.method != "POST":
        answer = _answered(Answer(405, "post_only"))
        answer["Allow"] = "POST"
        return answer
    here = reception()
    raw = _body(request, here.max_body)
    if isinstance(raw, Answer):
        return _answered(raw)
    return _answered(here.answer(source, _headers(request.META), raw))


def _body(request: HttpRequest, most: int) -> bytes | Answer:
    """The body as it came, or why it is not read to its end."""
    said = request.META.get("CONTENT_LENGTH") or ""
    chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    if not said.isdecimal() and not (chunked and request.META.get("wsgi.input_terminated")):
        return Answer(411, "length_required")
    if said.isdecimal() and int(said) > most:
        return Answer(413, "too_long")
    stream: Any = request if said.isdecimal() else request.META["wsgi.input"]
    try:
        raw: bytes = stream.read(most + 1)
    except OSError:
        return Answer(400, "broken_off")
    if said.isdecimal() and len(raw) < int(said):
        return Answer(400, "broken_off")
    return Answer(413, "too_long") if len(raw) > most else raw


def healthz(_: HttpRequest) -> HttpResponse:
    """``GET /healthz``: this process answers."""
    return _answered(Answer(200, "ok"))


def readyz(_: HttpRequest) -> HttpResponse:
    """``GET /readyz``: deliveries could be taken, because the database answers and is migrated."""
    try:
        StoreOrder.objects.order_by().exists()
    except (DatabaseError, InterfaceError):
        return _answered(Answer(503, "database_away", AWAY))
    finally:
        connection.close()  # of a thread that may not be asked again for long
    return _answered(Answer(200, "ok"))


def unknown(_: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Anything else."""
    return _answered(Answer(404, "unknown"))


def failed(_: HttpRequest) -> HttpResponse:
    """What nobody foresaw: told to the log without a value, and to the store, which comes again."""
    error = sys.exception()
    log.error("a request failed: %s", summary(error) if error is not None else "no exception")
    return _answered(Answer(503, "failed", AWAY))


def _answered(answer: Answer) -> HttpResponse:
    content = b'{"outcome": "%s"}' % answer.word.encode()
    response = HttpResponse(content, status=answer.status, content_type="application/json")
    response["Content-Length"] = str(len(content))  # else the server sends it in chunks
    if answer.retry_after is not None:
        response["Retry-After"] = str(answer.retry_after)
    return response


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """Names in lower case; of those that WSGI names otherwise, the type of the body."""
    said = {name[5:].replace("_", "-").lower(): text for name, text in environ.items() if name.startswith("HTTP_")}
    return {**said, "content-type": environ.get("CONTENT_TYPE", "")}
