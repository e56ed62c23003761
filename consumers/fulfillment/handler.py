"""Fulfillment as a durable handler: a group of order events in, ledger rows, enrollments and results out.

The whole flow of a group is :meth:`FulfillmentHandler._orders`: load under the locks, decide each event purely, write;
the platform comes last, when everything of ours is written. Everything is a constant number of statements for the
group. When the platform refuses, all of it is taken back, the refusal becomes a fact, and the group is decided again.
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from commerce_events.bus import script
from commerce_events.bus.sources import source_of
from commerce_events.bus.types import (
    REJECTED,
    RENEW,
    Again,
    Context,
    Event,
    Finding,
    FollowUp,
    Message,
    Outcome,
)
from consumers.fulfillment import conf, findings, leaving, ledger, resume, retell, retirement, shadow
from consumers.fulfillment.gateway import Change, EntitlementChange, Gateway, OrderLine
from consumers.fulfillment.learners import Directory
from consumers.fulfillment.results import Teller
from consumers.fulfillment.rules import decide as rules
from consumers.fulfillment.rules.decision import Decision
from consumers.fulfillment.rules.desired import held
from consumers.fulfillment.rules.facts import Needs
from consumers.fulfillment.rules.policy import Policy
from consumers.fulfillment.rules.state import Course, Pair, Seat

log = logging.getLogger(__name__)

#: What learners do outside of any order: each becomes events of the orders that it touches.
ABOUT_LEARNERS: dict[str, Callable[[Event, Gateway], Outcome]] = {
    resume.LEARNER_CHANGED: resume.fan_out,
    leaving.ENROLLMENT_ENDED: leaving.fan_out,
    retirement.LEARNER_RETIRED: retirement.fan_out,
}
#: Of every course that the platform does not answer for.
NO_COURSE = Course(exists=False)


class FulfillmentHandler:
    """Handles orders, refunds, and the internal events about them. Keeps no state between calls."""

    event_types = rules.EVENT_TYPES | ABOUT_LEARNERS.keys() | {RENEW, REJECTED, retell.EVENT_DISCARDED}
    alone = frozenset({retell.EVENT_DISCARDED})

    def __init__(
        self, gateway: Gateway | None = None, policy: Policy | None = None,
        shadow: bool | Collection[str] | None = None,
    ) -> None:  # fmt: skip
        self.gateway = gateway if gateway is not None else conf.gateway()
        self.policy = policy if policy is not None else conf.policy()
        self.shadow = shadow if shadow is not None else conf.shadow()

    @property
    def bulk(self) -> bool:
        """Many orders in one transaction, if the gateway can take back what it did for all of them."""
        return self.gateway.bulk

    def handle(self, events: Sequence[Event], context: Context) -> Sequence[Outcome]:
        """Handle the events of streams that the caller has locked; one outcome for each, in order.

        Raises:
            TransientError: the platform cannot answer now.
            IntegrityError: another transaction wrote a learner's first access to a course at the same time.
        """
        orders = [event for event in events if event.event_type in rules.EVENT_TYPES]
        outcomes = {}
        if self.shadow:
            outcomes = self._shadowed([event for event in orders if self._is_shadowed(event)], context)
            orders = [event for event in orders if id(event) not in outcomes]
        if orders:
            outcomes |= zip(map(id, orders), self._orders(orders, context), strict=True)
        for event in events:
            if event.event_type == REJECTED and self._is_shadow(event):
                outcomes[id(event)] = Outcome(decision=ledger.kept(retell.rejected(event)), is_shadow=True)
            elif event.event_type in ABOUT_LEARNERS:
                outcomes[id(event)] = ABOUT_LEARNERS[event.event_type](event, self.gateway)
            elif event.event_type == RENEW:
                outcomes[id(event)] = retell.renew(event, context)
            elif event.event_type == retell.EVENT_DISCARDED:
                outcomes[id(event)] = retell.given_up(event, context, is_silent=self._is_shadow(event))
            elif event.event_type == REJECTED:
                outcomes[id(event)] = retell.reject(event, context)
        return [outcomes[id(event)] for event in events]

    def on_failure(self, event: Event, error: Exception, held: str, context: Context) -> Outcome:
        """What the store is told when an event failed for the first time, and when a person must act."""
        return retell.failure(event, error, held, context, is_silent=self._is_shadow(event))

    @property
    def sources(self) -> Collection[str]:
        """The stores on the allow-list."""
        return self.policy.sources.keys()

    def findings(self) -> Iterable[Finding]:
        """What ``commerce-events doctor`` says about the order lines."""
        yield from findings.lines()
        yield from findings.shadow(self.shadow)

    def _orders(self, events: Sequence[Event], context: Context) -> list[Outcome]:
        """Load, decide, write; and have the platform do it at last."""
        rows, learners = ledger.Ledger({event.stream.key: event.stream for event in events}), Directory()
        found = self._load(rows, events, learners)
        rows.book.refusals.update(context.facts)
        decided = self._decide(events, rows, learners, context)
        for event in events:
            if "order_number" in event.data:
                rows.order_numbers[event.stream.key] = event.data["order_number"]
        rows.write()
        outcomes = self._tell(decided, rows.order_numbers, context)
        changes, entitled = _changes(rows, found), list(rows.book.entitled.values())
        if changes or entitled:
            context.at_last.append(lambda: self._apply(changes, entitled))
        return outcomes

    def _decide(
        self, events: Iterable[Event], rows: ledger.Ledger, learners: Directory, context: Context
    ) -> list[tuple[Event, Decision]]:
        policy = self._policy(context)
        return [
            (event, rules.decide(event.event_type, event.data, rows.book, learners, policy, context.now))
            for event in events
        ]

    def _is_shadow(self, event: Event) -> bool:
        """Whether the order is of a store in shadow mode."""
        if isinstance(self.shadow, bool):
            return self.shadow
        return source_of(event.stream.key) in self.shadow

    def _is_shadowed(self, event: Event) -> bool:
        """Whether it is only looked at. To adopt changes the ledger alone, so it is done in shadow mode as well."""
        return event.event_type != rules.ORDER_ADOPTED and self._is_shadow(event)

    def _shadowed(self, events: Sequence[Event], context: Context) -> dict[int, Outcome]:
        """Decide, each order by itself, and do nothing about it: what was decided is kept on the events' rows."""
        outcomes: dict[int, Outcome] = {}
        orders: dict[int, list[Event]] = {}
        for event in events:
            orders.setdefault(event.stream.id, []).append(event)
        for group in orders.values():
            past = shadow.past(group)
            rows, learners = ledger.Ledger({group[0].stream.key: group[0].stream}), Directory()
            self._load(rows, [*past.events, *group], learners)
            past.rewind(rows.book)
            self._decide(past.events, rows, learners, context)
            for event in group:
                before = shadow.modes(rows.book)
                ((_, decision),) = self._decide([event], rows, learners, context)
                kept = shadow.kept(decision.lines, event.stream.key, before, rows.book)
                outcomes[id(event)] = Outcome(decision=past.decisions.get(event.id or 0, kept), is_shadow=True)
        return outcomes

    def _policy(self, context: Context) -> Policy:
        """The site's choices, without the stores that somebody has stopped."""
        sources = self.policy.sources
        if context.stopped.isdisjoint(sources):
            return self.policy
        return replace(self.policy, sources={slug: sources[slug] for slug in sources if slug not in context.stopped})

    def _apply(self, changes: Sequence[Change], entitled: Sequence[EntitlementChange]) -> None:
        """Have the platform do it, enrollments first.

        Raises:
            Again: the platform refused some of it; the refusals, by pair or entitlement, are facts for the next try.
        """
        if not self.gateway.bulk:
            script.flush()  # what a platform does is done at once; whatever of ours can fail must have been written
        refused: Mapping[Any, str] = self.gateway.apply(changes) if changes else {}
        if not refused and entitled:
            refused = self.gateway.apply_entitlements(entitled)
        if refused:
            raise Again(refused)

    def _load(self, rows: ledger.Ledger, events: Iterable[Event], learners: Directory) -> Mapping[Pair, Seat]:
        """Read every fact that the rules will ask for; the pairs are locked from here on. Answers the enrollments."""
        book, gateway = rows.book, self.gateway
        gateway.begin()
        rows.load_orders()
        needs = Needs(self.policy.revoke_unknown_grants)
        refunds = False
        for event in events:
            needs.add(event.event_type, event.data, book.orders.get(event.stream.key))
            refunds = refunds or event.event_type != rules.ORDER_PAID
        learners.look_up(needs.learners, gateway)
        if needs.skus:
            sold = gateway.skus(needs.skus)
            book.skus = {sku: sold.get(sku) for sku in needs.skus}
            needs.sold(book.skus)
        entitlements = needs.entitlements(learners)
        if entitlements:
            book.entitlements = gateway.entitlements(entitlements)
            needs.entitled(book.entitlements)
        pairs = rows.lock_pairs(needs.pairs(learners))
        answered = gateway.courses(needs.courses) if needs.courses else {}
        book.courses = {key: answered.get(key, NO_COURSE) for key in needs.courses}
        found = gateway.seats(pairs, lock=True) if pairs else {}
        book.seats = {pair: found.get(pair) for pair in pairs}
        book.embargoed = set(gateway.embargoed(pairs)) if pairs else set()
        if refunds and pairs:
            book.certified = set(gateway.certified(pairs))
        return found

    def _tell(
        self, decided: Sequence[tuple[Event, Decision]], numbers: Mapping[str, str], context: Context
    ) -> list[Outcome]:
        teller = Teller(context)
        outcomes = []
        for event, decision in decided:
            stream = event.stream
            number, attempt = numbers.get(stream.key, ""), event.attempts + 1
            if event.event_type == rules.ORDER_ADOPTED:  # a stream with lines is one that has counted
                stream.next_n, stream.dirty = max(stream.next_n, 2), True
            messages = teller.results(stream, number, decision.lines, attempt)
            if decision.requests:
                messages += self._requests(teller, event, decision, number)
            timers, kept = _timers(stream.key, decision, context), ledger.kept(decision.lines)
            outcomes.append(Outcome(messages, timers, alarms=_alarms(decision), decision=kept))
        return outcomes

    def _requests(self, teller: Teller, event: Event, decision: Decision, number: str) -> list[Message]:
        pairs = {Pair(request.lms_user_id, request.course_key) for request in decision.requests}
        open_ = self.gateway.within_refund_window(pairs)
        return [
            teller.refund_request(event.stream, number, request, Pair(request.lms_user_id, request.course_key) in open_)
            for request in decision.requests
        ]


def _changes(rows: ledger.Ledger, found: Mapping[Pair, Seat]) -> list[Change]:
    """The enrollments to write: the last word on each pair, unless it is what was found."""
    changes = []
    for pair, after in rows.book.changed.items():
        before = found.get(pair)
        mode = held(after)
        if held(before) != mode:
            changes.append(Change(pair, before, after, None if mode is None else _cause(rows, pair, mode)))
    return changes


def _cause(rows: ledger.Ledger, pair: Pair, mode: str) -> OrderLine | None:
    """The newest order line that gives a learner this mode; None where it is the base that was given back."""
    for grant in reversed(rows.book.accesses[pair].grants):
        if grant.mode == mode and grant.state == "active":
            key = grant.order_key
            source, _, order_id = key.partition(":")
            provider = (grant.product or {}).get("credit_provider", "")
            return OrderLine(source, order_id, key, rows.order_numbers[key], grant.line_id, grant.paid_at, provider)
    return None


def _timers(key: str, decision: Decision, context: Context) -> list[FollowUp]:
    """When a line begins to wait: one more look at once, and the end of the wait.

    The look closes a race: a learner who registered while this transaction ran was not visible to it, and did not see
    its waiting line either. The follow-up becomes visible with that line, and so after that registration.
    """
    if not decision.timers:
        return []
    due: dict[Any, list[str]] = {}
    for timer in decision.timers:
        due.setdefault(timer.due_at, []).append(timer.line_id)
    line_ids = [timer.line_id for timer in decision.timers]
    return [
        FollowUp(rules.ORDER_RESUME, key, {"order_key": key, "line_ids": line_ids}, context.now),
        *(FollowUp(rules.LINES_EXPIRED, key, {"order_key": key, "line_ids": ids}, at) for at, ids in due.items()),
    ]


def _alarms(decision: Decision) -> list[str]:
    return [f"{alarm.reason_code} {alarm.line_id or ''}".rstrip() for alarm in decision.alarms]
