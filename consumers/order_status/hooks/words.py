"""What a call says to people: one sentence about an order, for the notes of a shop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from consumers.order_status.hooks import News


def sentence(news: News) -> str:
    """In plain English; ends with the beginning of the call's id, by which a repeated one is recognised."""
    said = _request(news.body) if news.kind == "refund.requested" else _order(news.body)
    return f"Open edX: {said} [{mark(news)}]"


def mark(news: News) -> str:
    """Stands in every sentence of this call, and of no other."""
    return news.id[:8]


def _order(body: Mapping[str, Any]) -> str:
    lines = "; ".join(_line(line) for line in body["lines"] if line["is_news"])
    return f"{body['status'].replace('_', ' ')}." + (f" {lines}." if lines else "")


def _line(line: Mapping[str, Any]) -> str:
    what = line["course_key"] or (f"line {line['line_id']}" if line["line_id"] else "the order")
    reason = line["reason_code"] if line["reason_code"] not in (None, "ok") else ""
    why = ", ".join(part for part in (reason, line["alarm"]) if part)
    return f"{what} {line['state']}" + (f" ({why})" if why else "")


def _request(body: Mapping[str, Any]) -> str:
    window = "within" if body["is_within_window"] else "outside of"
    return f"the learner has left {body['course_key']}, {window} the refund window. Decide about the money."
