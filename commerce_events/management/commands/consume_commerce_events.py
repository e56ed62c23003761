"""``manage.py consume_commerce_events``: the LMS side of commerce events, all three stages in one process."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandParser

from commerce_events.bus import handlers
from commerce_events.bus.beginning import BEGIN, NoPositionError
from commerce_events.bus.conf import bus_settings
from commerce_events.bus.tables import refuse_unmigrated
from commerce_events.bus.worker import STAGES, Options, Worker
from commerce_events.exceptions import OperatorError
from commerce_events.management.command import CommerceCommand, whole_number
from commerce_events.models import Position

#: Exit codes, and what they say. Stable: orchestrators and alert rules depend on them.
EXIT = {
    0: "stopped as asked, or nothing left to do (--until-idle)",
    1: "an unexpected failure; what was not committed is done again at the next start",
    2: "the command line is wrong",
    3: "an operator must act: configuration, permissions, unapplied migrations",
    4: "the group has no position and --from was not given",
    5: "--until-idle ended, but partitions are halted at a gap",
}

EPILOG = """
examples:
  manage.py consume_commerce_events --from earliest        first start: every order still on the topic
  manage.py consume_commerce_events                        go on where the database stands
  manage.py consume_commerce_events --only relay           publish only: all that a store needs
  manage.py consume_commerce_events --until-idle --format json
  manage.py consume_commerce_events --replay --from 2026-01-31T00:00:00Z --until-idle

exit codes:
""" + "\n".join(f"  {code}  {text}" for code, text in EXIT.items())


class Command(CommerceCommand):
    """Consume order events, fulfil them, publish the results."""

    help = "Receive order events, fulfil or revoke enrollments, and publish the results."
    epilog = EPILOG
    requires_migrations_checks = False  # the worker looks: it waits for a database that is away

    def add_arguments(self, parser: CommandParser) -> None:
        """Flags."""
        parser.add_argument("--only", choices=STAGES, action="append", help="run this stage only (may be repeated)")
        parser.add_argument(
            "--from", dest="start", type=_start, metavar="earliest|latest|TIME",
            help="where a group without a position begins; TIME in ISO 8601, in UTC if it names no zone",
        )  # fmt: skip
        parser.add_argument(
            "--concurrency", type=whole_number(1, 64), default=1, help="threads that handle orders (default 1)"
        )
        parser.add_argument("--until-idle", action="store_true", help="end when nothing is left to do")
        parser.add_argument(
            "--replay", action="store_true", help="read again from --from, although there is a position"
        )
        parser.add_argument(
            "--accept-poison", action="store_true", help="set unreadable messages aside even where nothing else comes"
        )
        parser.add_argument(
            "--deadline", type=_seconds, default=25.0, help="seconds to end in after SIGTERM (default 25)"
        )
        parser.add_argument("--health-file", help="file that says ok while every stage gets on")
        parser.add_argument("--metrics", metavar="HOST:PORT", help="where Prometheus may ask, e.g. 127.0.0.1:9464")
        parser.add_argument("--format", choices=("table", "json"), default="table", help="how the totals are printed")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run; the exit code tells the truth."""
        sys.exit(self._run(options))

    def _run(self, options: dict[str, Any]) -> int:
        if not logging.getLogger().handlers:
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        if options["replay"] and options["start"] is None:
            self.stderr.write("--replay needs --from: how far back?")
            return 2
        try:
            flags = {"HEALTH_FILE": options["health_file"], "METRICS": options["metrics"]}
            settings = bus_settings(**{name: said for name, said in flags.items() if said})
            known = handlers.load(settings.handlers)
            stages = frozenset(options["only"] or STAGES)
            if not known and stages != {"relay"}:
                raise OperatorError(
                    "COMMERCE_EVENTS['HANDLERS'] is empty: nobody would handle an event",
                    hint="For an LMS: ['consumers.fulfillment.handler.FulfillmentHandler']. A store that publishes and "
                    "consumes nothing runs the relay alone: --only relay.",
                )
            if not settings.topics and "intake" in stages:
                raise OperatorError(
                    "COMMERCE_EVENTS['TOPICS'] is empty: there is nothing to take in",
                    hint="Leave it out for the order topic; --only handle and --only relay need none.",
                )
            worker = Worker(settings, known, Options(
                stages=stages, start=options["start"], concurrency=options["concurrency"],
                until_idle=options["until_idle"], replay=options["replay"], accept_poison=options["accept_poison"],
                deadline=options["deadline"],
            ))  # fmt: skip
            _stop_on_signals(worker)
            worker.run(refuse_unmigrated)
        except NoPositionError as error:
            return self._explain(error, 4)
        except OperatorError as error:
            return self._explain(error, 3)
        self._print(worker, options["format"])
        if options["until_idle"] and Position.objects.filter(group=settings.group).exclude(halted="").exists():
            self.stderr.write("partitions are halted at a gap: look at them with `commerce_gaps`")
            return 5
        return 0

    def _explain(self, error: OperatorError, code: int) -> int:
        self.stderr.write(f"{error}\n{error.hint}")
        return code

    def _print(self, worker: Worker, how: str) -> None:
        totals = vars(worker.totals)
        if how == "json":
            self.stdout.write(json.dumps(totals))
        else:
            self.stdout.write("  ".join(f"{name} {count}" for name, count in totals.items()))


def _start(text: str) -> str | datetime:
    if text in BEGIN:
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        hint = "earliest, latest, or a time such as 2026-01-31T00:00:00Z"
        raise argparse.ArgumentTypeError(f"{text} is none of: {hint}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds, such as 25")
    return seconds


def _stop_on_signals(worker: Worker) -> None:
    if threading.current_thread() is not threading.main_thread():
        return

    def stop(number: int, _: Any) -> None:
        if worker.stopping and number == signal.SIGINT:
            raise KeyboardInterrupt  # the second Ctrl-C means it
        worker.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
