"""Which facts a decision will need, so that the caller loads them for a whole group in a few queries.

Two steps, because a seat is found by its learner: first the learners (and courses, and skus), then the pairs.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .decide import ORDER_ADOPTED, ORDER_PAID, ORDER_REFUNDED, ORDER_RESUME
from .decision import Learners
from .entitlement import key_of, run_of
from .state import ENTITLEMENT, Entitlement, EntitlementKey, Grant, Order, Pair


@dataclass(slots=True)
class Needs:
    """What to load for a group of events; ``add`` each event, then read the fields, then ask for ``pairs``."""

    revoke_unknown_grants: bool = False  # as the policy says
    learners: list[dict[str, Any]] = field(default_factory=list)  # ``LearnerData`` to resolve
    courses: set[str] = field(default_factory=set)
    skus: set[str] = field(default_factory=set)
    known: set[Pair] = field(default_factory=set)  # pairs that the ledger or an entitlement names
    _wanted: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    _by_sku: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    _owned: list[tuple[dict[str, Any], str, Grant]] = field(default_factory=list)  # entitlements

    def add(self, event_type: str, data: dict[str, Any], order: Order | None) -> None:
        """Note what one event needs, given what the ledger knows of its order (None: nothing)."""
        if event_type == ORDER_PAID:
            self._add_lines(data)
        elif event_type == ORDER_RESUME and "order" in data:
            self._add_lines(data["order"])
        elif event_type == ORDER_REFUNDED and self.revoke_unknown_grants:
            self._add_unknown(data)
        elif event_type == ORDER_ADOPTED:
            for line in data["lines"]:
                self.known.add(Pair(line["lms_user_id"], line["course_key"]))
                self.courses.add(line["course_key"])
        if order is None:
            return
        for grant in order.grants.values():
            pair = grant.pair
            if pair is not None:
                if pair.course_key:
                    self.known.add(pair)
                    self.courses.add(pair.course_key)
                who = {"lms_user_id": pair.lms_user_id}
                if not grant.found:  # held or failed: it may be decided again, for that user
                    self.learners.append(who)
            else:
                who = grant.learner or (data.get("learner") if event_type == ORDER_RESUME else None) or {}
                if who:
                    self.learners.append(who)
                    if grant.course_key:
                        self.courses.add(grant.course_key)
                        self._wanted.append((who, grant.course_key))
            if who and grant.product_kind == ENTITLEMENT:
                self._owned.append((who, grant.order_key, grant))

    def _add_lines(self, data: dict[str, Any]) -> None:
        buyer = data["learner"]
        for line in data["lines"]:
            kind = line["product_kind"]
            if kind in ("donation", "other"):
                continue
            who = line.get("beneficiary") or buyer
            self.learners.append(who)
            course_key = line.get("course_key")
            if kind == ENTITLEMENT:
                named = Grant(data["order_key"], line["line_id"], "", None, kind, "", line.get("mode") or "",
                              product={"course_uuid": line.get("course_uuid")})
                self._owned.append((who, data["order_key"], named))
            elif course_key and line.get("mode"):
                self.courses.add(course_key)
                self._wanted.append((who, course_key))
            elif line.get("sku"):
                self.skus.add(line["sku"])
                self._by_sku.append((who, line["sku"]))

    def _add_unknown(self, data: dict[str, Any]) -> None:
        for line in data["lines"]:
            if line.get("course_key"):
                self.learners.append(data["learner"])
                self.courses.add(line["course_key"])
                self._wanted.append((data["learner"], line["course_key"]))

    def sold(self, skus: dict[str, tuple[str, str] | None]) -> None:
        """Tell which course and mode each sku stands for; adds to ``courses`` and to the pairs."""
        for who, sku in self._by_sku:
            product = skus.get(sku)
            if product is not None:
                self.courses.add(product[0])
                self._wanted.append((who, product[0]))
        self._by_sku.clear()

    def entitlements(self, learners: Learners) -> set[EntitlementKey]:
        """The entitlements to ask the platform for, before anything is locked; tell the answers to ``entitled``."""
        keys = set()
        for who, order_key, grant in self._owned:
            user = grant.pair.lms_user_id if grant.pair is not None else learners(who).lms_user_id
            key = key_of(user, order_key, grant) if user is not None else None
            if key is not None:
                keys.add(key)
        return keys

    def entitled(self, answers: Mapping[EntitlementKey, Entitlement]) -> None:
        """Tell what is known of the entitlements; adds their runs to ``courses`` and to the pairs."""
        for key, known in answers.items():
            run = run_of(known)
            if run:
                self.courses.add(run)
                self.known.add(Pair(key.lms_user_id, run))

    def pairs(self, learners: Learners) -> set[Pair]:
        """The pairs whose seat, access and grants must be loaded and locked."""
        pairs = set(self.known)
        for who, course_key in self._wanted:
            user = learners(who).lms_user_id
            if user is not None:
                pairs.add(Pair(user, course_key))
        return pairs
