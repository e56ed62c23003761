"""``manage.py commerce_sources``: pause a store, switch it off, let it go on."""

from __future__ import annotations

import getpass
from datetime import UTC
from typing import Any

from django.core.management.base import CommandParser

from commerce_events.bus import handlers, sources
from commerce_events.bus.conf import BusSettings, bus_settings
from commerce_events.exceptions import OperatorError
from commerce_events.listing import listed
from commerce_events.management.command import CommerceCommand, add_format
from commerce_events.models import Inbox, Source

#: Exit codes, and what they say. Stable, and the same as those of commerce-events.
EXIT = {
    0: "done; stop without --yes: said what would be done",
    2: "the command line is wrong",
    3: "an operator must act: configuration, the database, a store that nobody knows",
}
EPILOG = """
examples:
  manage.py commerce_sources                                 every store, and what waits of it
  manage.py commerce_sources pause shop --because 'it sends wrong prices'
  manage.py commerce_sources resume shop                     what came meanwhile is handled in its order
  manage.py commerce_sources stop shop                       what that would refuse (changes nothing)
  manage.py commerce_sources stop shop --because 'its key was stolen' --yes

Running consumers follow within seconds. What a paused store sends is stored and waits. What a stopped store sends is
refused, for good: its orders fail, its refunds leave learners enrolled, and the store is told source_not_allowed.
Limits are a setting: COMMERCE_EVENTS['SOURCE_LIMITS'] = {'shop': 600} is 600 decisions a minute.

exit codes:
""" + "\n".join(f"  {code}  {text}" for code, text in EXIT.items())
COLUMNS = ("source", "state", "a_minute", "waiting", "changed_at", "changed_by", "because")
#: What an action makes of a store.
STATES = {"pause": Source.State.PAUSED, "resume": Source.State.RUNNING, "stop": Source.State.STOPPED}


class Command(CommerceCommand):
    """List stores; pause, resume, stop one."""

    help = "Stores whose events are handled, wait, or are refused. stop changes nothing without --yes."
    epilog = EPILOG
    halfway = "`commerce_sources` says how the stores stand."

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command each; none means list."""
        actions = parser.add_subparsers(dest="action", metavar="list|pause|resume|stop")
        parser.set_defaults(action="list", format="table", yes=False, because="", by="")
        listing = actions.add_parser("list", help="every store that is allowed, limited, or was ever spoken of here")
        pausing = actions.add_parser("pause", help="store what it sends, and handle nothing of it")
        resuming = actions.add_parser("resume", help="handle what it sends, and what has waited")
        stopping = actions.add_parser("stop", help="refuse what it sends, and what has waited")
        stopping.add_argument("--yes", action="store_true", help="do it; without it, only say what")
        for each in (pausing, resuming):  # which can be taken back
            each.set_defaults(yes=True)
        for each in (pausing, resuming, stopping):
            each.add_argument("name", metavar="STORE", help="slug of the store")
            each.add_argument("--because", default="", metavar="TEXT", help="for the record; nobody's name")
            each.add_argument("--by", default="", help="who decides, for the record (default: the user of this shell)")
        add_format(listing, pausing, resuming, stopping)

    def handle(self, *_: Any, **options: Any) -> None:
        """Do what was asked, then show the stores."""
        settings = bus_settings()
        allowed = _allowed(settings)
        if options["action"] == "list":
            names = {*allowed, *settings["SOURCE_LIMITS"], *Source.objects.values_list("name", flat=True)}
            self._show(sorted(names), settings, options)
        else:
            self._change(options["name"], allowed, settings, options)

    def _change(self, name: str, allowed: set[str], settings: BusSettings, options: dict[str, Any]) -> None:
        if name not in allowed and not any(source.name == name for source in Source.objects.all()):
            raise OperatorError(
                f"no store is called {name!r}",
                hint=f"Allowed are: {', '.join(sorted(allowed)) or 'none'}. What others send is refused anyway.",
            )
        if options["yes"]:
            sources.say(name, STATES[options["action"]], options["by"] or getpass.getuser(), options["because"])
        (shown,) = self._show([name], settings, options)
        if not options["yes"]:
            self.stderr.write(
                f"Nothing was changed. --yes refuses what {name} sends from now on, and {shown['waiting']} events that "
                "wait. To have them wait instead: pause."
            )
        elif options["format"] == "table":
            self.stderr.write("Running consumers follow within seconds.")

    def _show(self, names: list[str], settings: BusSettings, options: dict[str, Any]) -> list[dict[str, Any]]:
        known = {source.name: source for source in Source.objects.all()}
        rows = [_described(name, known.get(name), settings) for name in names]
        text = listed(rows, COLUMNS, options["format"])
        if text:
            self.stdout.write(text)
        elif options["format"] == "table":
            self.stderr.write("No store is allowed, limited or stopped. COMMERCE_FULFILLMENT['SOURCES'] allows one.")
        return rows


def _allowed(settings: BusSettings) -> set[str]:
    """The stores that the handlers serve, and those that this installation listens to."""
    known = handlers.load(settings.handlers).values()
    return {*settings["STORES"], *(name for handler in known for name in getattr(handler, "sources", ()))}


def _described(name: str, source: Source | None, settings: BusSettings) -> dict[str, Any]:
    waiting = Inbox.objects.filter(due_at=sources.queue(source.pk)).count() if source is not None else 0
    changed_at = source.changed_at if source is not None else None
    return {
        "source": name, "state": str(source.state) if source is not None else "running",
        "a_minute": settings["SOURCE_LIMITS"].get(name), "waiting": waiting,
        "changed_at": changed_at and changed_at.astimezone(UTC).isoformat(timespec="seconds"),
        "changed_by": source.changed_by if source is not None else "",
        "because": source.because if source is not None else "",
    }  # fmt: skip
