"""The sub-commands and flags of ``commerce_stores``."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from django.core.management.base import CommandParser

from commerce_events.management.command import add_format, whole_number
from commerce_events.stores.deliveries import REASONS
from commerce_events.stores.models import Delivery


def add(parser: CommandParser) -> None:
    """Add them; what is not said holds for every sub-command."""
    actions = parser.add_subparsers(dest="action", metavar="list|work|deliveries|show|redo|discard|notices|…")
    parser.set_defaults(
        action="list", format="table", source=None, reason=None, ids=[], all=True, yes=False, by="", limit=100
    )
    listing = actions.add_parser("list", help="every store, and what waits of it")
    working = actions.add_parser("work", help="answer questions, sweep, take what waited of stores that go on")
    working.add_argument("--until-idle", action="store_true", help="end when nothing is left to do")
    working.add_argument("--health-file", default="", help="file that says ok while this gets on")
    keeping = actions.add_parser("deliveries", help="deliveries that were kept, the newest first")
    keeping.add_argument("--state", choices=(*Delivery.State.values, "all"), default="set_aside", help="which")
    showing = actions.add_parser("show", help="one delivery: when it came, why it waits, what it would say now")
    showing.add_argument("id", type=whole_number(1), metavar="ID", help="number of the delivery")
    showing.add_argument("--bytes", action="store_true", help="the body and the headers as they came")
    showing.add_argument("--show-personal-data", action="store_true", help="needed for --bytes: they name a buyer")
    redoing = actions.add_parser("redo", help="use deliveries now, after what was wrong with them was mended")
    discarding = actions.add_parser("discard", help="give deliveries up, and forget their bytes")
    discarding.add_argument(
        "--because", required=True, type=_words, metavar="TEXT", help="for the record; nobody's name"
    )
    noticing = actions.add_parser("notices", help="what a person should see, the newest first")
    noticing.add_argument("--seen", action="store_true", help="those that were seen, too")
    seeing = actions.add_parser("seen", help="notices that a person has seen")
    asking = actions.add_parser("asks", help="questions to stores that are open, the oldest first")
    sweeping = actions.add_parser("sweep", help="ask stores now what has changed")
    sweeping.add_argument("source", nargs="?", metavar="STORE", help="its slug; without it, every store that is swept")
    sweeping.add_argument(
        "--since", type=_time, metavar="TIME",
        help="instead of where the last sweep ended; ISO 8601, in UTC if it names no zone",
    )  # fmt: skip
    for each in (redoing, discarding, seeing):
        each.add_argument("ids", type=whole_number(1), nargs="*", metavar="ID", help="numbers, as listed")
        each.add_argument("--all", action="store_true", default=False, help="all that are listed")
    for each in (redoing, discarding, seeing, sweeping):
        each.add_argument("--yes", action="store_true", help="do it; without it, only say what would be done")
        each.add_argument("--by", default="", help="who decides, for the record (default: the user of this shell)")
    for each in (keeping, redoing, discarding, noticing, seeing, asking):
        each.add_argument("--source", metavar="STORE", help="of this store alone")
    for each in (keeping, redoing, discarding):
        each.add_argument("--reason", choices=REASONS, help="only those set aside for this reason")
    for each in (keeping, noticing, asking):
        each.add_argument("--limit", type=whole_number(1), default=100, help="so many at most (default 100)")
    add_format(listing, working, keeping, showing, redoing, discarding, noticing, seeing, asking, sweeping)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time of ISO 8601, such as 2026-01-31T00:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _words(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("say why, in a few words")
    return text.strip()
