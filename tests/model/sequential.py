"""What must be true in the end, computed the slow and obvious way: from the *set* of events, phase by phase.

It shares no code with the rules and keeps no ledger: whatever can be recomputed is. Only what history decides is
carried from phase to phase: which lines were granted, which of them another person has overruled, and the base.
"""
from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from .strategies import (
    SPRING,
    STRICT,
    UUID,
    Capacity,
    Certified,
    Clock,
    Embargo,
    Phase,
    Registered,
    SeatSet,
    World,
    source_of,
)

RANK = ["audit", "honor", "verified", "no-id-professional", "professional", "masters", "credit"]
SEVERITY = ["keep", "default", "downgrade", "deactivate"]

Key = tuple[str, str]  # order key, line id
Place = tuple[int, str]  # learner, course


class End(NamedTuple):
    """What the property compares."""

    seats: dict[Place, str]  # active enrollments
    live: set[Key]
    totals: dict[Key, int]
    waiting: set[Key]
    rights: set[Key] = frozenset()  # type: ignore[assignment]  # entitlements that were created and not expired

    def without(self, places: set[Place], keys: set[Key]) -> End:
        """What is left where lines may be held for a certificate: that depends on what came first, and may (R24)."""
        return End({place: mode for place, mode in self.seats.items() if place not in places},
                   self.live - keys, self.totals, self.waiting, self.rights - keys)


class Sequential:
    """The model. ``run`` the phases of a world, then read ``end``."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.modes = world.modes
        self.policy = world.refund_policy
        self.now = SPRING
        self.paid: list[dict[str, Any]] = []
        self.refunds: list[dict[str, Any]] = []
        self.seats: dict[Place, str | None] = {}
        self.ours: dict[Place, str | None] = {}
        self.base: dict[Place, str | None] = {}
        self.verdicts: dict[Key, str] = {}  # granted waiting held failed gone
        self.overruled: set[Key] = set()
        self.full: set[str] = set()
        self.embargoed: set[Place] = set()
        self.certified: set[Place] = set()
        self.users: dict[str, int] = {}
        self.inactive: set[int] = set()
        self.retired: set[int] = set()
        self.identified: set[Key] = set()  # failed or held although somebody was found: can be tried again as it is
        self.runs: dict[Key, str] = {}  # what an entitlement was spent on

    # What the events say, together.

    def sold(self, key: Key) -> dict[str, Any] | None:
        for data in self.paid:
            for line in data["lines"]:
                if (data["order_key"], line["line_id"]) == key:
                    return {**line, "learner": line.get("beneficiary") or data["learner"]}
        return None

    def refunds_of(self, key: Key) -> list[tuple[dict[str, Any], int]]:
        """Each refund that touches the line, with the total it tells."""
        touching = []
        for data in self.refunds:
            if data["order_key"] == key[0]:
                totals = [line["refunded_total"] for line in data["lines"] if line["line_id"] == key[1]]
                if totals or self.is_whole(data):
                    touching.append((data, max(totals, default=0)))
        return touching

    def is_whole(self, data: dict[str, Any]) -> bool:
        return data["is_full"] or data["refund_kind"] == "chargeback"

    def total(self, key: Key) -> int:
        return max((total for _, total in self.refunds_of(key)), default=0)

    def is_reversed(self, key: Key) -> bool:
        line = self.sold(key)
        assert line
        return any(self.is_whole(data) for data, _ in self.refunds_of(key)) or self.total(key) >= line["quantity"]

    def hint(self, key: Key) -> str:
        asked = [self.policy if data["access_hint"] == "default" else data["access_hint"]
                 for data, _ in self.refunds_of(key)]
        return max(asked, key=SEVERITY.index)

    def user(self, key: Key) -> int | None:
        """Whom the line is for, once it is known."""
        line = self.sold(key)
        assert line
        user = line["learner"].get("lms_user_id")
        late = self.users.get(line["learner"].get("email"))
        return user or (late if late not in self.inactive or key in self.identified else None)

    def place(self, key: Key) -> Place | None:
        line, user = self.sold(key), self.user(key)
        assert line
        course_key = self.runs.get(key, self.choice(key)) if line["product_kind"] == "course_entitlement" else (
            line["course_key"])
        return (user, course_key) if user and course_key else None

    def choice(self, key: Key) -> str:
        """The run that an entitlement would be spent on."""
        runs = self.world.runs.get((self.user(key) or 0, UUID), ())
        return runs[0] if len(runs) == 1 else ""

    def granted_in(self, place: Place) -> list[Key]:
        return [key for key, verdict in self.verdicts.items()
                if verdict == "granted" and key not in self.overruled and self.place(key) == place]

    # What a phase makes of it.

    def run(self, phases: list[Phase]) -> End:
        for phase in phases:
            self._facts(phase)
            self._events(phase)
        keys = {(data["order_key"], line["line_id"]) for data in self.paid + self.refunds for line in data["lines"]}
        return End(
            {place: mode for place, mode in self.seats.items() if mode},
            {key for key, verdict in self.verdicts.items()
             if verdict == "granted" and key not in self.overruled and not self.is_reversed(key)},
            {key: self.total(key) for key in keys},
            {key for key, verdict in self.verdicts.items() if verdict == "waiting"},
            {key for key, verdict in self.verdicts.items() if verdict == "granted" and key in self.runs
             and (not self.is_reversed(key) or self.hint(key) == "keep")})

    def _facts(self, phase: Phase) -> None:
        for fact in phase.facts:
            if isinstance(fact, SeatSet):
                self.seats[fact.lms_user_id, fact.course_key] = fact.mode
            elif isinstance(fact, Registered):
                self.users[fact.email] = fact.lms_user_id
                (self.inactive.discard if fact.is_active else self.inactive.add)(fact.lms_user_id)
                if fact.is_retired:
                    self.retired.add(fact.lms_user_id)
            elif isinstance(fact, Capacity):
                (self.full.add if fact.is_full else self.full.discard)(fact.course_key)
            elif isinstance(fact, Embargo):
                place = fact.lms_user_id, fact.course_key
                (self.embargoed.add if fact.is_embargoed else self.embargoed.discard)(place)
            elif isinstance(fact, Certified):
                self.certified.add((fact.lms_user_id, fact.course_key))
            elif isinstance(fact, Clock):
                self.now = fact.now

    def _events(self, phase: Phase) -> None:
        paid = [data for kind, data in phase.events if "order.paid" in kind]
        refunds = [data for kind, data in phase.events if "order.refunded" in kind]
        looks = [data for kind, data in phase.events if "order.resume" in kind]
        resumed = {data["order_key"] for data in looks}
        expired = {(data["order_key"], line_id) for kind, data in phase.events if "lines.expired" in kind
                   for line_id in data["line_ids"]}
        for kind, data in phase.events:
            if "lines.discarded" in kind:
                for key, verdict in self.verdicts.items():
                    if key[0] == data["order_key"] and verdict in ("waiting", "held"):
                        self.verdicts[key] = "failed"
        self.paid += paid
        self.refunds += refunds
        everything = {(data["order_key"], line["line_id"]) for data in self.paid for line in data["lines"]}
        arrived = {(data["order_key"], line["line_id"]) for data in paid for line in data["lines"]}
        hit = {key for key in everything for data in refunds
               if data["order_key"] == key[0]
               and (self.is_whole(data) or key[1] in [line["line_id"] for line in data["lines"]])}

        news = {(data["order_key"], (data["lms_user_id"], data["course_key"]))
                for kind, data in phase.events if "learner.left" in kind}

        decide = set()
        for key in everything:
            verdict = self.verdicts.get(key)
            ends = key in hit and self.is_reversed(key)
            if (verdict is None
                    or (verdict == "waiting" and (key in arrived or key[0] in resumed or ends or key in expired))
                    or (verdict == "held" and (key[0] in resumed or ends))
                    or (verdict == "failed" and any(self._is_retried(key, data) for data in looks))):
                decide.add(key)
        touched = {self.place(key) for key in decide}
        touched |= {self.place(key) for key in hit if self.verdicts.get(key) == "granted"}
        touched |= {self.place(key) for key, verdict in self.verdicts.items()
                    if verdict == "granted" and (key[0], self.place(key)) in news and not self.is_reversed(key)}
        for place in touched - {None}:
            assert place
            seat = self.seats.get(place)
            if place not in self.ours or self.ours[place] != seat:
                self.base[place] = seat
                self.overruled |= set(self.granted_in(place))
        seated = {place for place in touched if place and self.granted_in(place)}
        verdicts = {key: self._verdict(key, seated) for key in decide}
        for key, verdict in verdicts.items():
            self.verdicts[key] = "failed" if verdict == "waiting" and key in expired else verdict
        for place in touched - {None}:
            assert place
            self.seats[place] = self.ours[place] = self._best(place)

    def _is_retried(self, key: Key, data: dict[str, Any]) -> bool:
        """Whether a person's retry reaches a failed line: it brings the order along, or somebody had been found."""
        if key[0] != data["order_key"] or not data.get("is_retry") or self.is_reversed(key):
            return False
        brought = [line["line_id"] for line in data.get("order", {"lines": ()})["lines"]]
        return key in self.identified or key[1] in brought

    def _verdict(self, key: Key, seated: set[Place]) -> str:
        line, user = self.sold(key), self.user(key)
        assert line
        if user is None:
            verdict = "waiting"
        elif user in self.retired:
            verdict = "failed"
        elif line["product_kind"] == "course_entitlement":
            self.identified.add(key)
            return self._right(key, line, self.place(key), seated)
        else:
            self.identified.add(key)
            place = user, line["course_key"]
            verdict = self._seat(key, line["mode"], place, seated)
        return "gone" if verdict != "granted" and self.is_reversed(key) else verdict

    def _right(self, key: Key, line: dict[str, Any], place: Place | None, seated: set[Place]) -> str:
        """An entitlement is granted in any case: spent on its only run, if that can be had."""
        is_spent = place is not None and self._seat(key, line["mode"], place, seated) == "granted"
        if not is_spent and self.is_reversed(key) and self.hint(key) != "keep":
            return "gone"
        self.runs[key] = place[1] if is_spent and place else ""
        if self.is_reversed(key) and self.hint(key) != "keep":
            self.runs.pop(key)
        return "granted"

    def _seat(self, key: Key, mode: str, place: Place, seated: set[Place]) -> str:
        course_key = place[1]
        if place in self.embargoed:
            return "failed"
        if self.base[place] is None and key[0].startswith(STRICT) and self._is_closed(key, course_key):
            return "failed"
        if mode == "verified" and mode in self.modes[course_key] and self._is_over(
                key, self.world.expires.get(course_key)):
            return "failed"
        if course_key in self.full and self.base[place] is None and place not in seated:
            return "held"
        if mode not in self.modes[course_key]:
            return "failed"
        return "held" if self.base[place] and self.base[place] not in RANK else "granted"

    def _is_closed(self, key: Key, course_key: str) -> bool:
        return course_key in self.world.invited or self._is_over(key, self.world.ends.get(course_key))

    def _is_over(self, key: Key, end: datetime | None) -> bool:
        """Whether it is past a deadline, and was when the order was paid."""
        paid_at = next(datetime.fromisoformat(data["paid_at"]) for data in self.paid if data["order_key"] == key[0])
        return end is not None and min(self.now, paid_at) > end

    def _best(self, place: Place) -> str | None:
        base = self.base[place]
        if base and base not in RANK:
            return base
        lines = [(self.sold(key)["mode"], self.is_reversed(key), key)  # type: ignore[index]
                 for key in self.granted_in(place)]
        lost = [(mode, self.hint(key)) for mode, is_reversed, key in lines if is_reversed]
        modes = [mode for mode, is_reversed, _ in lines if not is_reversed]
        modes += [mode for mode, hint in lost if hint == "keep"]
        hints = {hint for _, hint in lost}
        if "deactivate" in hints:
            below = None
        elif "downgrade" in hints:
            below = "audit"
        else:
            below = base
        above = [mode for mode, hint in lost if hint != "keep" and below and RANK.index(mode) > RANK.index(below)]
        exists = below in self.modes[place[1]]
        if below and (exists or (below == base and not above)):
            modes.append(below)
        return max(modes, key=RANK.index, default=None)


def order_key(order_id: str) -> str:
    return f"{source_of(order_id)}:{order_id}"


def agree(world: World, end: End) -> None:
    """Compare an end with the model's; what a certificate may hold is left out where it may."""
    model = Sequential(world)
    wanted = model.run(world.phases)
    if world.certificate_policy != "revoke":
        keys = {key for key in model.verdicts if model.place(key) in model.certified}
        end, wanted = end.without(model.certified, keys), wanted.without(model.certified, keys)
    assert end.seats == wanted.seats
    assert end.live == wanted.live
    assert end.totals == wanted.totals
    assert end.waiting == wanted.waiting
    assert end.rights == wanted.rights
