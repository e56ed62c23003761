"""``manage.py commerce_shadow``: what was decided in shadow mode, beside what there is; and to act upon it at last."""
from __future__ import annotations

import getpass
from collections import Counter
from dataclasses import asdict
from datetime import UTC
from typing import Any

from django.core.management.base import CommandError, CommandParser

from commerce_events.exceptions import OperatorError
from commerce_events.listing import listed
from commerce_events.management.command import CommerceCommand, add_format
from commerce_events.models import Inbox
from consumers.fulfillment import conf, known, shadow

#: Exit codes, and what they say. Stable, and the same as those of commerce-events.
EXIT = {
    0: "done, and nothing differs; act without --yes: said what would be done",
    2: "the command line is wrong",
    3: "an operator must act: configuration, the database, an unknown store, shadow mode is still on",
    6: "some enrollments differ from what was decided",
    7: "the platform does not answer; the same command can succeed later",
}
EPILOG = """
examples:
  manage.py commerce_shadow                               what differs
  manage.py commerce_shadow --source shop --all --format csv
  manage.py commerce_shadow act                           how many events that are (changes nothing)
  manage.py commerce_shadow act --yes                     shadow mode is over: handle them, enroll, tell the stores

A line is "same" if the learner holds what would have been set, "differs" if not, and "older" if a later line speaks of
the same enrollment. What had failed or waits has no enrollment to compare, unless the learner is known.

exit codes:
""" + "\n".join(f"  {code}  {text}" for code, text in EXIT.items())
COLUMNS = (
    "order_key", "line_id", "action", "outcome", "reason_code", "lms_user_id", "course_key", "decided", "found",
    "verdict", "decided_at",
)  # fmt: skip


class Command(CommerceCommand):
    """Compare; act."""

    help = "Compare what shadow mode decided with what there is; act upon it. Changes nothing without --yes."
    epilog = EPILOG

    def add_arguments(self, parser: CommandParser) -> None:
        """Compare, or act."""
        parser.add_argument(
            "action", nargs="?", choices=("compare", "act"), default="compare",
            help="compare (default), or have everything that shadow mode decided handled for good",
        )  # fmt: skip
        parser.add_argument("--source", default="", metavar="STORE", help="only what this store sent")
        parser.add_argument("--all", action="store_true", help="also what is the same, older, or cannot be compared")
        parser.add_argument("--yes", action="store_true", help="do it; without it, only say what would be done")
        parser.add_argument("--by", default="", help="who decides, for the record (default: the user of this shell)")
        add_format(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        """Do what was asked; the exit code tells the truth."""
        (self._act if options["action"] == "act" else self._compare)(options)

    def _compare(self, options: dict[str, Any]) -> None:
        lines = shadow.report(conf.gateway(), options["source"])
        if not lines and options["source"]:
            known.refuse_stranger(options["source"])
        counts = Counter(line.verdict for line in lines)
        shown = [
            {**asdict(line), "decided_at": line.decided_at and line.decided_at.astimezone(UTC).isoformat()}
            for line in lines
            if options["all"] or line.verdict == shadow.DIFFERS
        ]
        text = listed(shown, COLUMNS, options["format"])
        if text:
            self.stdout.write(text)
        if options["format"] == "table":
            self.stderr.write(
                f"{counts[shadow.SAME]} same, {counts[shadow.DIFFERS]} differ, {counts[shadow.OLDER]} older, "
                f"{counts['']} without an enrollment to compare."
            )
        if counts[shadow.DIFFERS]:
            raise CommandError(f"{counts[shadow.DIFFERS]} enrollments are not as decided", returncode=6)

    def _act(self, options: dict[str, Any]) -> None:
        said = conf.shadow()
        if said is True or (said and (not options["source"] or options["source"] in said)):
            raise OperatorError(
                "shadow mode is still on: everything would only be decided again",
                hint="Take the store out of COMMERCE_FULFILLMENT['SHADOW'], start the consumers again, and act; "
                "--source names it while others stay in shadow mode.",
            )
        if options["yes"]:
            done = sum(shadow.act(options["source"], options["by"] or getpass.getuser()))
        else:
            done = shadow.waiting(options["source"])
        if not done and options["source"]:
            known.refuse_stranger(options["source"])
        rows = [{"events": done, "done": options["yes"]}]
        self.stdout.write(listed(rows, ("events", "done"), options["format"]))
        if options["format"] == "table" and not options["yes"]:
            self.stderr.write("Nothing was changed. --yes has them handled by the consumers.")
        left = Inbox.objects.filter(state=Inbox.State.SHADOW).count()
        if options["yes"] and left and options["format"] == "table":
            self.stderr.write(f"{left} events of other stores stay as they are.")
