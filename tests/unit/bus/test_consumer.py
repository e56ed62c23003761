"""The consumer behind the bus's own command ends with a code, and names nobody."""
from __future__ import annotations

import pytest
from django.db import IntegrityError

from commerce_events.bus.consumer import DurableConsumer
from commerce_events.bus.worker import Worker

LEARNER = "learner@example.com"


class Failing(DurableConsumer):
    """Meets an error of the database, whose text quotes a row."""

    def _worker(self) -> Worker:
        raise IntegrityError(f"Key (email)=({LEARNER}) already exists.")


def test_why_it_stopped_is_logged_without_the_text_of_the_error(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        Failing("orders", "lms").consume_indefinitely()
    assert ended.value.code == 1
    assert "IntegrityError" in caplog.text and "test_consumer.py" in caplog.text
    assert LEARNER not in caplog.text
