"""The command as a whole: what it lists, and how it ends."""
from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from commerce_events.cli import COMMANDS, main
from commerce_events.cli.exits import EXITS
from commerce_events.cli.group import Group
from commerce_events.exceptions import ContractError, OperatorError, PermanentError, TransientError
from commerce_events.management.commands.consume_commerce_events import EXIT


def raising(error: BaseException) -> click.Group:
    """A group whose only command raises."""

    def act() -> None:
        raise error

    group = Group({}, name="commerce-events")
    group.add_command(click.Command("act", callback=act))
    return group


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there_and_shows_an_example(name: str) -> None:
    shown = CliRunner().invoke(main, [name, "--help"])

    assert shown.exit_code == 0
    assert "Examples:" in shown.output
    assert f"commerce-events {name}" in shown.output


def test_help_lists_every_command_and_every_exit_code() -> None:
    shown = CliRunner().invoke(main, ["--help"])

    assert shown.exit_code == 0
    assert all(f"\n  {name}" in shown.output for name in COMMANDS)
    assert all(f"\n  {code}  " in shown.output for code in EXITS)


def test_it_tells_its_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output.startswith("commerce-events, version ")


@pytest.mark.parametrize(
    ("error", "code", "hint"),
    [
        (OperatorError("no Java", hint="Install it."), 3, "Install it."),
        (ContractError("is missing", path="order.lines", hint="Give one."), 6, "Give one."),
        (TransientError("the broker does not answer"), 7, "try again|succeed later"),
        (PermanentError("will not get better"), 1, ""),
    ],
)
def test_an_error_of_ours_ends_with_its_code_and_its_hint_on_stderr(error: Exception, code: int, hint: str) -> None:
    ended = CliRunner().invoke(raising(error), ["act"])

    assert ended.exit_code == code
    assert ended.stdout == ""
    assert f"Error: {error}" in ended.stderr
    assert any(part in ended.stderr for part in hint.split("|"))
    assert code in EXITS


def test_a_fault_of_the_program_keeps_its_trace_and_says_whose_it_is() -> None:
    ended = CliRunner().invoke(raising(KeyError("x")), ["act"])

    assert ended.exit_code == 1
    assert ended.exception is not None
    assert "fault of commerce-events" in ended.exception.__notes__[0]


def test_a_command_that_lacks_a_package_is_listed_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)  # as Python says: not to be had
    group = Group({"metrics": "prometheus_client:anything"}, name="commerce-events")

    ended = CliRunner().invoke(group, ["metrics", "--any", "option"])

    assert ended.exit_code == 3
    assert "openedx-commerce-events[metrics]" in ended.stderr
    assert "openedx-commerce-events[metrics]" in CliRunner().invoke(group, ["--help"]).output


def test_without_click_it_says_what_to_install() -> None:
    program = (
        "import sys\n"
        "sys.modules['click'] = None\n"
        "from commerce_events.cli import main\n"
        "sys.exit(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert ended.returncode == 3
    assert "pip install 'openedx-commerce-events[cli]'" in ended.stderr


def test_codes_that_the_consumer_has_too_mean_the_same() -> None:
    assert EXITS[2] == EXIT[2]
    assert EXITS[3].partition(":")[0] == EXIT[3].partition(":")[0]
    assert not (EXIT.keys() - {0, 1, 2, 3}) & EXITS.keys()
