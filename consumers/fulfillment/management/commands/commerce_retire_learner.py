"""``manage.py commerce_retire_learner``: nothing that we keep names a learner who has retired."""
from __future__ import annotations

import getpass
import re
from collections.abc import Iterator, Sequence
from itertools import batched
from typing import Any

from django.core.management.base import CommandError, CommandParser

from commerce_events.bus.retention import Step
from commerce_events.listing import listed
from commerce_events.management.command import CommerceCommand, add_format, whole_number
from commerce_events.management.progress import Progress
from consumers.fulfillment import conf, sweep
from consumers.fulfillment.sweep import Sought

#: Exit codes, and what they say. Stable, and the same as those of commerce-events.
EXIT = {
    0: "done; without --yes: said what would be done",
    2: "the command line is wrong",
    3: "an operator must act: configuration, the database, an account that has not retired",
    7: "the platform does not answer; the same command can succeed later",
}
EPILOG = """
examples:
  manage.py commerce_retire_learner --all                     everybody whom the LMS is retiring (changes nothing)
  manage.py commerce_retire_learner --all --yes               nightly, or as a step of the retirement pipeline
  manage.py commerce_retire_learner --user-id 7 --yes
  manage.py commerce_retire_learner --email learner@example.com --yes    a buyer who never had an account, too

Open lines end as failed, learner_retired; those of an address without an account as failed, discarded. Order keys, line
ids, the account's number, decisions and results stay. Run it before the LMS deletes the record of the retirement, which
is the last place that knows the address. The consumer must run for the lines to end.

exit codes:
""" + "\n".join(f"  {code}  {text}" for code, text in EXIT.items())
SAYS = {
    "lines": "open lines that end",
    "events": "events whose payload named them",
    "letters": "dead letters that held their name or address",
}


class Command(CommerceCommand):
    """Forget learners."""

    help = "Scrub name and address of learners who have retired, and end their open lines. Dry without --yes."
    epilog = EPILOG
    halfway = "What was scrubbed is scrubbed; run it again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Flags."""
        parser.add_argument("--all", action="store_true", help="everybody whom the platform is retiring now")
        parser.add_argument("--user-id", type=whole_number(1), metavar="N", help="number of the account")
        parser.add_argument("--username", default="", metavar="NAME", help="as it was")
        parser.add_argument("--email", default="", metavar="ADDRESS", help="as it was")
        parser.add_argument("--yes", action="store_true", help="do it; without it, only say what would be done")
        parser.add_argument("--by", default="", help="who does it, for the record (default: the user of this shell)")
        add_format(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        """Find them, look through everything, say what was found."""
        one = options["user_id"] is not None or bool(options["username"] or options["email"])
        if one == options["all"]:
            raise CommandError("who? --all, or one person by --user-id, --username and --email", returncode=2)
        if options["email"] and not re.fullmatch(r"[^\s@]+@[^\s@]+", options["email"]):
            raise CommandError("--email takes an address, such as learner@example.com", returncode=2)
        gateway = conf.gateway()
        gateway.begin()
        names = options["user_id"], options["username"], options["email"]
        people = sweep.everybody(gateway) if options["all"] else [sweep.somebody(gateway, *names)]
        rows = self._sweep(people, not options["yes"], options["by"] or getpass.getuser())
        shown = [{"what": name, "rows": rows[name], "done": options["yes"], "about": SAYS[name]} for name in SAYS]
        self.stdout.write(listed(shown, ("what", "rows", "done", "about"), options["format"]))
        if options["format"] == "table":
            self.stderr.write(f"{len(people)} learner(s).")
            if not options["yes"]:
                self.stderr.write("Nothing was changed. Say --yes to do it.")

    def _sweep(self, people: Sequence[Sought], is_dry: bool, actor: str) -> dict[str, int]:
        rows = dict.fromkeys(SAYS, 0)
        for some in batched(people, sweep.TOGETHER):
            for what, steps in (
                ("lines", sweep.lines(some, is_dry, actor)),
                ("events", sweep.events(some, is_dry)),
                ("letters", sweep.letters(some, is_dry, actor)),
            ):
                rows[what] += self._follow(what, steps)
        return rows

    def _follow(self, what: str, steps: Iterator[Step]) -> int:
        progress, rows = Progress(self.stderr), 0
        for step in steps:
            rows += step.rows
            progress.show(what, step.done)
        progress.close()
        return rows
