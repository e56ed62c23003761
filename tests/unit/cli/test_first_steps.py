"""What somebody meets in the first minutes: a dead address, a wrong word, settings that are not there."""
from __future__ import annotations

import argparse

import pytest
from click.testing import CliRunner

from commerce_events.cli import main
from commerce_events.management.commands.consume_commerce_events import _start

NOWHERE = ["--bootstrap", "127.0.0.1:9", "--registry", "http://127.0.0.1:9"]


def test_the_dry_run_names_the_topic_with_its_prefix() -> None:
    shown = CliRunner().invoke(main, ["trigger", "order.paid", "--dry-run", "--prefix", "stage"])
    assert shown.exit_code == 0
    assert "stage-commerce-order-lifecycle" in shown.stdout


def test_a_time_that_is_none_is_refused_with_the_forms_there_are() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="earliest, latest, or a time such as"):
        _start("yesterday")


def test_settings_that_cannot_be_imported_are_the_operators_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    import django

    def refuse() -> None:
        raise ModuleNotFoundError("No module named 'mysite'")

    monkeypatch.setattr(django, "setup", refuse)
    ended = CliRunner().invoke(main, ["doctor", *NOWHERE])
    assert ended.exit_code == 3
    assert "folder of manage.py" in ended.stderr
