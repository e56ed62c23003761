"""``manage.py commerce_adopt``: enrollments that the store before us sold enter the ledger as they stand."""
from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import CommandParser

from commerce_events.exceptions import OperatorError
from commerce_events.listing import listed
from commerce_events.management.command import CommerceCommand, add_format, whole_number
from commerce_events.management.progress import Progress
from consumers.fulfillment import adoption, conf

#: Exit codes, and what they say. Stable, and the same as those of commerce-events.
EXIT = {
    0: "done; without --yes: said what would be done",
    2: "the command line is wrong",
    3: "an operator must act: configuration, the database",
}
EPILOG = """
examples:
  manage.py commerce_adopt --source old-shop                   count them (changes nothing)
  manage.py commerce_adopt --source old-shop --yes             adopt them
  manage.py commerce_adopt --source old-shop --after 120000    go on behind an enrollment's id
  manage.py commerce_adopt --source old-shop --format json

Nobody is enrolled, changed or told: only the ledger learns who holds what by which order, so that a refund of an old
order takes it back. The consumer does it, so it must run. To do it twice changes nothing.

exit codes:
""" + "\n".join(f"  {code}  {text}" for code, text in EXIT.items())


class Command(CommerceCommand):
    """Adopt."""

    help = "Take enrollments that another system sold into the ledger, without acting. Dry without --yes."
    epilog = EPILOG

    def add_arguments(self, parser: CommandParser) -> None:
        """Flags."""
        parser.add_argument(
            "--source", required=True, metavar="SLUG", help="the store of orders that name none; of SOURCES"
        )
        parser.add_argument(
            "--after", type=whole_number(0), default=0, metavar="ID", help="begin behind this enrollment's id"
        )
        parser.add_argument("--yes", action="store_true", help="do it; without it, only say what would be done")
        add_format(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        """Look at each, say what became of them."""
        counts: Counter[str] = Counter()
        progress, last = Progress(self.stderr), options["after"]
        self.halfway = f"Go on with --after {last}."
        try:
            sources = conf.policy().sources
            if options["source"] not in sources:
                raise OperatorError(
                    f"{options['source']} is not on the list of stores",
                    hint=f"COMMERCE_FULFILLMENT['SOURCES'] has: {', '.join(sorted(sources)) or 'none'}. Its refunds "
                    "would be refused.",
                )
            for step in adoption.steps(conf.gateway(), options["source"], sources, last, not options["yes"]):
                counts += step.counts
                last = step.last_id
                self.halfway = f"Go on with --after {last}."
                progress.show("enrollments", step.done)
        finally:
            progress.close()
        shown = [
            {"what": what, "enrollments": counts[what], "done": options["yes"], "about": about}
            for what, about in adoption.SAYS.items()
        ]
        self.stdout.write(listed(shown, ("what", "enrollments", "done", "about"), options["format"]))
        if options["format"] == "table":
            self.stderr.write(f"Up to enrollment {last}." if last else "The platform knows no order of any enrollment.")
            if not options["yes"]:
                self.stderr.write("Nothing was changed. Say --yes to do it.")
