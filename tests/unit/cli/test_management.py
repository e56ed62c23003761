"""The management commands tell what they are for, and list what there is in every format."""
from __future__ import annotations

import argparse
import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import click
import pytest
from django.core.management import call_command, get_commands, load_command_class
from django.db import connection

from commerce_events.cli import main
from commerce_events.models import Gap
from docs.from_code.commands import contexts
from tests.engines.schema import TestDatabase, pointed_at

#: What each of ours needs at least.
LEAST = {"commerce_adopt": ["--source", "shop"], "commerce_retire_learner": ["--all"], "commerce_retry": ["--all"]}


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


def ours() -> dict[str, str]:
    """Commands of ours, and their apps; the consumer waits for a database, and is not among them."""
    found = {name: str(app) for name, app in get_commands().items() if str(app).startswith(("commerce_", "consumers."))}
    return {name: app for name, app in found.items() if name != "consume_commerce_events"}


def run(name: str, *arguments: str) -> int:
    """A command as a shell runs it; its exit code."""
    with pytest.raises(SystemExit) as ended:
        load_command_class(str(get_commands()[name]), name).run_from_argv(["manage.py", name, *arguments])
    return int(ended.value.code or 0)


@pytest.mark.parametrize("name", sorted(ours()))
def test_without_migrations_every_command_says_so(
    name: str, sqlite: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'commerce_events'")
        cursor.execute("DROP TABLE commerce_events_deadletter")
    assert run(name, *LEAST.get(name, [])) == 3
    said = capsys.readouterr().err
    assert "unapplied migrations: commerce_events.0001_initial" in said and "manage.py migrate" in said
    assert "Traceback" not in said and "asked for stays" not in said


@pytest.mark.parametrize("name", sorted(ours()))
def test_without_a_database_every_command_says_so(
    name: str, sqlite: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    with pointed_at("sqlite:////nowhere/at-all.sqlite3"):
        assert run(name, *LEAST.get(name, [])) == 3
    said = capsys.readouterr().err
    assert "the database does not answer" in said and "Nothing was changed" in said
    assert "Traceback" not in said


def parser(name: str) -> argparse.ArgumentParser:
    return load_command_class(str(get_commands()[name]), name).create_parser("manage.py", name)


def sub_parsers(of: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [action.choices for action in of._actions if isinstance(action, argparse._SubParsersAction)]
    return {name: child for choices in found for name, child in choices.items()}


@pytest.mark.parametrize("name", [*sorted(ours()), "consume_commerce_events"])
def test_help_of_every_command_has_examples_and_exit_codes(name: str) -> None:
    shown = parser(name).format_help()
    assert f"  manage.py {name}" in shown
    assert all(f"\n  {code}  " in shown.partition("exit codes:")[2] for code in (0, 2, 3))
    for action, child in sub_parsers(parser(name)).items():
        assert f"\n  manage.py {name} {action}" in child.format_help()


@pytest.mark.parametrize("name", [*sorted(ours()), "consume_commerce_events"])
def test_every_flag_says_what_it_is(name: str) -> None:
    for each in (parser(name), *sub_parsers(parser(name)).values()):
        silent = [
            action.dest for action in each._actions
            if not action.help and not isinstance(action, argparse._SubParsersAction)
        ]  # fmt: skip
        assert silent == []


def test_every_option_of_the_command_line_says_what_it_is() -> None:
    for context in contexts(main, None, "commerce-events"):
        for option in context.command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{context.command_path} {option.name}"


@pytest.mark.parametrize("line", [
    "commerce_purge --older-than 99999999", "commerce_purge --older-than 0", "commerce_purge --older-than long",
    "commerce_dead_letters list --limit -1", "commerce_dead_letters list --limit 0",
    f"commerce_dead_letters show {1 << 63}", f"commerce_dead_letters discard {1 << 63} --because x",
    "consume_commerce_events --concurrency 0", "consume_commerce_events --concurrency two",
    "consume_commerce_events --deadline nan", "consume_commerce_events --deadline -1",
    "commerce_gaps --accept every", f"commerce_gaps --accept {1 << 63}", "commerce_adopt --source shop --after -1",
    f"commerce_retire_learner --user-id {1 << 63}", "commerce_retire_learner --email notanaddress",
    "commerce_retry --order garbage", "commerce_retry --order shop:", "commerce_retry --order :1",
    "commerce_retry --order shop:1 --source other", "commerce_retry --all --source shop", "commerce_retry",
])  # fmt: skip
def test_a_wrong_command_line_ends_with_2(
    line: str, sqlite: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*line.split()) == 2
    said = capsys.readouterr().err
    assert len(said) > 20 and "Traceback" not in said


@pytest.mark.parametrize(("line", "says"), [
    ("commerce_retry --source nobody", "no store is called 'nobody'"),
    ("commerce_retry --order shop:doesnotexist", "of order shop:doesnotexist nothing was received"),
    ("commerce_shadow --source nobody", "no store is called 'nobody'"),
    ("commerce_shadow act --source nobody", "no store is called 'nobody'"),
    ("commerce_sources pause nobody", "no store is called 'nobody'"),
    ("commerce_gaps --accept 7", "there is no open gap 7"),
])  # fmt: skip
def test_what_nobody_knows_ends_with_3(
    line: str, says: str, sqlite: TestDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*line.split()) == 3
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(("missing", "says"), [
    ("HANDLERS", "HANDLERS'] is empty: nobody would handle"), ("TOPICS", "TOPICS'] is empty: there is nothing to take"),
])  # fmt: skip
def test_a_consumer_that_would_have_nothing_to_do_says_so(
    missing: str, says: str, sqlite: TestDatabase, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.COMMERCE_EVENTS = {**settings.COMMERCE_EVENTS, missing: []}
    assert run("consume_commerce_events", "--skip-checks") == 3
    said = capsys.readouterr().err
    assert says in said and "--only relay" in said


@pytest.mark.parametrize("line", ["commerce_retry --source shop", "commerce_shadow --source shop"])
def test_a_store_that_has_nothing_open_is_well(line: str, sqlite: TestDatabase) -> None:
    name, *arguments = line.split()
    load_command_class(str(get_commands()[name]), name).run_from_argv(["manage.py", name, *arguments])
