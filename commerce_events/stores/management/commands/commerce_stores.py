"""``manage.py commerce_stores``: what stores have sent, what waits for them or for a person, and the work beside."""

from __future__ import annotations

import getpass
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet

from commerce_events.bus.clock import utc_now
from commerce_events.bus.health import Health
from commerce_events.exceptions import OperatorError, TransientError
from commerce_events.listing import listed
from commerce_events.management.command import CommerceCommand
from commerce_events.management.progress import Progress
from commerce_events.stores import conf, deliveries, flags, overview, sweep
from commerce_events.stores.models import Delivery, Notice, OpenAsk
from commerce_events.stores.rounds import STAGE, Rounds

#: Exit codes, and what they say. Stable, and the same as those of commerce-events.
EXIT = {
    0: "done, or stopped as asked; without --yes: said what would be done",
    2: "the command line is wrong",
    3: "an operator must act: configuration, the database, a store that refuses our key",
    6: "some deliveries still cannot be used, and stay as they are",
    7: "a store does not answer; the same command can succeed later",
}
EPILOG = """
examples:
  manage.py commerce_stores                              every store, and what waits of it
  manage.py commerce_stores work                         answer questions, sweep; runs until it is stopped
  manage.py commerce_stores deliveries                   what was set aside, and why
  manage.py commerce_stores show 7 --bytes --show-personal-data
  manage.py commerce_stores redo --all                   which of them can be used now (changes nothing)
  manage.py commerce_stores redo --all --reason contract_broken --yes
  manage.py commerce_stores discard 7 8 --because 'test orders' --yes
  manage.py commerce_stores notices                      what a person should see
  manage.py commerce_stores seen 3 4 --yes
  manage.py commerce_stores sweep campus-shop --since 2026-01-31T00:00:00Z    what would go out (changes nothing)

To pause or stop a store: manage.py commerce_sources.

exit codes:
""" + "\n".join(f"  {code}  {text}" for code, text in EXIT.items())
KEPT = (Delivery.State.SET_ASIDE, Delivery.State.RECEIVED)
SWEPT = ("source", "since", "readings", "events", "broken", "done", "trouble")


class Command(CommerceCommand):
    """Look, decide, work."""

    help = "Stores: what waits of them, deliveries set aside, notices; and the work beside the web server."
    epilog = EPILOG
    halfway = "Nothing is lost: it is asked again."

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command each; none means list."""
        flags.add(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        """Do what was asked; the exit code tells the truth."""
        getattr(self, f"_{options['action']}")(options)

    # ----------------------------------------------------------------------------------------------------- looking

    def _list(self, options: dict[str, Any]) -> None:
        records = list(overview.stores(conf.stores()))
        self._print(records, overview.STORES, options, "No store: COMMERCE_EVENTS['STORES'] names them.")
        if options["format"] == "table" and any(record["set_aside"] or record["notices"] for record in records):
            self.stderr.write("Look at them: commerce_stores deliveries, commerce_stores notices")

    def _deliveries(self, options: dict[str, Any]) -> None:
        rows = _of(Delivery.objects.order_by("-pk"), options)
        if options["state"] != "all":
            rows = rows.filter(state=options["state"])
        found = overview.deliveries(rows[: options["limit"]])
        self._print(found, overview.DELIVERIES, options, f"No delivery is {options['state']}.")

    def _show(self, options: dict[str, Any]) -> None:
        if options["bytes"] and not options["show_personal_data"]:
            raise CommandError("--bytes may show a buyer's address: say --show-personal-data too", returncode=2)
        row = Delivery.objects.filter(pk=options["id"]).first()
        if row is None:
            raise OperatorError(
                f"there is no delivery {options['id']}", hint="`commerce_stores deliveries` lists them."
            )
        (facts,) = overview.deliveries([row])
        store = conf.stores().get(row.source)
        if store is not None and row.raw is not None:
            facts["now"] = str(deliveries.tried(store, row, utc_now()))
        if options["bytes"]:
            raw = bytes(row.raw or b"")
            facts |= {"headers": row.headers, "raw": raw.decode("utf-8", "backslashreplace")}
        if options["format"] == "table":
            self.stdout.write("\n".join(f"{name:14}{'' if text is None else text}" for name, text in facts.items()))
        else:
            self._print([facts], tuple(facts), options, "")

    def _notices(self, options: dict[str, Any]) -> None:
        rows = _of(Notice.objects.order_by("-pk"), options)
        if not options["seen"]:
            rows = rows.filter(seen_at=None)
        self._print(overview.notices(rows[: options["limit"]]), overview.NOTICES, options, "Nothing to see.")

    def _asks(self, options: dict[str, Any]) -> None:
        rows = _of(OpenAsk.objects.order_by("due_at", "pk"), options)
        self._print(overview.asks(rows[: options["limit"]]), overview.ASKS, options, "No open questions.")

    # ---------------------------------------------------------------------------------------------------- deciding

    def _redo(self, options: dict[str, Any]) -> None:
        known, rows, still = conf.stores(), self._chosen(Delivery.objects.filter(state__in=KEPT), options), 0
        records, progress = [], Progress(self.stderr)
        for number, row in enumerate(rows, 1):
            if row.source not in known:
                raise OperatorError(
                    f"no store is called {row.source!r}", hint="Put it back, or discard its deliveries."
                )
            store = known[row.source]
            if options["yes"]:
                left = deliveries.redo(deliveries.judged(store, row), _by(options), utc_now())
            else:
                left = deliveries.tried(store, row, utc_now()).said.reason
            still += bool(left)
            records += overview.deliveries([row])
            records[-1]["state"] = left or ("done" if options["yes"] else "can be used")
            progress.show("redo", number / len(rows))
        progress.close()
        self._print(records, overview.DELIVERIES, options, "No delivery waits.")
        self._dry(options, "--yes uses what can be used.")
        if still:
            raise CommandError(f"{still} of {len(rows)} still cannot be used", returncode=6)

    def _discard(self, options: dict[str, Any]) -> None:
        rows = self._chosen(Delivery.objects.filter(state__in=KEPT), options)
        records = overview.deliveries(rows)
        if options["yes"]:
            deliveries.discard(rows, f"{_by(options)}: {options['because']}", utc_now())
            for record in records:
                record["state"] = "discarded"
        self._print(records, overview.DELIVERIES, options, "No delivery waits.")
        self._dry(options, "--yes discards them.")

    def _seen(self, options: dict[str, Any]) -> None:
        rows = self._chosen(Notice.objects.filter(seen_at=None), options)
        if options["yes"]:
            chosen = Notice.objects.filter(pk__in=[row.pk for row in rows], seen_at=None)
            chosen.update(seen_at=utc_now(), seen_by=_by(options)[:150])
        self._print(overview.notices(rows), overview.NOTICES, options, "Nothing to see.")
        self._dry(options, "--yes marks them as seen.")

    def _chosen(self, rows: QuerySet[Any], options: dict[str, Any]) -> Sequence[Any]:
        if bool(options["ids"]) == options["all"]:
            wrong = "numbers or --all, not both" if options["all"] else "say which: numbers, or --all"
            raise CommandError(wrong, returncode=2)
        rows = _of(rows.order_by("pk"), options)
        chosen = list(rows.filter(pk__in=options["ids"]) if options["ids"] else rows)
        missing = sorted(set(options["ids"]) - {row.pk for row in chosen})
        if missing:
            kinds, why = ("notices", "seen") if rows.model is Notice else ("deliveries", "settled")
            raise OperatorError(
                f"not among the {kinds} that wait for a person: {', '.join(map(str, missing))}",
                hint=f"They were {why}, are of another store, or never were. `commerce_stores {kinds}` lists them.",
            )
        return chosen

    # ----------------------------------------------------------------------------------------------------- working

    def _work(self, options: dict[str, Any]) -> None:
        rounds, health, over = Rounds(conf.stores()), Health(options["health_file"], [STAGE]), threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            if threading.current_thread() is threading.main_thread():
                signal.signal(number, lambda *_: over.set())
        try:
            rounds.run(over.wait, health, until_idle=options["until_idle"])
        finally:
            health.close()

    def _sweep(self, options: dict[str, Any]) -> None:
        known = conf.stores()
        if options["source"] and options["source"] not in known:
            raise OperatorError(
                f"no store is called {options['source']!r}", hint=f"There are: {', '.join(sorted(known))}."
            )
        chosen = [known[options["source"]]] if options["source"] else [each for each in known.values() if each.is_swept]
        records, troubles = [], []
        for store in chosen:
            swept, trouble = sweep.Swept(), None
            try:
                swept = sweep.sweep(store, utc_now, options["since"], not options["yes"], self._counter(store.source))
            except (OperatorError, TransientError) as error:  # told at the end; the next store may answer
                trouble = error
                troubles.append(error)
            records.append({
                "source": store.source, "since": overview.moment(options["since"]), "readings": swept.readings,
                "events": swept.events, "broken": swept.broken, "done": options["yes"] and trouble is None,
                "trouble": str(trouble or ""),
            })  # fmt: skip
        self._print(records, SWEPT, options, "No store that is swept: COMMERCE_EVENTS['STORES'] names them.")
        self._dry(options, "--yes has them go out.")
        if troubles:
            hints = [error.hint for error in troubles if isinstance(error, OperatorError)]
            said = [f"{len(troubles)} of {len(chosen)} could not be swept to the end", *(hints or [self.halfway])]
            raise CommandError("\n".join(dict.fromkeys(said)), returncode=3 if hints else 7)

    def _counter(self, source: str) -> Callable[[int], None]:
        def seen(readings: int) -> None:
            if self.stderr.isatty() and readings % 10 == 0:
                self.stderr.write(f"\r{source}: {readings}", ending="")

        return seen

    def _dry(self, options: dict[str, Any], word: str) -> None:
        if not options["yes"] and options["format"] == "table":
            self.stderr.write(f"Nothing was changed. {word}")

    def _print(
        self, records: Sequence[dict[str, Any]], columns: Sequence[str], options: dict[str, Any], empty: str
    ) -> None:
        text = listed(records, columns, options["format"])
        if text:
            self.stdout.write(text)
        elif options["format"] == "table":
            self.stderr.write(empty)


def _of(rows: QuerySet[Any], options: dict[str, Any]) -> QuerySet[Any]:
    source = options.get("source")
    if source and source not in conf.stores() and not rows.filter(source=source).exists():
        raise OperatorError(
            f"no store is called {source!r}", hint=f"There are: {', '.join(sorted(conf.stores())) or 'none'}."
        )
    for name in ("source", "reason"):
        if options.get(name):
            rows = rows.filter(**{name: options[name]})
    return rows


def _by(options: dict[str, Any]) -> str:
    return str(options["by"] or getpass.getuser())
