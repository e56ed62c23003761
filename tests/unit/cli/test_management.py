"""The management commands tell what they are for, and list what there is in every format."""
from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from django.core.management import call_command, load_command_class

from commerce_events.management.commands.consume_commerce_events import EXIT
from commerce_events.models import Gap
from tests.engines.schema import TestDatabase

COMMANDS = ("consume_commerce_events", "commerce_gaps", "commerce_dead_letters")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_examples(name: str) -> None:
    shown = load_command_class("commerce_events", name).create_parser("manage.py", name).format_help()
    assert "examples:" in shown
    assert f"  manage.py {name}" in shown


def test_help_of_the_consumer_shows_every_exit_code() -> None:
    name = "consume_commerce_events"
    shown = load_command_class("commerce_events", name).create_parser("manage.py", name).format_help()
    assert all(f"  {code}  {text}" in shown for code, text in EXIT.items())


@pytest.fixture
def gap(database: TestDatabase) -> Gap:
    return Gap.objects.create(
        group="g", topic="orders", partition=2, reason="offsets_expired", from_offset=5, to_offset=9,
        detected_at=datetime(2026, 5, 1, tzinfo=UTC),
    )  # fmt: skip


@pytest.mark.parametrize("how", ["table", "json", "ndjson", "csv"])
def test_gaps_are_listed_in_every_format(how: str, gap: Gap, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("commerce_gaps", format=how)
    out = capsys.readouterr().out
    if how == "table":
        assert f"gap {gap.pk}: orders[2] halted at offset 5" in out and "commerce_gaps --accept" in out
        return
    rows = {"json": json.loads, "ndjson": lambda text: [json.loads(text)], "csv": _csv}[how](out)
    assert [(row["topic"], int(row["partition"]), int(row["from_offset"])) for row in rows] == [("orders", 2, 5)]


def _csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_without_a_gap_it_says_so(database: TestDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("commerce_gaps")
    assert "No open gaps" in capsys.readouterr().out
