"""``manage.py commerce_purge``: nothing is kept longer than it is needed, and nothing goes that still is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import CommandParser

from commerce_events.bus import retention
from commerce_events.bus.conf import bus_settings
from commerce_events.listing import listed
from commerce_events.management.command import CommerceCommand, add_format, whole_number
from commerce_events.management.progress import Progress
from commerce_events.models import DeadLetter

#: Exit codes, and what they say. Stable, and the same as those of commerce-events.
EXIT = {
    0: "done; without --yes: said what would be done",
    2: "the command line is wrong",
    3: "an operator must act: configuration, the database",
}
EPILOG = """
examples:
  manage.py commerce_purge                              what would go, and how much (changes nothing)
  manage.py commerce_purge --yes                        older than COMMERCE_EVENTS['RETENTION_DAYS']
  manage.py commerce_purge --older-than 30 --only payloads --yes
  manage.py commerce_purge --yes --format json          from a scheduler; can be stopped and begun again

What stays: every event's digest and decision, the current result of every line, what is still to be handled or held for
a person, and dead letters that nobody has settled (manage.py commerce_dead_letters).

exit codes:
""" + "\n".join(f"  {code}  {text}" for code, text in EXIT.items())
SAYS = {
    "payloads": "events handled: their payloads, who an order was for among them",
    "parcels": "messages sent: results that a later one has overtaken, and a store's own orders",
    "letters": "dead letters settled: their bytes",
}


class Command(CommerceCommand):
    """Purge."""

    help = "Empty payloads, delete sent messages and empty settled dead letters that are old. Dry without --yes."
    epilog = EPILOG
    halfway = "What was purged is purged; run it again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Flags."""
        parser.add_argument(
            "--older-than", type=whole_number(1, 36_500), metavar="DAYS",
            help="instead of COMMERCE_EVENTS['RETENTION_DAYS']; at least 1",
        )  # fmt: skip
        parser.add_argument("--only", choices=tuple(retention.EVERYTHING), action="append", help="may be repeated")
        parser.add_argument("--yes", action="store_true", help="do it; without it, only say what would be done")
        add_format(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        """Work through the tables, then say what went."""
        days = bus_settings()["RETENTION_DAYS"] if options["older_than"] is None else options["older_than"]
        before = datetime.now(UTC) - timedelta(days=days)
        rows = [self._purge(name, before, options) for name in options["only"] or retention.EVERYTHING]
        self._say_what_stays(before)
        self.stdout.write(listed(rows, ("what", "rows", "done", "about"), options["format"]))
        if not options["yes"] and options["format"] == "table":
            self.stderr.write("Nothing was changed. Say --yes to do it.")

    def _purge(self, name: str, before: datetime, options: dict[str, Any]) -> dict[str, Any]:
        progress, rows = Progress(self.stderr), 0
        for step in retention.EVERYTHING[name](before, not options["yes"]):
            rows += step.rows
            progress.show(name, step.done)
        progress.close()
        return {
            "what": name, "rows": rows, "done": options["yes"], "before": before.isoformat(timespec="seconds"),
            "about": SAYS[name],
        }  # fmt: skip

    def _say_what_stays(self, before: datetime) -> None:
        letters = DeadLetter.objects.filter(state=DeadLetter.State.OPEN, received_at__lt=before).count()
        if letters:
            self.stderr.write(
                f"{letters} dead letters are as old and stay: nobody has settled them. manage.py commerce_dead_letters"
            )
