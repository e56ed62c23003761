"""The invariants, each a function of the state that says what violates it (docs/how-tos/repeat-the-proof.rst).

A checker compares what stands on the topics with what stands in the tables, and both with what was planned. The
product's own reader and decoder read them.
"""
from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from commerce_events import identity
from commerce_events.bus.reader import Heard
from commerce_events.models import DeadLetter, Inbox
from tests.faults.plan import CANARY, COURSES, OFFERED
from tests.faults.state import State
from tests.model.sequential import Sequential
from tests.model.strategies import Phase, World

#: What one process may take at any moment, and the database of all of them: four processes, each with a connection for
#: its intake, its two lanes, its relay and its threads that handle (I9).
BOUNDS = {"memory MB": 300.0, "descriptors": 120.0, "threads": 60.0, "connections": 60.0, "sessions": 60.0}
_STATES = {Inbox.State.HANDLED, Inbox.State.HELD, Inbox.State.DISCARDED}


def _lost(state: State) -> set[str]:
    """Events that were deleted from the topic, and that a gap accounts for: nobody can have them."""
    there = {_content(row.event_type, json.loads(row.payload)) for row in state.order_inbox()}
    there |= {_content(each.event_type, each.body) for each in state.orders if each.body}
    return {
        _content(each.event_type, each.body) for each, with_topic in state.deleted
        if each.body and _is_in_a_gap(state, each, with_topic)
    } - there  # fmt: skip


def _is_in_a_gap(state: State, each: Heard, with_topic: bool) -> bool:
    """A gap of a topic made anew is two: the rest of the former one, and what the new one has no more."""
    return any(
        (gap.topic, gap.partition) == (each.topic, each.partition)
        and (
            gap.from_offset <= each.offset if with_topic
            else (0 if gap.reason == "topic_recreated" else gap.from_offset) <= each.offset < (gap.to_offset or 0)
        )
        for gap in state.gaps
    )  # fmt: skip


def every_event_is_somewhere(state: State) -> Iterator[str]:
    """I1: each message on the order topic is in the inbox, or dead-lettered, or in a gap: exactly once."""
    known = Counter(_content(row.event_type, json.loads(row.payload)) for row in state.order_inbox())
    for content, times in known.items():
        if times > 1:
            yield f"{times} inbox rows of one content: {content[:200]}"
    open_ones = [letter for letter in state.dead if letter.state == DeadLetter.State.OPEN]
    dead = Counter((letter.topic, letter.partition, letter.offset) for letter in open_ones)
    # places in a topic that is no more may mean another message now
    before = Counter((each.topic, each.partition, each.offset) for each, with_topic in state.deleted if with_topic)
    told = {_content(each.event_type, each.body) for each, _ in state.deleted if each.body}
    for message in state.orders:
        at = (message.topic, message.partition, message.offset)
        if _is_in_a_gap(state, message, with_topic=False):
            continue
        if message.problem:
            if not 1 <= dead[at] <= 1 + before[at]:
                yield f"{at} cannot be read ({message.problem}) and has {dead[at]} dead letters"
            continue
        told.add(_content(message.event_type, message.body))
        if dead[at] > before[at]:
            yield f"{at} can be read and has a dead letter"
        elif known[_content(message.event_type, message.body)] != 1:
            yield f"{at} {message.event_type} {message.key} was acknowledged by the broker and is nowhere"
    for content in known.keys() - told:
        yield f"in the inbox and never on the topic: {content[:200]}"
    planned = {_content(kind, data) for kind, data in state.events}
    for content in planned - told - _lost(state):
        yield f"a store has sold it and it is not on the topic: {content[:200]}"


def everything_is_done(state: State) -> Iterator[str]:
    """I1, I8: when all is healed nothing is due, nothing waits to be sent, and every partition was read to its end."""
    for row in state.inbox:
        if row.state not in _STATES or row.due_at is not None:
            yield f"inbox {row.pk} {row.event_type}: {row.state} {row.reason} {row.attempts} times, due {row.due_at}"
        elif row.state == Inbox.State.HELD:
            yield f"inbox {row.pk} {row.event_type} is held for a person: {row.reason}"
    if state.waiting:
        yield f"{len(state.waiting)} batches were never sent"


def a_line_changes_once_per_decision(state: State) -> Iterator[str]:
    """I2: one decision per event, each line and refund once in it; and the changes of a seat follow one another."""
    moves: dict[tuple[int, str], list[tuple[str | None, str | None]]] = defaultdict(list)
    places = {(grant.order_key, grant.line_id): (grant.lms_user_id, grant.course_key) for grant in state.grants}
    for row in state.inbox:
        if not row.decision:
            continue
        lines = json.loads(row.decision)
        repeated = [slot for slot, times in Counter(map(str, (line[:3] for line in lines))).items() if times > 1]
        if repeated:
            yield f"inbox {row.pk}: decided twice in one decision: {repeated}"
        key = _order_key(row)
        for line_id, _, _, _, _, before, after in lines:
            place = places.get((key, line_id))
            if place is not None and place[0] is not None and before != after:
                moves[place].append((before, after))
    if state.restored:  # what was decided before the restore, in the history that was lost, moved the seats back too
        return
    for place, changes in moves.items():
        balance: Counter[str | None] = Counter()
        for before, after in changes:
            balance[before] -= 1
            balance[after] += 1
        balance[None] += 1
        balance[state.seats.get(place)] -= 1
        if any(balance.values()):
            yield f"{place}: changed by {changes}, which do not lead from nothing to {state.seats.get(place)}"


def one_id_one_content(state: State) -> Iterator[str]:
    """I3: each result id has one content, and what stands on the topic is what the database has decided."""
    contents: dict[str, str] = {}
    decided = {message["result_id"]: _said(message) for message in state.messages}
    for heard in state.results:
        if heard.problem:
            yield f"a result that cannot be read: {heard.partition}@{heard.offset} {heard.problem}"
            continue
        result = heard.body["fulfillment"]
        content = json.dumps(result, sort_keys=True)
        if contents.setdefault(result["result_id"], content) != content:
            yield f"{heard.key}: result {result['result_id']} has two contents"
        if decided.get(result["result_id"], result) != result:
            yield f"{heard.key}: result {result['result_id']} is told otherwise than it was decided"
        if heard.key != result["order_key"]:
            yield f"a result of {result['order_key']} has the key {heard.key}"
    for message_id, times in Counter(message["result_id"] for message in state.messages).items():
        if times > 1:
            yield f"result {message_id} was decided {times} times"


def _said(message: Mapping[str, Any]) -> dict[str, Any]:
    """What a message of the outbox says, without where it lies."""
    return {name: value for name, value in message.items() if name not in ("batch_id", "message_id")}


def one_current_result(state: State) -> Iterator[str]:
    """I3: of each line, action and refund one result is current, the same for a reader and for the database."""
    held: dict[Any, dict[str, Any]] = {}
    for results in state.told().values():
        for result in results:
            known = held.get(_slot(result))
            if known is None or result["sequence"] > known["sequence"]:
                held[_slot(result)] = result
            elif result["sequence"] == known["sequence"] and result["result_id"] != known["result_id"]:
                yield f"{_slot(result)}: two results of sequence {result['sequence']}"
    ours: dict[Any, dict[str, Any]] = {}
    for message in state.messages:
        if _slot(message) not in ours or message["sequence"] > ours[_slot(message)]["sequence"]:
            ours[_slot(message)] = message
    for slot, message in ours.items():
        if held.get(slot, {}).get("result_id") != message["result_id"]:
            yield f"{slot}: a reader holds {_brief(held.get(slot))}, the database {_brief(message)}"
    for slot in held.keys() - ours.keys():
        yield f"{slot}: a reader holds {_brief(held[slot])}, the database nothing"


def effect_and_result_agree(state: State) -> Iterator[str]:
    """I4: what was decided of each line was told, and nothing else was."""
    decided: Counter[Any] = Counter()
    keys = {row.stream_id: _order_key(row) for row in state.inbox}
    kept = [(row.stream_id, row.decision) for row in state.inbox if row.decision]
    for stream_id, decision in [*kept, *((row.stream_id, row.detail) for row in state.failures)]:
        for line_id, action, refund_id, outcome, *_ in json.loads(decision):
            decided[keys[stream_id], line_id, action, refund_id, outcome] += 1
    told = Counter(
        (m["order_key"], m["line_id"], m["action"], m["refund_id"], m["outcome"])
        for m in state.messages if m["action"] in ("fulfill", "revoke")
    )  # fmt: skip
    for fact in decided - told:
        yield f"decided, not told: {fact}"
    if not state.restored:  # a decision of the lost history is told again without an event of its own
        for fact in told - decided:
            yield f"told, not decided: {fact}"


def kafka_is_not_ahead(state: State) -> Iterator[str]:
    """I5: Kafka's committed offset is not above the position."""
    stands = {(row.topic, row.partition): row.offset for row in state.positions}
    for at, offset in state.committed.items():
        if offset > stands.get(at, 0):
            yield f"{at}: committed {offset}, position {stands.get(at)}"
    yield from (note for note in state.noted if note.startswith("I5"))


def results_ascend(state: State) -> Iterator[str]:
    """I6: each order's results stand on the topic in ascending sequence, repetitions aside, and none is missing.

    A history that a restore has lost may go on talking for a moment, under its lower epoch: no reader listens to it.
    """
    decided: dict[str, set[int]] = defaultdict(set)
    for message in state.messages:
        decided[message["order_key"]].add(message["sequence"])
    told = state.told()
    for key in decided.keys() | told.keys():
        seen: set[str] = set()
        first_time: list[int] = []
        late: set[int] = set()
        for result in told.get(key, ()):
            if result["result_id"] in seen:
                continue
            seen.add(result["result_id"])
            if first_time and identity.epoch_of(result["sequence"]) < identity.epoch_of(max(first_time)):
                late.add(result["sequence"])
                continue
            first_time.append(result["sequence"])
        if late and not state.restored:
            yield f"{key}: told in a lower epoch, and nothing was restored: {sorted(late)}"
        if first_time != sorted(first_time):
            yield f"{key}: told out of sequence: {first_time}"
        if missing := decided[key] - set(first_time) - late:
            yield f"{key}: decided and not told: {sorted(missing)}"
        unknown = {each for each in set(first_time) - decided[key] if identity.epoch_of(each) >= state.epoch}
        if unknown or (set(first_time) - decided[key] and not state.restored):
            yield f"{key}: told and not decided: {sorted(set(first_time) - decided[key])}"


def nothing_is_passed_over(state: State) -> Iterator[str]:
    """I7: every partition was read to its end; what was passed over is a gap with an alarm."""
    stands = {(row.topic, row.partition): row for row in state.positions}
    for at, end in state.ends.items():
        row = stands.get(at)
        if end and (row is None or row.offset != end):
            yield f"{at}: its end is {end}, the position {row.offset if row else None}"
        elif row is not None and row.halted:
            yield f"{at} is halted: {row.halted}"
    yield from _passed_over(state)
    gaps = {(gap.topic, gap.partition, gap.from_offset, gap.to_offset) for gap in state.gaps}
    for passed in set(state.expired) - gaps:
        yield f"{passed} was deleted before it was read, and there is no gap"
    deleted = {(each.topic, each.partition) for each, _ in state.deleted}
    anew = any(with_topic for _, with_topic in state.deleted)
    for gap in gaps - set(state.expired):
        if gap[:2] not in deleted and not anew:
            yield f"a gap that nobody made: {gap}"
    if gaps and not any("ALARM gap" in text for text in state.texts.values()):
        yield f"gaps without an alarm: {gaps}"


def _passed_over(state: State) -> Iterator[str]:
    """What is on the topic no more was stored before, or is in a gap."""
    known = {_content(row.event_type, json.loads(row.payload)) for row in state.order_inbox()}
    dead = {(letter.topic, letter.partition, letter.offset) for letter in state.dead}
    for each, with_topic in state.deleted:
        stored = _content(each.event_type, each.body) in known if each.body else (
            (each.topic, each.partition, each.offset) in dead
        )  # fmt: skip
        if not stored and not _is_in_a_gap(state, each, with_topic):
            yield f"{each.partition}@{each.offset} was deleted, was never stored, and is in no gap"


def processes_are_bounded(state: State) -> Iterator[str]:
    """I9: memory, descriptors, threads and connections of each process."""
    for name, sizes in state.sizes.items():
        for what, most in BOUNDS.items():
            if sizes.get(what, 0) > most:
                yield f"{name}: {what} {sizes[what]:.0f}, more than {most:.0f}"
    yield from (note for note in state.noted if note.startswith("I9"))


def the_end_is_the_models(state: State) -> Iterator[str]:
    """I10: enrollments, live lines and refunded totals are those of a sequential reading of the events."""
    model = Sequential(World(dict.fromkeys(COURSES, OFFERED)))
    lost = _lost(state)
    wanted = model.run([Phase([], [each for each in state.events if _content(*each) not in lost])])
    live = {(g.order_key, g.line_id) for g in state.grants if g.found and g.state in ("active", "held")
            and not (g.is_full or g.chargeback or (g.quantity and g.refunded_total >= g.quantity))}
    totals = {(g.order_key, g.line_id): g.refunded_total for g in state.grants}
    for what, found, right in (
        ("seats", state.seats, wanted.seats), ("totals", totals, wanted.totals),
        ("live lines", dict.fromkeys(live, True), dict.fromkeys(wanted.live, True)),
    ):  # fmt: skip
        for key in sorted(found.keys() | right.keys(), key=str):
            if found.get(key) != right.get(key):
                yield f"{what} of {key}: {found.get(key)}, and should be {right.get(key)}"


def nobody_is_named(state: State) -> Iterator[str]:
    """I11: no personal data in logs, health files and results."""
    for name, text in state.texts.items():
        if CANARY in text and not name.startswith(("store", "neighbour")):
            line = next(line for line in text.splitlines() if CANARY in line)
            yield f"{name} names a learner: {line[:200]}"
    for heard in state.results:
        if CANARY in json.dumps(heard.body):
            yield f"a result names a learner: {heard.partition}@{heard.offset}"


def health_tells_the_truth(state: State) -> Iterator[str]:
    """I12: no green health check beside a stopped stage; noted by the watch while the run went on."""
    yield from (note for note in state.noted if note.startswith("I12"))


def nobody_gives_up(state: State) -> Iterator[str]:
    """I8: no process ended by itself; settled within the recovery goal."""
    yield from (note for note in state.noted if note.startswith("I8"))


CHECKERS: dict[str, Callable[[State], Iterator[str]]] = {
    "I1 every event is somewhere": every_event_is_somewhere,
    "I1 everything is done": everything_is_done,
    "I2 a line changes once per decision": a_line_changes_once_per_decision,
    "I3 one id, one content": one_id_one_content,
    "I3 one current result": one_current_result,
    "I4 effect and result agree": effect_and_result_agree,
    "I5 Kafka is not ahead": kafka_is_not_ahead,
    "I6 results ascend": results_ascend,
    "I7 nothing is passed over": nothing_is_passed_over,
    "I8 nobody gives up": nobody_gives_up,
    "I9 processes are bounded": processes_are_bounded,
    "I10 the end is the model's": the_end_is_the_models,
    "I11 nobody is named": nobody_is_named,
    "I12 health tells the truth": health_tells_the_truth,
}


def violations(state: State) -> dict[str, list[str]]:
    """What each checker found, of those that found something."""
    found = {name: list(checker(state)) for name, checker in CHECKERS.items()}
    return {name: said for name, said in found.items() if said}


def _content(event_type: str, body: dict[str, Any]) -> str:
    """What makes two sends one event: everything but the time of the send, and fields that say nothing."""
    content = _inner(body)
    return f"{event_type} {json.dumps(_present(content), sort_keys=True)}"


def _present(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _present(part) for name, part in value.items() if part is not None and name != "occurred_at"}
    return [_present(part) for part in value] if isinstance(value, list) else value


def _order_key(row: Inbox) -> str:
    return str(_inner(json.loads(row.payload))["order_key"])


def _inner(body: dict[str, Any]) -> dict[str, Any]:
    """The record of an event, which the wire wraps and the inbox does not."""
    return body if "order_key" in body else next(iter(body.values()))


def _slot(result: dict[str, Any]) -> tuple[Any, ...]:
    return result["order_key"], result["line_id"], result["action"], result["refund_id"]


def _brief(result: dict[str, Any] | None) -> str:
    return f"{result['outcome']}/{result['reason_code']} #{result['sequence']}" if result else "nothing"
