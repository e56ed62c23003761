"""``manage.py commerce_dead_letters``: messages that were set aside, why, and what becomes of them."""

from __future__ import annotations

import getpass
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet
from django.db.models.functions import Length

from commerce_events import topics
from commerce_events.bus import dead_letters, handlers
from commerce_events.bus.clock import utc_now
from commerce_events.bus.codec import Decoder
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.guard import installation
from commerce_events.bus.types import Context
from commerce_events.exceptions import OperatorError
from commerce_events.listing import listed
from commerce_events.management.command import CommerceCommand, add_format, whole_number
from commerce_events.models import DeadLetter

#: Exit codes, and what they say. Stable, and the same as those of commerce-events.
EXIT = {
    0: "done; without --yes: said what would be done",
    2: "the command line is wrong",
    3: "an operator must act: configuration, the database",
    6: "some letters still cannot be read, and stay as they are",
    7: "the registry does not answer; the same command can succeed later",
}
EPILOG = """
examples:
  manage.py commerce_dead_letters                                open ones, and why they were set aside
  manage.py commerce_dead_letters show 7                         one of them; no byte of what it holds
  manage.py commerce_dead_letters show 7 --bytes --show-personal-data
  manage.py commerce_dead_letters redrive --all                  which of them can be read now (changes nothing)
  manage.py commerce_dead_letters redrive --all --reason unknown_schema --yes
  manage.py commerce_dead_letters discard 7 8 --because 'the store sent them again' --yes

exit codes:
""" + "\n".join(f"  {code}  {text}" for code, text in EXIT.items())

COLUMNS = ("id", "state", "reason", "topic", "partition", "offset", "received_at", "age", "bytes", "detail")
JUDGED = ("id", "topic", "partition", "offset", "was", "now", "detail")


class Command(CommerceCommand):
    """List dead letters, show one, redrive, discard."""

    help = "Messages that could not be read: list, show, redrive after a fix, discard. Changes nothing without --yes."
    epilog = EPILOG
    halfway = "What is still open is as it was; run it again."

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command each; none means list."""
        actions = parser.add_subparsers(dest="action", metavar="list|show|redrive|discard")
        parser.set_defaults(action="list", format="table", all=True, ids=[], state="open", reason=None, limit=100)
        listing = actions.add_parser("list", help="what was set aside, the newest first")
        states = (*DeadLetter.State.values, "all")
        listing.add_argument("--state", choices=states, default="open", help="default open")
        listing.add_argument("--limit", type=whole_number(1), default=100, help="so many at most (default 100)")
        showing = actions.add_parser("show", help="one letter: where it was read, why it is none, its headers' names")
        showing.add_argument("id", type=whole_number(1), metavar="ID", help="number of the letter")
        showing.add_argument("--bytes", action="store_true", help="key, headers and value as they came, in hex")
        showing.add_argument(
            "--show-personal-data", action="store_true", help="needed for --bytes: they may name a learner"
        )
        redriving = actions.add_parser("redrive", help="decode again; what can be read now goes into the inbox")
        discarding = actions.add_parser("discard", help="give letters up; their bytes are kept")
        discarding.add_argument("--because", required=True, metavar="TEXT", help="for the record; nobody's name")
        for each in (redriving, discarding):
            each.add_argument("ids", type=whole_number(1), nargs="*", metavar="ID", help="numbers of letters")
            each.add_argument("--all", action="store_true", help="every open letter, or every one with --reason")
            each.add_argument("--yes", action="store_true", help="do it; without it, only say what would be done")
            each.add_argument("--by", default="", help="who decides, for the record (default: the user of this shell)")
        for each in (listing, redriving, discarding):
            each.add_argument("--reason", help="only those set aside for this reason, e.g. unknown_schema")
        add_format(listing, showing, redriving, discarding)

    def handle(self, *_: Any, **options: Any) -> None:
        """Do what was asked; the exit code tells the truth."""
        act = {"list": self._list, "show": self._show, "redrive": self._redrive, "discard": self._discard}
        act[options["action"]](options)

    # ------------------------------------------------------------------------------------------------- looking

    def _list(self, options: dict[str, Any]) -> None:
        letters = DeadLetter.objects.annotate(bytes=Length("value")).defer("key", "value", "headers")
        if options["state"] != "all":
            letters = letters.filter(state=options["state"])
        if options["reason"]:
            letters = letters.filter(reason=options["reason"])
        there = letters.count()
        now = datetime.now(UTC)
        rows = [
            {**_head(row), "age": _age(now - row.received_at), "bytes": row.bytes}
            for row in letters[: options["limit"]]
        ]
        self._print(rows, COLUMNS, options["format"], f"No dead letters that are {options['state']}.")
        if there > len(rows):
            self.stderr.write(f"{there - len(rows)} more: --limit {there}")
        if options["format"] == "table" and any(row["state"] == "open" for row in rows):
            self.stderr.write("Mend the cause, then: commerce_dead_letters redrive --all (says what it would do)")

    def _show(self, options: dict[str, Any]) -> None:
        if options["bytes"] and not options["show_personal_data"]:
            raise CommandError("--bytes may show a learner's address: say --show-personal-data too", returncode=2)
        row = DeadLetter.objects.filter(pk=options["id"]).first()
        if row is None:
            raise OperatorError(f"there is no dead letter {options['id']}", hint="`commerce_dead_letters` lists them.")
        kept = dead_letters.Kept(row)
        key, value, headers = kept.key(), kept.value(), kept.headers()
        said = (dict(headers).get(topics.HEADER_TYPE) or b"").decode("utf-8", "replace")
        facts: dict[str, Any] = {
            **_head(row), "next": dead_letters.NEXT.get(row.reason, ""),
            "resolution": row.resolution, "resolved_at": _time(row.resolved_at),
            "event_type": said if said in topics.EVENT_TYPES else "none of the contract",
            "key_bytes": None if key is None else len(key), "bytes": None if value is None else len(value),
            "header_names": [name for name, _ in headers],
        }  # fmt: skip
        if options["bytes"]:
            facts |= {
                "key": None if key is None else key.hex(), "value": None if value is None else value.hex(),
                "headers": [[name, None if content is None else content.hex()] for name, content in headers],
            }  # fmt: skip
        if options["format"] == "table":
            self.stdout.write("\n".join(f"{name:14}{_shown(content)}" for name, content in facts.items()))
        else:
            self._print([facts], tuple(facts), options["format"], "")

    # ------------------------------------------------------------------------------------------------ deciding

    def _redrive(self, options: dict[str, Any]) -> None:
        settings = bus_settings()
        known = handlers.load(settings.handlers)
        decoder = Decoder(settings.registry(), known, settings["MAX_VALUE_BYTES"], settings.own_topics)
        slug = installation(settings.installation)
        rows: list[dict[str, Any]] = []
        readable = "redriven" if options["yes"] else "readable"
        new = repeated = 0
        for verdicts in dead_letters.judged(self._chosen(options), decoder):
            if options["yes"]:
                context = Context(slug.slug, slug.epoch, utc_now())
                counts = dead_letters.redrive(verdicts, known, context, _by(options))
                new, repeated = new + counts[0], repeated + counts[1]
            rows += [_judged(each.letter, readable if each.event else each.reason, each.detail) for each in verdicts]
        self._print(rows, JUDGED, options["format"], "No open dead letters.")
        if options["yes"]:
            self.stderr.write(f"{new} events wait in the inbox for a consumer; {repeated} were received before.")
        elif rows:
            self.stderr.write("Nothing was changed. --yes redrives what is readable.")
        still = sum(row["now"] != readable for row in rows)
        if still:
            raise CommandError(
                f"{still} of {len(rows)} still cannot be read\nMend the cause; or have the store send the order again, "
                "and `commerce_dead_letters discard` these.",
                returncode=6,
            )

    def _discard(self, options: dict[str, Any]) -> None:
        chosen = list(self._chosen(options).defer("key", "value", "headers"))
        done, word = 0, "would be discarded"
        if options["yes"]:
            said = f"discarded by {_by(options)}: {options['because']}"
            done = dead_letters.settle(chosen, DeadLetter.State.DISCARDED, said, datetime.now(UTC))
            word = "discarded"
        rows = [_judged(row, word, row.detail) for row in chosen]
        self._print(rows, JUDGED, options["format"], "No open dead letters.")
        self.stderr.write(f"{done} discarded." if options["yes"] else "Nothing was changed. --yes discards them.")

    def _chosen(self, options: dict[str, Any]) -> QuerySet[DeadLetter]:
        if bool(options["ids"]) == options["all"]:
            raise CommandError("say which: numbers, or --all (with --reason: all of that reason)", returncode=2)
        letters = DeadLetter.objects.filter(state=DeadLetter.State.OPEN)
        if options["reason"]:
            letters = letters.filter(reason=options["reason"])
        if options["all"]:
            return letters
        letters = letters.filter(pk__in=options["ids"])
        missing = sorted(set(options["ids"]) - set(letters.values_list("pk", flat=True)))
        if missing:
            raise OperatorError(
                f"not among the open dead letters: {', '.join(map(str, missing))}",
                hint="`commerce_dead_letters list --state all` shows those that were settled, too.",
            )
        return letters

    def _print(self, rows: Sequence[dict[str, Any]], columns: Sequence[str], how: str, empty: str) -> None:
        text = listed(rows, columns, how)
        if text:
            self.stdout.write(text)
        elif how == "table":
            self.stderr.write(empty)


def _head(row: DeadLetter) -> dict[str, Any]:
    """What says nothing about anybody."""
    return {
        "id": row.pk, "state": row.state, "reason": row.reason, "topic": row.topic, "partition": row.partition,
        "offset": row.offset, "received_at": _time(row.received_at), "detail": row.detail,
    }  # fmt: skip


def _judged(row: DeadLetter, now: str, detail: str) -> dict[str, Any]:
    """What it was, and what is or would be made of it."""
    return {
        "id": row.pk, "topic": row.topic, "partition": row.partition, "offset": row.offset, "was": row.reason,
        "now": now, "detail": detail,
    }  # fmt: skip


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")


def _age(age: Any) -> str:
    hours = int(age.total_seconds()) // 3600
    return f"{hours // 24} d" if hours >= 48 else f"{hours} h" if hours else f"{int(age.total_seconds()) // 60} min"


def _shown(content: Any) -> str:
    if content is None:
        return "none"
    return content if isinstance(content, str) else json.dumps(content)


def _by(options: dict[str, Any]) -> str:
    return str(options["by"] or getpass.getuser())
