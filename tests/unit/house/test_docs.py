"""What the documentation says is so: commands, options, settings, targets, files, links, snippets."""
from __future__ import annotations

import argparse
import itertools
import json
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from django.core.management import get_commands, load_command_class

from commerce_events.cli import main
from commerce_events.topics import EVENT_TYPES
from commerce_events.validation import faults
from consumers.fulfillment.rules.reasons import REASONS
from docs.from_code import commands, settings
from docs.generate import PAGES, REFERENCES, made

ROOT = Path(__file__).resolve().parents[3]
GENERATED = {REFERENCES / name for name in PAGES}
WRITTEN = sorted({ROOT / "README.rst", *(ROOT / "docs").rglob("*.rst")} - GENERATED)
TOP_LEVEL = ("commerce_events/", "consumers/", "docs/", "tests/", "schemas/", "deploy/", "requirements/", "scripts/")


def blocks(path: Path, language: str) -> Iterator[str]:
    """The code blocks of a page in one language."""
    pattern = rf"^\.\. code-block:: {language}\n\n((?:(?: {{4}}| {{3}}).*\n|\n)+)"
    for found in re.finditer(pattern, path.read_text(encoding="utf-8"), re.MULTILINE):
        yield textwrap.dedent(found.group(1))


def literals(path: Path) -> list[str]:
    return [" ".join(text.split()) for text in re.findall(r"``([^`]+)``", path.read_text(encoding="utf-8"))]


def typed(path: Path) -> Iterator[str]:
    """Every command line on a page: in blocks of shell, and as a literal in a sentence."""
    for block in blocks(path, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            yield re.sub(r"^([A-Z_]+=\S+ )+", "", line.strip())  # what it sets in the environment
    yield from (text for text in literals(path) if text.startswith(("commerce-events ", "make ", "./manage.py ")))


def on_pages(start: str) -> list[tuple[str, str]]:
    lines = [(page.relative_to(ROOT).as_posix(), line) for page in WRITTEN for line in typed(page)]
    return [(page, line) for page, line in lines if re.match(start, line)]


def words(line: str) -> list[str]:
    return shlex.split(line.replace("…", ""), comments=True)


@pytest.mark.parametrize(("page", "line"), on_pages("commerce-events "))
def test_a_line_with_our_command_names_what_exists(page: str, line: str) -> None:
    rest, command = words(line)[1:], main
    while rest and isinstance(command, click.Group):
        child = command.get_command(click.Context(command), rest[0])
        assert child is not None or rest[0].startswith("-"), f"{page}: no command {rest[0]!r}"
        if child is None:
            break
        command, rest = child, rest[1:]
    known = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)} | {"--help"}
    used = {word.split("=")[0] for word in rest if word.startswith("--")}
    assert used <= known, f"{page}: {line}"


def flags(parser: argparse.ArgumentParser) -> set[str]:
    return {flag for action in parser._actions for flag in action.option_strings}


@pytest.mark.parametrize(("page", "line"), on_pages(r"\./manage.py "))
def test_a_line_with_a_django_command_names_what_exists(page: str, line: str) -> None:
    name, *rest = [word for word in words(line)[1:] if word != "lms"]
    assert name in get_commands(), f"{page}: no command {name!r}"
    parser: argparse.ArgumentParser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    known = flags(parser)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            assert rest[0] in action.choices, f"{page}: {line}"
            known |= flags(action.choices[rest[0]])
    assert {word.split("=")[0] for word in rest if word.startswith("--")} <= known, f"{page}: {line}"


def test_every_target_that_is_named_exists_and_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z_-]*):.*## ", makefile, re.MULTILINE))
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)", makefile, re.MULTILINE)
    assert phony is not None
    assert set(phony.group(1).replace("\\", " ").split()) == targets
    for page, line in on_pages("make( |$)"):
        named = {word for word in words(line)[1:] if "=" not in word and word.islower()}
        assert named <= targets, f"{page}: {line}"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.name)
def test_files_that_are_named_exist(page: Path) -> None:
    named = {text.split(":")[0].rstrip(",;") for text in literals(page) if text.startswith(TOP_LEVEL)}
    assert {name for name in named if " " not in name and not list(ROOT.glob(name.rstrip("/")))} == set()


def test_links_of_the_readme_lead_somewhere() -> None:
    text = (ROOT / "README.rst").read_text(encoding="utf-8")
    targets = [link for link in re.findall(r"<([^>\s]+)>`_", text) if "://" not in link]
    assert targets
    assert [link for link in targets if not (ROOT / link).exists()] == []


def test_the_readme_keeps_the_order_of_the_platform() -> None:
    lines = (ROOT / "README.rst").read_text(encoding="utf-8").splitlines()
    headings = [above for above, line in itertools.pairwise(lines) if re.fullmatch(r"\*{4,}", line)]
    assert headings == [
        "Purpose", "Getting Started", "Getting Help", "License", "Contributing", "The Open edX Code of Conduct",
        "People", "Reporting Security Issues",
    ]  # fmt: skip
    first = next(blocks(ROOT / "README.rst", "bash"))
    assert [line.split("#")[0].strip() for line in first.strip().splitlines()] == ["make demo", "make test"]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.name)
def test_python_snippets_are_python(page: Path) -> None:
    for snippet in blocks(page, "python"):
        compile(snippet, str(page), "exec")


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.name)
def test_json_snippets_are_valid_events(page: Path) -> None:
    for snippet in blocks(page, "json"):
        body = json.loads(snippet)
        (event_type,) = (row.event_type for row in EVENT_TYPES.values() if row.argument in body)
        assert list(faults(event_type, body)) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_says_what_the_code_says(name: str) -> None:
    assert (REFERENCES / name).read_text(encoding="utf-8") == made(name), "run: python docs/generate.py"


def test_every_command_is_explained() -> None:
    silent = [" ".join(path) for path, command in commands.click_tree(main, "commerce-events") if not command.help]
    for app, name in commands.management_commands():
        parser = load_command_class(app, name).create_parser("manage.py", name)
        silent += [name] if not parser.description else []
        silent += [
            f"{name} {argument}" for argument in commands.arguments(parser)
            if not argument.help and "--format" not in argument.flags
        ]  # fmt: skip
    assert silent == []


def test_every_setting_is_explained() -> None:
    silent = [
        f"{name}[{entry.key!r}]"
        for name, (_, path) in settings.OUR_SETTINGS.items()
        for entry in settings.entries(path)
        if not entry.comment
    ]
    assert silent == []


def test_reason_codes_are_those_of_the_contract() -> None:
    """The list is closed: a change of it is a change of the contract, and says so here and in the change log."""
    assert " ".join(REASONS) == (
        "ok course_not_found course_key_invalid mode_not_found mode_expired course_full enrollment_closed "
        "blocked_by_filter learner_unidentified learner_not_found identity_conflict learner_retired learner_embargoed "
        "account_not_active unknown_product unsupported_product nothing_to_fulfill quantity_unsupported "
        "credit_provider_missing source_not_allowed schema_invalid line_changed better_mode_held duplicate_purchase "
        "already_enrolled refund_before_paid amount_only_refund quantity_remaining other_grant certificate_issued "
        "mode_changed_since grant_not_found test_order access_kept discarded released_by_learner database_unavailable "
        "content_store_unavailable internal_error"
    )
