"""librdkafka's lines about a broker that is away: one now and then."""
from __future__ import annotations

import logging

from commerce_events.bus.seldom import Seldom


def line(kind: str, client: str, text: str = "refused") -> logging.LogRecord:
    return logging.LogRecord("kafka", logging.ERROR, "", 0, "%s [%s] %s", (kind, client, text), None)


def test_one_line_of_each_client_and_kind_passes() -> None:
    seldom = Seldom(60)
    passed = [(kind, client) for kind in ("FAIL", "ERROR") for client in "ab" for _ in range(20)
              if seldom.filter(line(kind, client))]  # fmt: skip
    assert passed == [("FAIL", "a"), ("FAIL", "b"), ("ERROR", "a"), ("ERROR", "b")]


def test_after_a_while_the_next_one_passes() -> None:
    seldom = Seldom(0)
    assert seldom.filter(line("FAIL", "a"))
    assert seldom.filter(line("FAIL", "a"))
