"""What must be true in the end, computed the slow and obvious way: from the *set* of events, phase by phase.

It shares no code with the rules and keeps no ledger: whatever can be recomputed is. Only what history decides is
carried from phase to phase: which lines were granted, which of them another person has overruled, and the base.
"""
from __future__ import annotations

from typing import Any, NamedTuple

from .strategies import SOURCE, Capacity, Phase, Registered, SeatSet, World

RANK = ["audit", "honor", "verified", "no-id-professional", "professional", "masters", "credit"]
SEVERITY = ["keep", "default", "downgrade", "deactivate"]

Key = tuple[str, str]  # order key, line id
Place = tuple[int, str]  # learner, course


class End(NamedTuple):
    """What the property compares."""

    seats: dict[Place, str]  # active enrollments
    live: set[Key]
    totals: dict[Key, int]


class Sequential:
    """The model. ``run`` the phases of a world, then read ``end``."""

    def __init__(self, world: World) -> None:
        self.modes = world.modes
        self.policy = world.refund_policy
        self.paid: list[dict[str, Any]] = []
        self.refunds: list[dict[str, Any]] = []
        self.seats: dict[Place, str | None] = {}
        self.ours: dict[Place, str | None] = {}
        self.base: dict[Place, str | None] = {}
        self.verdicts: dict[Key, str] = {}  # granted waiting held failed gone
        self.overruled: set[Key] = set()
        self.full: set[str] = set()
        self.users: dict[str, int] = {}

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

    def place(self, key: Key) -> Place | None:
        line = self.sold(key)
        assert line
        user = line["learner"].get("lms_user_id") or self.users.get(line["learner"].get("email"))
        return (user, line["course_key"]) if user else None

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
            {key: self.total(key) for key in keys})

    def _facts(self, phase: Phase) -> None:
        for fact in phase.facts:
            if isinstance(fact, SeatSet):
                self.seats[fact.lms_user_id, fact.course_key] = fact.mode
            elif isinstance(fact, Registered):
                self.users[fact.email] = fact.lms_user_id
            elif isinstance(fact, Capacity):
                (self.full.add if fact.is_full else self.full.discard)(fact.course_key)

    def _events(self, phase: Phase) -> None:
        paid = [data for kind, data in phase.events if "order.paid" in kind]
        refunds = [data for kind, data in phase.events if "order.refunded" in kind]
        resumed = {data["order_key"] for kind, data in phase.events if "order.resume" in kind}
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
                    or (verdict == "waiting" and (key in arrived or key[0] in resumed or ends))
                    or (verdict == "held" and (key[0] in resumed or ends))):
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
        self.verdicts.update({key: self._verdict(key, seated) for key in decide})
        for place in touched - {None}:
            assert place
            self.seats[place] = self.ours[place] = self._best(place)

    def _verdict(self, key: Key, seated: set[Place]) -> str:
        line, place = self.sold(key), self.place(key)
        assert line
        verdict = "granted"
        if place is None:
            verdict = "waiting"
        elif line["course_key"] in self.full and self.base[place] is None and place not in seated:
            verdict = "held"
        elif line["mode"] not in self.modes[line["course_key"]]:
            verdict = "failed"
        elif self.base[place] and self.base[place] not in RANK:
            verdict = "held"
        return "gone" if verdict != "granted" and self.is_reversed(key) else verdict

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


def expected(world: World, phases: list[Phase] | None = None) -> End:
    """The end of a world."""
    return Sequential(world).run(phases if phases is not None else world.phases)


def order_key(order_id: str) -> str:
    return f"{SOURCE}:{order_id}"
