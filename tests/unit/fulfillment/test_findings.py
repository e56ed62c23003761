"""What the doctor says of a site's queues and order lines."""
from __future__ import annotations

from datetime import timedelta
from typing import Any

from commerce_events.bus import diagnosis
from commerce_events.bus.clock import utc_now
from commerce_events.models import Inbox
from consumers.fulfillment.models import Grant
from tests.unit.fulfillment.site import Site, learner, paid


def found() -> dict[str, diagnosis.Finding]:
    return {finding.about: finding for finding in diagnosis.site()}


def test_lines_that_wait_are_counted_and_need_nobody(site: Site) -> None:
    site.deliver(paid("100", learner(email="learner@example.com")))
    about = found()
    assert (about["waiting order lines"].state, about["waiting order lines"].says) == (diagnosis.OK, "1")
    assert (about["held order lines"].state, about["held order lines"].says) == (diagnosis.OK, "0")


def test_held_lines_need_a_person_who_is_told_what_to_type(site: Site) -> None:
    site.deliver(paid("100", site.user("ada")))
    Grant.objects.update(state="held")
    finding = found()["held order lines"]
    assert (finding.state, finding.says) == (diagnosis.WARNING, "1")
    assert "commerce_retry --state held" in finding.hint


def test_only_what_is_due_waits_for_handling_and_only_what_is_late_is_a_warning(site: Site) -> None:
    site.deliver(paid("100", site.user("ada")))
    now = utc_now()
    Inbox.objects.update(state=Inbox.State.PENDING, due_at=now + timedelta(days=1))
    assert found()["events to handle"].says == "0"
    Inbox.objects.update(due_at=now)
    assert found()["events to handle"].state == diagnosis.OK
    Inbox.objects.update(due_at=now - timedelta(minutes=7))
    late = found()["events to handle"]
    assert (late.state, "7 minutes" in late.says) == (diagnosis.WARNING, True)


def test_a_site_without_handlers_fails(site: Site, settings: Any) -> None:
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "HANDLERS": []}
    assert found()["handlers"].state == diagnosis.FAILURE
