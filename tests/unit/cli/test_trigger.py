"""``commerce-events trigger``: what it would send is what it sends, and any field can be said."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from commerce_events import topics, wire
from commerce_events.cli import main
from tests.engines.broker import Broker


def trigger(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["trigger", *arguments])


def dry(*arguments: str) -> dict[str, Any]:
    ended = trigger(*arguments, "--dry-run", "--format", "json")
    assert ended.exit_code == 0, ended.output
    said: dict[str, Any] = json.loads(ended.stdout)
    return said


def test_a_dry_run_shows_bytes_that_decode_to_the_event_and_needs_no_broker() -> None:
    said = dry("order.paid", "--order", "7", "--learner", "42")
    assert said["body"]["order"]["learner"]["lms_user_id"] == 42
    _, body = wire.unframe(bytes.fromhex(said["value"]))
    assert wire.decode(topics.ORDER_PAID_TYPE, body) == said["body"]
    assert len(bytes.fromhex(said["value"])) == said["bytes"]
    assert said["headers"]["ce_type"] == topics.ORDER_PAID_TYPE


@pytest.mark.parametrize(
    ("learner", "field"), [("42", "lms_user_id"), ("learner@example.com", "email"), ("learner", "username")]
)
def test_a_learner_is_named_as_one_can(learner: str, field: str) -> None:
    assert str(dry("order.paid", "--learner", learner)["body"]["order"]["learner"][field]) == learner


def test_any_field_can_be_set_and_the_key_follows() -> None:
    said = dry("order.paid", "--set", "order_id=9", "--set", "source=other", "--set", "lines.0.quantity=3")
    assert said["key"] == "other:9"
    assert said["body"]["order"]["lines"][0]["quantity"] == 3


@pytest.mark.parametrize("assignment", ["nothing", "no.such.field=1", "lines.9.quantity=1"])
def test_a_field_that_is_not_there_is_a_usage_error(assignment: str) -> None:
    assert trigger("order.paid", "--dry-run", "--set", assignment).exit_code == 2


def test_an_event_that_breaks_the_contract_is_not_sent() -> None:
    ended = trigger("order.paid", "--dry-run", "--set", "lines.0.quantity=-1")
    assert ended.exit_code == 6
    assert "quantity" in ended.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"no json", "line 1, column 1"),
        (b"[1]", "holds no event"),
        (b'{"order": 3}', "holds no event"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"order":' * 100_000, "nested too deeply"),
        (b"\xff\xfe", "no UTF-8"),
        (b'{"order": {"a": NaN}}', "NaN"),
        (b"1" * 5000, "too long"),
    ],
)
def test_a_file_that_holds_no_event_is_told_with_what_would_be_right(
    content: bytes, says: str, tmp_path: Path
) -> None:
    (tmp_path / "order.json").write_bytes(content)
    ended = trigger("order.paid", "--dry-run", "--file", str(tmp_path / "order.json"))
    assert ended.exit_code == 6
    assert says in ended.stderr and "Hint:" in ended.stderr


def test_a_file_that_is_not_there_is_a_usage_error_and_one_that_cannot_be_read_the_operators() -> None:
    assert trigger("order.paid", "--dry-run", "--file", "nowhere.json").exit_code == 2
    ended = trigger("order.paid", "--dry-run", "--file", "/proc/self/mem")
    assert ended.exit_code == 3
    assert "cannot be read" in ended.stderr


def test_a_field_that_is_set_to_a_depth_is_no_fault_of_the_program() -> None:
    assert trigger("order.paid", "--dry-run", "--set", f"lines={'[' * 100_000}").exit_code == 6


def test_a_file_without_a_source_is_a_fault_of_the_contract(tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text('{"order": {"order_id": "1"}}')
    ended = trigger("order.paid", "--dry-run", "--file", str(tmp_path / "order.json"), "--set", "order_id=2")
    assert ended.exit_code == 6


def test_the_partition_of_a_dry_run_is_the_brokers(broker: Broker, prefix: str) -> None:
    from commerce_events.bus.partitions import partition_of

    for order in ("1", "ü", "1234567"):
        ended = trigger(
            "order.paid", "--order", order, "--bootstrap", broker.bootstrap, "--registry", broker.registry_url,
            "--prefix", prefix, "--format", "json",
        )  # fmt: skip
        assert ended.exit_code == 0, ended.output
        placed = json.loads(ended.stdout)
        assert placed["partition"] == partition_of(f"shop:{order}", 3)
