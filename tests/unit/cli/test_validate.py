"""commerce-events validate: every fault with its place, no value ever, and an exit code that tells the truth."""
from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from commerce_events import topics
from commerce_events.cli import main
from commerce_events.contract import examples

ORDER = examples.valid(topics.ORDER_PAID_TYPE)
WRONG = {"order": {**ORDER["order"], "is_test": "false", "revision": -1}}


def run(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(main, ["validate", *arguments], input=stdin)


def records(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "event.json"


def test_a_right_event_ends_with_0(file: Path) -> None:
    file.write_text(json.dumps(ORDER))
    result = run(str(file))
    assert result.exit_code == 0, result.output
    assert "order.paid  valid" in result.stdout


def test_what_cannot_be_known_offline_is_said_to_people_and_not_to_programs(file: Path) -> None:
    file.write_text(json.dumps(ORDER))
    assert "whether the course" in run(str(file)).stderr
    assert "cannot know" in run("--help").stdout
    assert run(str(file), "--format", "ndjson").stderr == ""
    file.write_text(json.dumps(WRONG))
    assert "whether the course" not in run(str(file)).output


def test_every_fault_has_a_hint(file: Path) -> None:
    """Whatever is missing or of another kind, in any event."""
    for event_type, argument in ((each, row.argument) for each, row in topics.EVENT_TYPES.items()):
        body = examples.valid(event_type)[argument]
        for wrong in ({}, dict.fromkeys(body, 1.5), dict.fromkeys(body, "")):
            file.write_text(json.dumps(wrong))
            found = records(run("--type", event_type, str(file), "--format", "ndjson"))
            assert found and not [record for record in found if not record["hint"]]


@pytest.mark.parametrize("event_type", topics.EVENT_TYPES)
def test_the_type_is_told_by_the_event(event_type: str) -> None:
    result = run("-", "--format", "ndjson", stdin=json.dumps(examples.valid(event_type)))
    assert result.exit_code == 0, result.output
    assert records(result)[0]["event"] == ".".join(event_type.split(".")[-3:-1])


@pytest.mark.parametrize("name", ["order.paid", "ORDER_PAID", topics.ORDER_PAID_TYPE])
@pytest.mark.parametrize("body", [ORDER, ORDER["order"]], ids=["whole", "inner"])
def test_the_type_may_be_said_by_any_of_its_names(name: str, body: dict[str, Any]) -> None:
    assert run("--type", name, "-", stdin=json.dumps(body)).exit_code == 0


def test_every_fault_is_told_with_its_place_and_the_code_is_6() -> None:
    result = run("-", "--format", "ndjson", stdin=json.dumps(WRONG))
    assert result.exit_code == 6
    assert {record["path"] for record in records(result)} == {"order.is_test", "order.revision"}
    assert all(record["state"] == "wrong" and record["problem"] for record in records(result))
    assert "2 faults in 1 of 1 event" in result.stderr


def test_a_result_of_the_wrong_type_is_refused() -> None:
    body = examples.valid(topics.FULFILLMENT_COMPLETED_TYPE)
    result = run("--type", "fulfillment.failed", "-", "--format", "ndjson", stdin=json.dumps(body))
    assert [record["path"] for record in records(result)] == ["fulfillment.outcome"]
    assert result.exit_code == 6


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ORDER, WRONG, ORDER]),
        "\n".join(map(json.dumps, [ORDER, WRONG, ORDER])),
        "\n" + "\n\n".join(map(json.dumps, [ORDER, WRONG, ORDER])) + "\n\n",
    ],
    ids=["a list", "one per line", "with empty lines"],
)
def test_a_file_may_hold_many_events(text: str) -> None:
    result = run("-", "--format", "ndjson", stdin=text)
    assert [record["file"] for record in records(result)] == ["stdin:1", "stdin:2", "stdin:2", "stdin:3"]
    assert "2 faults in 1 of 3 events" in result.stderr


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ('{"order": {"a": }}', "line 1, column 17", "is no JSON"),
        (f"{json.dumps(ORDER)}\n{{", "line 2, column 2", "is no JSON"),
        ("", "line 1, column 1", "is no JSON"),
        ("7", "", "is no event"),
        ('"order"', "", "is no event"),
        ("{}", "", "its type cannot be told"),
        ('{"order": 7}', "", "its type cannot be told"),
        ('{"fulfillment": {"outcome": "done"}}', "fulfillment.outcome", "no outcome"),
        ('{"order": {"source": "a", "source": "b"}}', "", "stands twice"),
        ('{"order": {"revision": NaN}}', "", "NaN"),
        ("[" * 100_000, "", "nested too deeply"),
        ('{"order":' * 100_000 + "1" + "}" * 100_000, "", "nested too deeply"),
        ("{}\n" + "[" * 100_000, "", "nested too deeply"),
    ],
)
def test_what_is_no_event_is_said_to_be_none(text: str, path: str, problem: str) -> None:
    result = run("-", "--format", "ndjson", stdin=text)
    assert result.exit_code == 6
    assert any(record["path"] == path and problem in record["problem"] for record in records(result)), result.output


def test_bytes_that_are_no_text_are_refused() -> None:
    result = run("-", "--format", "ndjson", stdin=b"\xff\xfe\x00")
    assert result.exit_code == 6
    assert records(result)[0]["problem"] == "is no UTF-8 text"


def test_an_empty_list_is_no_success() -> None:
    assert run("-", stdin="[]").exit_code == 6


def test_no_value_is_ever_printed() -> None:
    canary = "canary@example.com"

    def planted(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: planted(value) for name, value in node.items()} | {canary: canary}
        return [planted(item) for item in node] if isinstance(node, list) else canary

    result = run("-", stdin=json.dumps(planted(ORDER)))
    assert result.exit_code == 6
    assert "canary" not in result.output


def test_csv_and_json_hold_the_same(file: Path) -> None:
    file.write_text(json.dumps(WRONG))
    rows = list(csv.DictReader(io.StringIO(run(str(file), "--format", "csv").stdout)))
    assert rows == json.loads(run(str(file), "--format", "json").stdout)


@pytest.mark.parametrize("arguments", [(), ("no-such-file.json",), ("--type", "order.payed", "-")])
def test_a_wrong_command_line_ends_with_2(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_a_misspelled_type_is_guessed() -> None:
    assert "Is order.paid meant?" in run("--type", "order.payed", "-").stderr


def test_an_order_that_no_broker_takes_is_refused() -> None:
    line = {**ORDER["order"]["lines"][0], "credit_provider": "🎓" * 255, "sku": "🎓" * 255}
    lines = [{**line, "line_id": str(i)} for i in range(1000)]
    result = run("-", "--format", "ndjson", stdin=json.dumps({"order": {**ORDER["order"], "lines": lines}}))
    assert result.exit_code == 6
    assert "too many" in records(result)[0]["problem"]
