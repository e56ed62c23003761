"""``commerce_sources``: what a person says of a store is a row, and the exit code tells the truth."""
from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from commerce_events.bus import diagnosis
from commerce_events.bus.sources import Sources
from commerce_events.bus.types import Context
from commerce_events.models import Source
from consumers.fulfillment import api
from tests.engines.schema import TestDatabase
from tests.unit.fulfillment.site import DEMO, Site, paid, refunded, words


class Switched(Site):
    """A site whose stages know what was said of the stores."""

    def __init__(self) -> None:
        super().__init__()
        self.stage.sources = self.sources = Sources()

    @property
    def context(self) -> Context:
        self.sources.refresh(self.now)
        return replace(super().context, stopped=self.sources.stopped)


@pytest.fixture
def switched(database: TestDatabase) -> Switched:
    site = Switched()
    site.course(DEMO)
    return site


def sources(*arguments: str, how: str = "json") -> list[dict[str, Any]]:
    out = StringIO()
    call_command("commerce_sources", *arguments, "--format", how, stdout=out, stderr=StringIO())
    found: list[dict[str, Any]] = json.loads(out.getvalue())
    return found


def test_a_store_that_nobody_spoke_of_runs(switched: Switched, settings: Any) -> None:
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "SOURCE_LIMITS": {"shop": 600, "other": 1}}
    assert [(row["source"], row["state"], row["a_minute"]) for row in sources("list")] == [
        ("other", "running", 1), ("shop", "running", 600),
    ]  # fmt: skip
    assert not Source.objects.exists(), "to look makes nothing"


def test_pause_and_resume_are_rows_with_who_and_why(switched: Switched) -> None:
    (row,) = sources("pause", "shop", "--because", "wrong prices", "--by", "operator")
    assert (row["state"], row["changed_by"], row["because"]) == ("paused", "operator", "wrong prices")
    assert row["changed_at"]
    ada = switched.user("ada")
    switched.receive(paid("100", ada))
    switched.later(3)
    assert switched.seats() == {}
    (found,) = (finding for finding in diagnosis.queues() if finding.about == "store shop")
    assert (found.state, found.says) == (diagnosis.WARNING, "paused, 1 events wait in its queue")
    assert "commerce_sources resume shop" in found.hint
    assert sources("list")[0]["waiting"] == 1
    sources("resume", "shop")
    switched.later(3)
    assert switched.seat(ada) == "verified"
    assert not [finding for finding in diagnosis.queues() if finding.about == "store shop"]


def test_a_stop_says_first_what_it_would_refuse(switched: Switched) -> None:
    sources("pause", "shop")
    switched.receive(paid("100", switched.user("ada")))
    switched.later(3)
    err = StringIO()
    call_command("commerce_sources", "stop", "shop", stdout=StringIO(), stderr=err)
    assert "Nothing was changed" in err.getvalue() and "1 events" in err.getvalue()
    assert Source.objects.get().state == "paused"


def test_what_a_stopped_store_sends_is_refused_and_can_be_retried_later(switched: Switched) -> None:
    ada = switched.user("ada")
    switched.take_in(paid("99", ada))
    sources("stop", "shop", "--yes", "--because", "stolen key")
    switched.later(3)
    before = len(switched.results())
    switched.take_in(paid("100", switched.user("bob")), refunded("99"))
    assert words(switched.results()[before:]) == [("failed", "source_not_allowed")] * 2
    assert switched.seats() == {(ada.pk, DEMO): "verified"}
    sources("resume", "shop")
    switched.later(3)
    assert api.retry_failed("source_not_allowed", "operator") == ["shop:100"]
    switched.work()
    assert len(switched.seats()) == 2


@pytest.mark.parametrize("action", ["pause", "resume", "stop"])
def test_a_store_that_nobody_knows_is_a_slip(switched: Switched, action: str) -> None:
    with pytest.raises(CommandError, match="Allowed are: shop") as caught:
        call_command("commerce_sources", action, "shopp")
    assert caught.value.returncode == 3
    assert not Source.objects.exists()


def test_a_wrong_word_is_a_wrong_command_line(switched: Switched) -> None:
    with pytest.raises(CommandError):
        call_command("commerce_sources", "halt", "shop")
