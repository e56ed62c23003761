"""``manage.py commerce_gaps``: partitions that were halted, why, and the decision to read on."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser

from commerce_events.bus import clients, closing, kafka, positions
from commerce_events.bus.conf import bus_settings
from commerce_events.exceptions import OperatorError
from commerce_events.listing import listed
from commerce_events.management.command import CommerceCommand, add_format, whole_number
from commerce_events.models import Gap

#: Exit codes, and what they say. Stable, and the same as those of commerce-events.
EXIT = {
    0: "done; without --yes: said what would be done",
    2: "the command line is wrong",
    3: "an operator must act: configuration, the database, a consumer that still runs",
    7: "the broker does not answer; the same command can succeed later",
}
EPILOG = """
examples:
  manage.py commerce_gaps                          open gaps, and what to do about each
  manage.py commerce_gaps --accept 3               what reading on behind gap 3 would do (changes nothing)
  manage.py commerce_gaps --accept 3 --yes         read on at the first message that is still there
  manage.py commerce_gaps --accept all --at latest --yes

Stop every consumer of the group first, accept, and start them again: Kafka lets nobody else move a group that has
members.

exit codes:
""" + "\n".join(f"  {code}  {text}" for code, text in EXIT.items())
FIELDS = ("id", "topic", "partition", "reason", "from_offset", "to_offset", "detected_at", "resolved_at", "resolution")


class Command(CommerceCommand):
    """List gaps; accept them."""

    help = "Show partitions halted at a gap, and read on behind it. Changes nothing without --yes."
    epilog = EPILOG
    halfway = "What was accepted is accepted; run it again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Flags."""
        parser.add_argument("--all", action="store_true", help="resolved gaps too")
        parser.add_argument("--accept", type=_gap, metavar="ID|all", help="read on behind this gap")
        parser.add_argument(
            "--at", choices=("earliest", "latest"), default="earliest",
            help="where to read on: everything still there (default; what was handled is recognised), or only new "
            "messages",
        )  # fmt: skip
        parser.add_argument("--yes", action="store_true", help="do it; without it, only say what would be done")
        parser.add_argument("--by", default="", help="who decides, for the record (default: the user of this shell)")
        add_format(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        """List, or accept."""
        if options["accept"]:
            self._accept(options)
        else:
            self._list(options)

    def _list(self, options: dict[str, Any]) -> None:
        gaps = Gap.objects.all() if options["all"] else Gap.objects.filter(resolved_at=None)
        rows = [{name: _plain(getattr(gap, name)) for name in FIELDS} for gap in gaps]
        if options["format"] != "table":
            self.stdout.write(listed(rows, FIELDS, options["format"]), ending="\n" if rows else "")
        else:
            for row in rows:
                self.stdout.write(
                    f"gap {row['id']}: {row['topic']}[{row['partition']}] halted at offset {row['from_offset']}; "
                    f"the first message that is there has offset {row['to_offset']}; seen {row['detected_at']}"
                    + (f", {row['resolution']}" if row["resolved_at"] else "")
                    + f"\n  {positions.GAPS.get(str(row['reason']), row['reason'])}"
                    + ("" if row["resolved_at"] else f"\n  to read on: commerce_gaps --accept {row['id']} --yes")
                )
            if not rows:
                self.stdout.write("No open gaps: every partition is read without one.")

    def _accept(self, options: dict[str, Any]) -> None:
        gaps = Gap.objects.filter(resolved_at=None)
        if options["accept"] != "all":
            gaps = gaps.filter(pk=options["accept"])
        if not gaps:
            raise OperatorError(f"there is no open gap {options['accept']}", hint="`commerce_gaps` lists them.")
        settings = bus_settings()
        client = clients.onlooker(settings)
        try:
            ids = kafka.topic_ids(clients.admin(settings), {gap.topic for gap in gaps}, settings.registry_url)
            there = {topic: kafka.partitions(client, topic) for topic in ids}
            by, now = options["by"] or getpass.getuser(), datetime.now(UTC)
            for gap in gaps:
                if there.get(gap.topic) and gap.partition not in there[gap.topic]:
                    if options["yes"]:
                        positions.forget(gap, by, now)
                    what = f"gap {gap.pk}: {gap.topic}[{gap.partition}] is no more (stood at {gap.from_offset})"
                    self.stdout.write(f"{what}; its position is forgotten" + (": done" if options["yes"] else ""))
                    continue
                log = kafka.log_of(client, gap.topic, gap.partition, ids.get(gap.topic, ""))
                offset = log.low if options["at"] == "earliest" else log.high
                what = f"gap {gap.pk}: {gap.topic}[{gap.partition}] reads on at {offset} (stood at {gap.from_offset})"
                if options["yes"]:
                    # Kafka first: a committed offset above the position would look like a restored database
                    kafka.commit(client, {(gap.topic, gap.partition): offset})
                    positions.accept(gap, log, offset, by, now)
                    self.stdout.write(f"{what}: done; {log.high - offset} messages to read")
                else:
                    self.stdout.write(f"{what}; {log.high - offset} messages to read")
        finally:
            closing.close(client)
        if not options["yes"]:
            self.stdout.write("Nothing was changed. Stop the consumers of the group, then say --yes to do it.")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _gap(text: str) -> str | int:
    return text if text == "all" else whole_number(1)(text)
