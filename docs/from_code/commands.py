"""The page of commands, from the help that the commands give."""
from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import click
from django.core.management import get_commands, load_command_class

from .rst import code, heading, note, table

#: What every command of Django has.
SHARED = frozenset({
    "--force-color", "--help", "--no-color", "--pythonpath", "--settings", "--skip-checks", "--traceback",
    "--verbosity", "--version", "-h", "-v",
})  # fmt: skip


class Argument(NamedTuple):
    """One argument or sub-command of a Django command. ``path`` names the sub-commands above it."""

    path: tuple[str, ...]
    flags: tuple[str, ...]
    value: str
    help: str


def click_tree(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all below it that are not hidden."""
    for context in contexts(command, None, *path):
        yield tuple(context.command_path.split(" ")), context.command


def contexts(command: click.Command, parent: click.Context | None, *path: str) -> Iterator[click.Context]:
    """The context of a command and of all below it, each with its parent, as click makes them."""
    wide = {**command.context_settings, "max_content_width": 110, "terminal_width": 110}
    context = click.Context(command, parent=parent, info_name=path[-1], **wide)
    yield context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from contexts(child, context, *path, name)


def management_commands() -> list[tuple[str, str]]:
    """App and name of each Django command of ours."""
    named = ((str(app), name) for name, app in get_commands().items())
    return sorted((app, name) for app, name in named if app.startswith(("commerce_events", "consumers.")))


def arguments(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[Argument]:
    """Everything a Django command takes beyond what all of them take."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            for name, child in action.choices.items():
                yield Argument((*path, name), (), "", helps.get(name) or "")
                yield from arguments(child, (*path, name))
        elif not SHARED.intersection(action.option_strings):
            choices = "|".join(map(str, action.choices or ()))
            value = "" if action.nargs == 0 else choices or str(action.metavar or action.dest.upper())
            yield Argument(path, tuple(action.option_strings), value, (action.help or "") % vars(action))


def exit_codes() -> str:
    """How consume_commerce_events ends."""
    from commerce_events.management.commands.consume_commerce_events import EXIT

    rows = ((code(number), meaning) for number, meaning in EXIT.items())
    return note("consume_commerce_events") + table(("Exit code", "Meaning"), rows, "15 85")


def page() -> str:
    """The command line: commerce-events, and what runs inside Django."""
    from commerce_events.cli import main

    text = note("the commands' own help") + heading("Commands", "#")
    text += (
        "Results go to stdout, chatter to stderr. A command that failed does not end with 0. Anything that deletes or\n"
        "repeats is a dry run unless it is told otherwise.\n\n"
    )
    for context in contexts(main, None, "commerce-events"):
        path = context.command_path
        text += heading(path, "*" if path.count(" ") < 2 else "=") + "::\n\n"
        text += "".join(f"    {line}".rstrip() + "\n" for line in context.get_help().splitlines()) + "\n"
    for app, name in management_commands():
        parser = load_command_class(app, name).create_parser("manage.py", name)
        text += heading(f"manage.py {name}", "*") + f"{(parser.description or '').strip()}\n\n"
        for argument in arguments(parser):
            usage = " ".join([*argument.path, ", ".join(argument.flags), argument.value])
            text += f"{code(' '.join(usage.split()))}\n    {argument.help}\n\n"
    return text
