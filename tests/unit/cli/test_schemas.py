"""commerce-events schemas: what it prints, what it changes, and what it refuses."""
from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from commerce_events import avsc, topics
from commerce_events.cli import main
from commerce_events.contract import examples, files
from commerce_events.exceptions import OperatorError
from commerce_events.registry import Registry


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["schemas", *arguments], env={"EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": ""})


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose schemas/ is as after a release."""
    folder = tmp_path / "schemas"
    folder.mkdir()
    files.write(folder)
    files.release(folder)
    monkeypatch.setattr(files, "checkout", lambda: folder)
    return folder


@pytest.mark.parametrize("arguments", [(), ("generate",)])
def test_generating_twice_changes_nothing(checkout: Path, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Nothing changed." in result.stderr


@pytest.mark.parametrize("arguments", [("--check",), ("generate", "--check")])
def test_a_check_changes_nothing_and_fails_where_something_would_change(
    checkout: Path, arguments: tuple[str, ...]
) -> None:
    assert run(*arguments).exit_code == 0
    path = checkout / f"{topics.ORDER_PAID_TYPE}.avsc"
    path.write_text("{}")
    result = run(*arguments)
    assert result.exit_code == 3
    assert f"schemas/{path.name}: differs" in result.stdout
    assert path.read_text() == "{}"
    assert run().stdout == f"schemas/{path.name}\n"
    assert run(*arguments).exit_code == 0


def test_a_forbidden_change_is_refused_before_anything_is_written(checkout: Path) -> None:
    path = checkout / "released" / topics.ORDER_PAID_TYPE / "1.avsc"
    path.write_text(path.read_text().replace('"revision"', '"edition"'))
    (checkout / "asyncapi.json").unlink()
    result = run("generate")
    assert result.exit_code == 3
    assert "order.edition: was removed or renamed" in result.stderr
    assert not (checkout / "asyncapi.json").exists()
    assert run("generate", "--release").exit_code == 3


def test_a_release_freezes_what_is_new(checkout: Path) -> None:
    (checkout / files.INDEX).unlink()
    assert "not released" in run("generate").stderr
    assert run("--check").exit_code == 3
    result = run("generate", "--release")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 3 * len(topics.EVENT_TYPES)
    assert run("--check").exit_code == 0


def test_an_installed_package_generates_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(files, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    with pytest.raises(OperatorError, match="no source checkout"):
        files.checkout()


def test_the_list_shows_every_type_with_topic_and_subject() -> None:
    listed = json.loads(run("list", "--prefix", "prod", "--format", "json").stdout)
    assert [record["type"] for record in listed] == list(topics.EVENT_TYPES)
    assert listed[0]["subject"] == f"prod-{topics.ORDER_TOPIC}-{topics.ORDER_PAID_TYPE}.CloudEvent"


@pytest.mark.parametrize("name", ["order.paid", "ORDER_PAID", topics.ORDER_PAID_TYPE])
def test_a_schema_is_shown_as_the_file_as_registered_and_by_example(name: str) -> None:
    file = (files.checkout() / f"{topics.ORDER_PAID_TYPE}.avsc").read_text()
    assert json.loads(run("show", name).stdout) == json.loads(file)
    assert run("show", name, "--as", "registered").stdout == avsc.schema_text(topics.ORDER_PAID_TYPE) + "\n"
    assert json.loads(run("show", name, "--as", "example").stdout) == examples.valid(topics.ORDER_PAID_TYPE)


def test_a_misspelled_name_is_guessed() -> None:
    result = run("show", "order.payed")
    assert result.exit_code == 2
    assert "Is order.paid meant?" in result.stderr


@pytest.mark.parametrize("command", ["register", "check"])
def test_a_registry_must_be_named_and_there(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")
    assert run(command).exit_code == 3
    assert run(command, "--registry", "http://127.0.0.1:1").exit_code == 7


def test_registering_is_a_dry_run_unless_told_otherwise(broker: Any) -> None:
    where = ("--registry", broker.registry_url, "--prefix", f"test-{time.time_ns()}", "--format", "json")

    dry = run("register", *where)
    assert dry.exit_code == 0
    assert {record["state"] for record in json.loads(dry.stdout)} == {"would be registered"}
    assert "--yes" in dry.stderr
    missing = run("check", *where)
    assert missing.exit_code == 3
    assert {record["state"] for record in json.loads(missing.stdout)} == {"missing"}

    done = run("register", *where, "--yes")
    assert {record["state"] for record in json.loads(done.stdout)} == {"registered now"}
    again = run("register", *where)
    assert {record["state"] for record in json.loads(again.stdout)} == {"registered"}
    assert again.stderr == ""
    assert run("check", *where).exit_code == 0


def test_somebody_elses_version_is_judged(broker: Any) -> None:
    prefix = f"test-{time.time_ns()}"
    where = ("--registry", broker.registry_url, "--prefix", prefix)
    run("register", *where, "--yes")
    registry = Registry(broker.registry_url)
    subject = topics.subject(f"{prefix}-{topics.ORDER_TOPIC}", topics.ORDER_PAID_TYPE)

    longer = json.loads(avsc.schema_text(topics.ORDER_PAID_TYPE))
    longer["fields"][0]["type"]["fields"].append({"name": "note", "type": ["null", "string"], "default": None})
    registry.register(subject, json.dumps(longer))
    assert run("check", *where).exit_code == 0

    other = json.loads(avsc.schema_text(topics.ORDER_PAID_TYPE))
    other["fields"][0]["type"]["fields"][0]["type"] = "long"
    registry.register(subject, json.dumps(other))
    result = run("check", *where, "--format", "json")
    assert result.exit_code == 3
    judged = {record["state"]: record["detail"] for record in json.loads(result.stdout) if record["version"] != "ours"}
    assert judged.keys() == {"readable", "unreadable"}
    assert "order.source" in judged["unreadable"]
