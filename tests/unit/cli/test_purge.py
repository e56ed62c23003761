"""``commerce_purge``: what is old and not needed goes; dedupe, current results, journeys and retries do not notice."""
from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command, load_command_class

from commerce_events.bus import outbox, retention
from commerce_events.management.commands.commerce_purge import EXIT
from commerce_events.management.progress import Progress
from commerce_events.models import DeadLetter, Inbox, Outbox, OutboxBatch
from consumers.fulfillment import api
from consumers.fulfillment.rules.decide import LINES_EXPIRED
from tests.engines.schema import TestDatabase
from tests.unit.fulfillment.site import DEMO, Site, learner, paid, refunded

EMAIL = "learner@example.com"
LONG_AGO = datetime.now(UTC) - timedelta(days=400)


@pytest.fixture
def old(database: TestDatabase) -> Site:
    """A site whose events were handled and whose results were sent long ago."""
    site = Site()
    site.course(DEMO)
    site.now = LONG_AGO
    site.user("ada")
    site.deliver(paid("100", learner(email="ada@example.com")), paid("200", learner(email=EMAIL)))
    site.deliver(refunded("100"))
    sent()
    return site


def sent() -> None:
    """All of it, and long ago."""
    OutboxBatch.objects.all().delete()
    Inbox.objects.exclude(handled_at=None).update(handled_at=LONG_AGO)
    Outbox.objects.update(created_at=LONG_AGO)


def today(site: Site) -> Site:
    site.now = datetime.now(UTC) + timedelta(minutes=1)
    site.work()
    return site


def purge(**options: Any) -> dict[str, int]:
    rows: list[dict[str, Any]] = json.loads(called(format="json", **options))
    return {row["what"]: row["rows"] for row in rows}


def called(**options: Any) -> str:
    from io import StringIO

    out = StringIO()
    call_command("commerce_purge", stdout=out, **options)
    return out.getvalue()


def kept() -> list[Any]:
    tables: list[Any] = [Inbox.objects.order_by("pk"), Outbox.objects.order_by("pk"), DeadLetter.objects.order_by("pk")]
    return [[{**row, "messages": bytes(row.get("messages", b""))} for row in table.values()] for table in tables]


def current() -> dict[tuple[int, str], int]:
    streams = set(Inbox.objects.values_list("stream_id", flat=True))
    return {
        (stream, message.slot): message.sequence
        for stream, messages in outbox.current(streams).items()
        for message in messages
    }


def payloads() -> str:
    return "".join(Inbox.objects.values_list("payload", flat=True))


def test_without_yes_it_says_the_same_and_changes_nothing(old: Site) -> None:
    before = kept()
    said = purge()
    assert kept() == before
    assert said["payloads"] > 0
    assert purge(yes=True) == said
    assert kept() != before
    assert purge(yes=True) == dict.fromkeys(retention.EVERYTHING, 0), "and nothing is left for a second time"


def test_no_event_names_anybody_any_more(old: Site) -> None:
    assert EMAIL in payloads()
    purge(yes=True)
    assert "@" not in payloads()


def test_a_copy_is_still_recognised_and_the_current_results_are_there(old: Site) -> None:
    before = current()
    assert len(before) >= 3
    purge(yes=True)
    assert current() == before
    results = today(old).results()
    old.deliver(paid("100", learner(email="ada@example.com")), refunded("100"))
    assert old.results() == results


def test_a_journey_is_told_as_before(old: Site) -> None:
    assert api.retry("shop", "200", ["1"], "someone")
    today(old)
    sent()
    before = api.journey("shop", "200")
    purge(yes=True)
    assert api.journey("shop", "200") == before
    assert before is not None and "someone" in {step.actor for step in before.steps}


def test_a_line_that_waits_goes_on_waiting(old: Site) -> None:
    purge(yes=True)
    Inbox.objects.filter(event_type=LINES_EXPIRED).update(due_at=datetime.now(UTC) + timedelta(days=1))
    user = old.user("learner")
    today(old)
    assert old.seat(user) == "verified"


def test_a_result_that_was_overtaken_goes_when_all_of_its_parcel_were(database: TestDatabase) -> None:
    site = Site()
    site.course(DEMO)
    site.now = LONG_AGO
    site.deliver(paid("100", learner(email=EMAIL)))  # deferred
    Inbox.objects.filter(event_type=LINES_EXPIRED).update(due_at=datetime.now(UTC) + timedelta(days=1))
    user = site.user("learner", email=EMAIL)
    today(site)  # completed: the same fact
    sent()
    assert site.seat(user) == "verified"
    waiting = [OutboxBatch.objects.create(pk=parcel.batch_id, messages=1, created_at=LONG_AGO)
               for parcel in Outbox.objects.all()]  # fmt: skip
    assert purge(yes=True)["parcels"] == 0, "not sent yet"
    for batch in waiting:
        batch.delete()
    before, parcels = current(), Outbox.objects.count()
    assert purge(yes=True)["parcels"] == parcels - 1 == 1
    assert current() == before


def test_messages_of_a_store_go_when_they_were_sent(sqlite: TestDatabase) -> None:
    packed = outbox.pack(0, "org.example.sold.v1", "1", 0, "slot", "topic", "key", "", EMAIL.encode())
    outbox.write_packed([packed], LONG_AGO)
    assert purge(yes=True)["parcels"] == 0
    sent()
    assert purge(yes=True)["parcels"] == 1


@pytest.mark.parametrize("more", [
    {"state": "held"}, {"state": "pending", "due_at": datetime.now(UTC) + timedelta(days=1)},
    {"state": "handled", "handled_at": datetime.now(UTC)},
])  # fmt: skip
def test_what_is_needed_or_young_stays(sqlite: TestDatabase, more: dict[str, Any]) -> None:
    Inbox.objects.create(
        digest=b"1" * 32, stream_id=1, event_type="org.example.v1", payload=EMAIL, received_at=LONG_AGO, **more
    )
    assert purge(yes=True)["payloads"] == 0
    assert payloads() == EMAIL


def test_what_learners_did_leaves_no_row_for_ever(sqlite: TestDatabase) -> None:
    site = Site()
    site.now = datetime.now(UTC) + timedelta(minutes=1)
    site.user("ada")
    site.work()
    Inbox.objects.update(handled_at=LONG_AGO)
    assert Inbox.objects.count() == 1
    purge(yes=True)
    assert not Inbox.objects.exists()


def test_letters_that_were_settled_lose_their_bytes_and_open_ones_are_said(
    sqlite: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    def letter(offset: int, **more: Any) -> DeadLetter:
        return DeadLetter.objects.create(
            topic="orders", partition=0, offset=offset, reason="undecodable", key=b"k", value=EMAIL.encode(),
            headers="[]", received_at=LONG_AGO, **more,
        )  # fmt: skip

    still_open, young, settled = letter(1), letter(2), letter(3, state="discarded", resolved_at=LONG_AGO)
    DeadLetter.objects.filter(pk=young.pk).update(state="redriven", resolved_at=datetime.now(UTC))
    assert purge(yes=True)["letters"] == 1
    settled.refresh_from_db()
    assert (settled.value, settled.key, settled.headers, settled.reason) == (None, None, "", "undecodable")
    for row in (still_open, young):
        row.refresh_from_db()
        assert row.value is not None
    assert "1 dead letters" in capsys.readouterr().err
    call_command("commerce_dead_letters", "show", str(settled.pk))


def test_long_tables_are_worked_through_in_chunks(sqlite: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(retention.CHUNKS, Inbox, 3)
    for number in (1, 2, 3, 4, 1 << 40, 1 << 62):  # keys have holes
        Inbox.objects.create(
            pk=number, digest=str(number).ljust(32).encode(), stream_id=1, event_type="org.example.v1", payload=EMAIL,
            state="handled", handled_at=LONG_AGO, received_at=LONG_AGO,
        )  # fmt: skip
    steps = list(retention.payloads(datetime.now(UTC), False))
    assert [step.rows for step in steps] == [3, 3]
    assert [step.done for step in steps] == [0.5, 1.0]


@pytest.mark.parametrize("how", ["table", "json", "ndjson", "csv"])
def test_every_format(sqlite: TestDatabase, how: str) -> None:
    assert "payloads" in called(format=how)


def test_help_shows_examples_and_exit_codes() -> None:
    shown = load_command_class("commerce_events", "commerce_purge").create_parser("manage.py", "x").format_help()
    assert "  manage.py commerce_purge" in shown
    assert all(f"  {code}  {text}" in shown for code, text in EXIT.items())


def test_the_setting_counts_where_no_flag_does(old: Site, settings: Any) -> None:
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "RETENTION_DAYS": 500}
    assert purge(yes=True) == dict.fromkeys(retention.EVERYTHING, 0)
    assert purge(yes=True, older_than=300)["payloads"] > 0
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, "RETENTION_DAYS": "long"}
    with pytest.raises(CommandError) as ended:
        called()
    assert ended.value.returncode == 3


class Terminal:
    """What a terminal was written."""

    def __init__(self, is_terminal: bool) -> None:
        self.text, self.is_terminal = "", is_terminal

    def isatty(self) -> bool:
        return self.is_terminal

    def write(self, text: str, ending: str = "\n") -> None:
        self.text += text + ending

    def flush(self) -> None:
        pass


def test_a_bar_for_a_terminal_and_silence_for_a_file() -> None:
    for is_terminal in (True, False):
        stream = Terminal(is_terminal)
        bar = Progress(stream)
        bar.show("payloads", 0.5)
        bar.show("payloads", 0.5)
        bar.close()
        assert stream.text.count("50%") == is_terminal
        assert bool(stream.text) == is_terminal
