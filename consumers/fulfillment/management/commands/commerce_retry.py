"""``manage.py commerce_retry``: have what waits, is held or has failed decided again, or give it up."""
from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from commerce_events.listing import listed
from commerce_events.management.command import CommerceCommand, add_format
from commerce_events.management.progress import Progress
from consumers.fulfillment import backlog, known
from consumers.fulfillment.rules.reasons import REASONS

#: Exit codes, and what they say. Stable, and the same as those of commerce-events.
EXIT = {
    0: "done; without --yes: said what would be done",
    2: "the command line is wrong",
    3: "an operator must act: configuration, the database, a store or an order that nobody knows",
}
EPILOG = """
examples:
  manage.py commerce_retry --all                                        everything held or failed (changes nothing)
  manage.py commerce_retry --reason course_not_found --course course-v1:edX+Demo+2026 --yes
  manage.py commerce_retry --source shop --state failed --reason source_not_allowed --yes
  manage.py commerce_retry --order shop:100 --approve --yes             a refund held for a certificate, too
  manage.py commerce_retry --discard --state waiting --source old-shop --yes

What a person gave up, and what ended with its learner's account, is not among all: name its reason or its order.
A retry counts from the beginning again. A line that is given up ends as failed, discarded; a refund that is given up
leaves the access. The consumers must run for it to happen; who asked is kept with each order.

exit codes:
""" + "\n".join(f"  {code}  {text}" for code, text in EXIT.items())
COLUMNS = ("what", "order_key", "line_id", "state", "reason_code", "course_key", "refund_id", "is_lost")
DONE = {
    (False, False): "would be decided again", (False, True): "are decided again",
    (True, False): "would be given up", (True, True): "are given up",
}  # fmt: skip


class Command(CommerceCommand):
    """Choose, show, and retry or discard."""

    help = "Have lines, held refunds and held events decided again, or give them up. Changes nothing without --yes."
    epilog = EPILOG
    halfway = "What was asked for stays asked for; run it again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Flags."""
        parser.add_argument("--all", action="store_true", help="needed where no other condition is given")
        parser.add_argument("--reason", default="", metavar="CODE", help="only what has this reason code")
        parser.add_argument("--course", default="", metavar="KEY", help="only lines of this course")
        parser.add_argument("--source", default="", metavar="STORE", help="only orders of this store")
        parser.add_argument("--order", default="", metavar="STORE:ID", help="only this order")
        parser.add_argument(
            "--state", choices=backlog.STATES, action="append", help="may be repeated (default: held and failed)"
        )
        parser.add_argument("--discard", action="store_true", help="give up instead of trying again")
        parser.add_argument(
            "--approve", action="store_true", help="carry held refunds out although a certificate was earned"
        )
        parser.add_argument("--yes", action="store_true", help="do it; without it, only say what would be done")
        parser.add_argument("--by", default="", help="who decides, for the record (default: the user of this shell)")
        add_format(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        """Find, do, show."""
        choice = self._choice(options)
        found = backlog.find(choice)
        if not found and choice.order_key:
            known.refuse_strange_order(choice.order_key)
        if not found and choice.source:
            known.refuse_stranger(choice.source)
        if options["discard"]:
            found = [each for each in found if each.state != "failed"]  # that is its end already
        if options["yes"]:
            self._do(found, options)
        text = listed([asdict(each) for each in found], COLUMNS, options["format"])
        if text:
            self.stdout.write(text)
        if options["format"] == "table":
            lost = sum(each.is_lost for each in found)
            if lost and not options["discard"]:
                self.stderr.write(
                    f"{lost} cannot be: their order's payload was purged, and nobody knows who they were for. Have the "
                    "store sell them again."
                )
                found = [each for each in found if not each.is_lost]
            self.stderr.write(f"{len(found)} {DONE[options['discard'], options['yes']]}.")
            if not options["yes"]:
                self.stderr.write("Nothing was changed. Say --yes to do it.")

    def _choice(self, options: dict[str, Any]) -> backlog.Choice:
        said = [options[name] for name in ("reason", "course", "source", "order", "state")]
        if any(said) == options["all"]:
            raise CommandError("what? --all, or some of --reason, --course, --source, --order, --state", returncode=2)
        reason = options["reason"]
        if reason and reason not in REASONS and not reason.startswith("x_"):
            raise CommandError(f"{reason} is no reason code; docs/references/reason-codes.rst lists them", returncode=2)
        if options["discard"] and options["approve"]:
            raise CommandError("--approve carries a refund out, --discard gives it up: one of them", returncode=2)
        source, _, order_id = options["order"].partition(":")
        if options["order"] and not (source and order_id):
            raise CommandError(f"{options['order']} is no order: --order takes STORE:ID, as in shop:100", returncode=2)
        if options["order"] and options["source"] not in ("", source):
            raise CommandError(f"no order of {options['source']} is called {options['order']}", returncode=2)
        states = tuple(options["state"] or ("held", "failed"))
        return backlog.Choice(states, reason, options["course"], options["source"], options["order"])

    def _do(self, found: list[backlog.Found], options: dict[str, Any]) -> None:
        actor = options["by"] or getpass.getuser()
        if options["discard"]:
            steps = backlog.discard(found, actor)
        else:
            steps = backlog.retry(found, actor, is_approved=options["approve"])
        progress, done = Progress(self.stderr), 0
        for count in steps:
            done += count
            progress.show("asked for", min(1.0, done / len(found)))
        progress.close()
