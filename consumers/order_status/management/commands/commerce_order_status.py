"""``manage.py commerce_order_status``: what became of the orders of this store, and what a person can do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet

from commerce_events.bus.clock import utc_now
from commerce_events.exceptions import OperatorError
from commerce_events.listing import listed
from commerce_events.management.command import CommerceCommand, add_format, whole_number
from consumers.order_status import calls, overdue, requests
from consumers.order_status.book import order_digest
from consumers.order_status.models import Call, Order, OrderLine, Publication, RefundRequest
from consumers.order_status.states import ORDER_STATUSES

#: Exit codes, and what they say. Stable, and the same as those of commerce-events.
EXIT = {
    0: "done; without --yes: said what would be done",
    2: "the command line is wrong",
    3: "an operator must act: configuration, the database, an order or request that nobody knows",
}
EPILOG = """
examples:
  manage.py commerce_order_status                                 every line that is not at its end
  manage.py commerce_order_status list --alarm                    what a person should look at
  manage.py commerce_order_status list --order shop:1042 --format json
  manage.py commerce_order_status resend                          what waits for an answer (changes nothing)
  manage.py commerce_order_status resend --order shop:1042 --yes  send an order again, answered or not
  manage.py commerce_order_status requests                        learners who have left: what about the money?
  manage.py commerce_order_status requests --settle ID --because 'refunded in full'
  manage.py commerce_order_status calls --state held              what a store could not be told
  manage.py commerce_order_status calls --state held --retry --yes

Sending again is harmless: the LMS recognises an event, and answers once more. It happens by itself while
consume_commerce_events runs.

exit codes:
""" + "\n".join(f"  {code}  {text}" for code, text in EXIT.items())
LINES = ("order_key", "status", "line_id", "course_key", "state", "reason_code", "alarm", "changed_at")
EVENTS = ("order_key", "action", "refund_id", "published_at", "sends", "next_send_at")
REQUESTS = ("request_id", "order_key", "line_id", "lms_user_id", "course_key", "requested_at", "is_within_window",
            "state", "resolution")  # fmt: skip
CALLS = ("id", "order_key", "kind", "hook", "state", "attempts", "due_at", "error")


class Command(CommerceCommand):
    """List lines, events, requests and calls; send again, settle, retry."""

    help = "What became of this store's orders. resend and calls change nothing without --yes."
    epilog = EPILOG

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command each; none means list."""
        actions = parser.add_subparsers(dest="action", metavar="list|resend|requests|calls")
        parser.set_defaults(
            action="list", format="table", limit=200, order="", source="", status="", alarm=False, all=False
        )
        listing = actions.add_parser("list", help="order lines and how they stand")
        listing.add_argument("--status", choices=tuple(ORDER_STATUSES), default="", help="only orders of this status")
        listing.add_argument("--alarm", action="store_true", help="only lines that a person should look at")
        listing.add_argument("--all", action="store_true", help="lines that are at their end, too")
        resending = actions.add_parser("resend", help="send again what has no answer; with --order, that order at all")
        asked = actions.add_parser("requests", help="learners who have left, and what was decided about the money")
        asked.add_argument("--settle", default="", metavar="ID", help="somebody has decided about this one")
        asked.add_argument("--because", default="", metavar="TEXT", help="what was decided; nobody's name")
        asked.add_argument("--all", action="store_true", help="those that are settled, too")
        calling = actions.add_parser("calls", help="what a store is to be told, was told, or could not be told")
        calling.add_argument("--state", choices=Call.State.values, default="", help="only these (default: not done)")
        calling.add_argument("--retry", action="store_true", help="make the held ones again")
        calling.add_argument("--discard", action="store_true", help="give them up")
        for each in (listing, resending, asked, calling):
            each.add_argument("--order", default="", metavar="STORE:ID", help="only this order")
            each.add_argument("--source", default="", metavar="STORE", help="only orders of this store")
            each.add_argument("--limit", type=whole_number(1), default=200, help="so many at most (default 200)")
            add_format(each)
        for each in (resending, calling):
            each.add_argument("--yes", action="store_true", help="do it; without it, only say what would be done")

    def handle(self, *_: Any, **options: Any) -> None:
        """Do what was asked."""
        if options["order"] and ":" not in options["order"]:
            raise CommandError(f"{options['order']} is no order key, such as shop:1042", returncode=2)
        act: dict[str, Callable[[dict[str, Any]], None]] = {
            "list": self._list, "resend": self._resend, "requests": self._requests, "calls": self._calls,
        }  # fmt: skip
        act[options["action"]](options)

    def _list(self, options: dict[str, Any]) -> None:
        orders = _chosen(Order.objects.all(), options)
        if options["source"] and not orders.exists():
            raise OperatorError(
                f"no order of the store {options['source']} is known here", hint="Is it spelt as in the order keys?"
            )
        if options["order"] and not orders.exists():
            raise OperatorError(
                f"order {options['order']} was not published here", hint="Is it another store's, or not committed?"
            )
        if options["status"]:
            orders = orders.filter(status=options["status"])
        lines = OrderLine.objects.order_by("-changed_at", "pk")
        if options["alarm"]:
            lines = lines.exclude(alarm="")
        elif not options["all"] and not options["order"]:
            lines = lines.exclude(open_since=None)
        if options["order"] or options["source"] or options["status"]:
            lines = lines.filter(order_digest__in=orders.values("digest"))
        found = list(lines[: options["limit"]])
        known = {bytes(order.digest): order for order in Order.objects.filter(
            digest__in={bytes(line.order_digest) for line in found}
        )}  # fmt: skip
        rows = [_line(line, known[bytes(line.order_digest)]) for line in found]
        asked = any(options[name] for name in ("alarm", "source", "status", "order", "all"))
        empty = "No line fits." if asked else "No line waits: every one is at its end. --all shows them all."
        self._show(rows, LINES, options, empty)

    def _resend(self, options: dict[str, Any]) -> None:
        events = _chosen(Publication.objects.order_by("published_at", "pk"), options)
        if not options["order"]:
            events = events.filter(next_send_at__isnull=False)
        found = list(events[: options["limit"]])
        if options["order"] and not found:
            raise OperatorError(f"order {options['order']} was not published here", hint="Publish it, in Python.")
        rows = [{**_plain(event, EVENTS), "line_ids": event.line_ids} for event in found]
        self._show(rows, EVENTS, options, "Nothing waits for an answer.")
        if options["yes"]:
            sent = overdue.at_once(found, utc_now())
            gone = "; the others are no longer kept" if sent < len(found) else ""
            self.stderr.write(f"{sent} of {len(found)} are sent again{gone}.")
        elif found:
            self._say_dry()

    def _requests(self, options: dict[str, Any]) -> None:
        if options["settle"]:
            if not options["because"]:
                raise CommandError("--settle needs --because: what was decided?", returncode=2)
            found = [requests.settle(options["settle"], options["because"])]
        else:
            rows = _chosen(RefundRequest.objects.order_by("requested_at", "pk"), options)
            rows = rows if options["all"] else rows.filter(state=RefundRequest.State.OPEN)
            found = list(rows[: options["limit"]])
        self._show([_plain(row, REQUESTS) for row in found], REQUESTS, options, "No request is open.")

    def _calls(self, options: dict[str, Any]) -> None:
        if options["retry"] and options["discard"]:
            raise CommandError("--retry makes them again, --discard gives them up: one of them", returncode=2)
        rows = _chosen(Call.objects.order_by("created_at", "pk"), options)
        states = [options["state"]] if options["state"] else [Call.State.PENDING, Call.State.HELD]
        found = list(rows.filter(state__in=states)[: options["limit"]])
        self._show([_plain(row, CALLS) for row in found], CALLS, options, "No call waits.")
        if not (options["retry"] or options["discard"]):
            return
        if options["yes"]:
            act = calls.retry if options["retry"] else calls.discard
            count = act(row.pk for row in found)
            self.stderr.write(f"{count} {'are made again' if options['retry'] else 'are given up'}.")
        elif found:
            self._say_dry()

    def _show(self, rows: list[dict[str, Any]], columns: Iterable[str], options: dict[str, Any], empty: str) -> None:
        text = listed(rows, tuple(columns), options["format"])
        if text:
            self.stdout.write(text)
        if options["format"] == "table":
            if not rows:
                self.stderr.write(empty)
            elif len(rows) == options["limit"]:
                self.stderr.write(f"The first {len(rows)}; --limit shows more.")

    def _say_dry(self) -> None:
        self.stderr.write("Nothing was changed. Say --yes to do it.")


def _chosen(rows: QuerySet[Any], options: dict[str, Any]) -> QuerySet[Any]:
    """Of the order and the store that were asked for."""
    if options["order"]:
        name = "digest" if rows.model is Order else "order_digest"
        if rows.model is Call:
            return rows.filter(order_key=options["order"])
        return rows.filter(**{name: order_digest(options["order"])})
    return rows.filter(order_key__startswith=f"{options['source']}:") if options["source"] else rows


def _line(line: OrderLine, order: Order) -> dict[str, Any]:
    return {
        "order_key": order.order_key, "order_number": order.order_number, "status": order.status,
        "line_id": line.line_id, "course_key": line.course_key, "mode": line.mode, "quantity": line.quantity,
        "state": line.state, "reason_code": line.reason, "is_final": line.is_final, "alarm": line.alarm,
        "published_at": _time(line.published_at), "changed_at": _time(line.changed_at),
    }  # fmt: skip


def _plain(row: Any, names: Iterable[str]) -> dict[str, Any]:
    """Fields as they are printed."""
    values = {name: getattr(row, name) for name in names}
    return {name: _time(value) if isinstance(value, datetime) else value for name, value in values.items()}


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat(timespec="seconds")
