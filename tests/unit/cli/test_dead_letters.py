"""``commerce_dead_letters``: says why, shows nobody's data unasked, and what is redriven goes the intake's own way."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command, load_command_class

from commerce_events import topics, wire
from commerce_events.bus import codec, dead_letters
from commerce_events.bus.client import StoreClient
from commerce_events.management.commands.commerce_dead_letters import EXIT
from commerce_events.models import DeadLetter, Inbox
from commerce_events.testing import builders
from consumers.fulfillment.models import Grant
from tests.engines.broker import Broker
from tests.engines.processes import Processes
from tests.engines.schema import TestDatabase
from tests.proof.shop import Shop

CANARY = "canary.letter@example.com"
NAME = "commerce_dead_letters"


def letter(offset: int = 0, **more: Any) -> DeadLetter:
    fields: dict[str, Any] = {
        "topic": "orders", "partition": 0, "reason": "undecodable", "detail": "the bytes end too early",
        "key": CANARY.encode(), "value": CANARY.encode(), "received_at": datetime(2026, 5, 1, tzinfo=UTC),
        "headers": orjson.dumps([["ce_type", CANARY], ["odd", {"hex": "ff"}], ["none", None]]).decode(),
    }  # fmt: skip
    return DeadLetter.objects.create(offset=offset, **{**fields, **more})


@pytest.fixture
def readable(broker: Broker, prefix: str) -> Any:
    """Makes letters that hold a right order of theirs, and so can be read now."""
    client = StoreClient(broker.bootstrap, broker.registry_url, prefix=prefix, register=True)
    event_type = topics.ORDER_PAID_TYPE
    topic = f"{prefix}-{topics.ORDER_TOPIC}"
    schema_id = client.registry.register(topics.subject(topic, event_type), wire.schema_text(event_type))

    def made(order_id: str, offset: int = 0, reason: str = "unknown_schema") -> DeadLetter:
        body = builders.order_paid(order_id, email=CANARY)
        headers = [["ce_type", event_type], ["ce_id", "1"]]
        return letter(
            offset, reason=reason, topic=topic, key=f"shop:{order_id}".encode(), headers=json.dumps(headers),
            value=wire.frame(schema_id, wire.encode(event_type, body)),
        )  # fmt: skip

    yield made
    client.close()


def test_help_shows_examples_and_every_exit_code() -> None:
    shown = load_command_class("commerce_events", NAME).create_parser("manage.py", NAME).format_help()
    assert f"  manage.py {NAME} redrive" in shown
    assert all(f"  {code}  {text}" in shown for code, text in EXIT.items())


@pytest.mark.parametrize("how", ["table", "json", "ndjson", "csv"])
def test_open_letters_are_listed_in_every_format_and_say_nothing_of_anybody(
    how: str, database: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    letter(7)
    letter(8, state="discarded")
    letter(9, value=None, reason="tombstone")
    call_command(NAME, "list", "--format", how)
    out = capsys.readouterr().out
    assert CANARY not in out and CANARY.encode().hex() not in out
    if how == "table":
        assert len(out.splitlines()) == 3 and "undecodable" in out
        return
    read: Any = {
        "json": json.loads, "ndjson": lambda text: [json.loads(line) for line in text.splitlines()],
        "csv": lambda text: list(csv.DictReader(io.StringIO(text))),
    }[how]  # fmt: skip
    assert {int(row["offset"]): str(row["bytes"] or "") for row in read(out)} in (
        {7: str(len(CANARY)), 9: "None"}, {7: str(len(CANARY)), 9: ""},
    )  # fmt: skip


def test_without_a_word_it_lists_what_is_open(
    database: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command(NAME)
    assert "No dead letters that are open" in capsys.readouterr().err
    letter()
    call_command(NAME)
    said = capsys.readouterr()
    assert "undecodable" in said.out and "redrive --all" in said.err


@pytest.mark.parametrize("how", ["table", "json"])
def test_the_bytes_are_shown_when_asked_and_not_before(
    how: str, database: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    row = letter()
    call_command(NAME, "show", str(row.pk), "--format", how)
    shown = capsys.readouterr().out
    assert CANARY not in shown and CANARY.encode().hex() not in shown
    assert "ce_type" in shown and dead_letters.NEXT["undecodable"] in shown
    with pytest.raises(CommandError, match="show-personal-data") as refused:
        call_command(NAME, "show", str(row.pk), "--bytes")
    assert refused.value.returncode == 2
    call_command(NAME, "show", str(row.pk), "--bytes", "--show-personal-data", "--format", how)
    assert CANARY.encode().hex() in capsys.readouterr().out


def test_what_can_be_read_now_goes_into_the_inbox_once_and_the_rest_stays(
    database: TestDatabase, readable: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    first, broken = readable("1"), letter(2)
    again = readable("1", 1)
    again.value = first.value
    again.save()

    with pytest.raises(CommandError, match="1 of 3 still cannot be read") as ended:
        call_command(NAME, "redrive", "--all", "--format", "json")
    assert ended.value.returncode == 6
    assert [row["now"] for row in json.loads(capsys.readouterr().out)].count("readable") == 2
    assert not Inbox.objects.exists()
    assert DeadLetter.objects.filter(state="open").count() == 3

    with pytest.raises(CommandError) as ended:
        call_command(NAME, "redrive", "--all", "--yes", "--by", "operator")
    assert ended.value.returncode == 6
    event = Inbox.objects.get()
    assert (event.state, event.offset, event.event_type) == ("pending", 0, topics.ORDER_PAID_TYPE)
    assert event.due_at is not None
    states = dict(DeadLetter.objects.values_list("pk", "state"))
    assert states == {first.pk: "redriven", again.pk: "redriven", broken.pk: "open"}
    first.refresh_from_db()
    assert first.resolution == "redriven by operator" and first.resolved_at is not None
    assert "1 events wait in the inbox" in capsys.readouterr().err


def test_an_event_that_the_store_sent_again_is_not_handled_twice(
    database: TestDatabase, readable: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    row = readable("1")
    call_command(NAME, "redrive", str(row.pk), "--yes")
    DeadLetter.objects.update(state="open")  # as if the process had died before it marked the row
    call_command(NAME, "redrive", str(row.pk), "--yes")
    assert Inbox.objects.count() == 1
    assert "1 were received before" in capsys.readouterr().err


def test_only_letters_of_one_reason_are_taken_where_one_is_said(database: TestDatabase, readable: Any) -> None:
    readable("1")
    readable("2", 1, reason="too_large")
    call_command(NAME, "redrive", "--all", "--reason", "too_large", "--yes")
    assert list(DeadLetter.objects.filter(state="redriven").values_list("reason", flat=True)) == ["too_large"]


def test_a_registry_that_is_away_changes_nothing(database: TestDatabase, readable: Any, settings: Any) -> None:
    row = readable("1")
    settings.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="does not answer") as ended:
        call_command(NAME, "redrive", "--all", "--yes")
    assert ended.value.returncode == 7
    row.refresh_from_db()
    assert row.state == "open" and not Inbox.objects.exists()


def test_discarding_is_a_dry_run_and_keeps_the_bytes_and_the_reason(database: TestDatabase) -> None:
    row = letter()
    call_command(NAME, "discard", str(row.pk), "--because", "sent again")
    row.refresh_from_db()
    assert row.state == "open"
    call_command(NAME, "discard", str(row.pk), "--because", "sent again", "--by", "operator", "--yes")
    row.refresh_from_db()
    assert (row.state, row.resolution) == ("discarded", "discarded by operator: sent again")
    assert bytes(row.value or b"") == CANARY.encode()
    with pytest.raises(CommandError, match="not among the open") as ended:
        call_command(NAME, "discard", str(row.pk), "--because", "again", "--yes")
    assert ended.value.returncode == 3


@pytest.mark.parametrize("arguments", [["redrive"], ["discard", "--because", "x"], ["redrive", "1", "--all"]])
def test_nothing_is_chosen_by_silence(arguments: list[str], database: TestDatabase) -> None:
    with pytest.raises(CommandError, match="say which") as ended:
        call_command(NAME, *arguments)
    assert ended.value.returncode == 2


def test_every_reason_the_decoder_knows_has_a_next_step() -> None:
    source = Path(codec.__file__).read_text()
    reasons = set(re.findall(r'_RefusedError\(\s*"(\w+)"', source)) | {"undecodable"}
    assert reasons == set(dead_letters.NEXT)


def test_orders_that_were_too_large_for_a_setting_are_fulfilled_after_it_was_raised(
    postgresql: TestDatabase, broker: Broker, prefix: str, processes: Processes
) -> None:
    shop = Shop(broker, prefix)
    for number in range(3):
        shop.paid(number)
    idle = ("consume_commerce_events", "--from", "earliest", "--until-idle", "--accept-poison")
    ended = processes.manage(*idle, settings={"MAX_VALUE_BYTES": 20})
    assert ended.returncode == 0, ended.stderr
    assert set(DeadLetter.objects.values_list("reason", flat=True)) == {"too_large"}

    redriven = processes.manage(NAME, "redrive", "--all", "--yes")
    assert redriven.returncode == 0, redriven.stderr
    assert processes.manage(*idle).returncode == 0
    assert DeadLetter.objects.filter(state="redriven").count() == 3
    assert Grant.objects.count() == 6
    assert set(Inbox.objects.values_list("state", flat=True)) == {"handled"}
