"""What a test of a store says about the events that it published; a failure shows what was there instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from commerce_events import topics
from commerce_events.testing.fake import FakeBus, Sent

Wanted = Mapping[str, Any]


def assert_published(
    bus: FakeBus, order_id: str, *, lines: Sequence[Wanted] | None = None, times: int = 1, **fields: Any
) -> dict[str, Any]:
    """An order was published as paid; answers its data, the last one's.

    Arguments:
        lines: what is to be said of each line, in any order: some of its fields, and no line more or less.
        times: how often; the same content counts once, as it does for the LMS.
        fields: of the order, such as ``source="shop"`` or ``learner={"email": "learner@example.com"}``.
    """
    return _assert(bus, topics.ORDER_PAID_TYPE, order_id, lines, times, fields)


def assert_refunded(
    bus: FakeBus, order_id: str, *, lines: Sequence[Wanted] | None = None, times: int = 1, **fields: Any
) -> dict[str, Any]:
    """A refund of an order was published; answers its data, the last one's. Arguments as :func:`assert_published`."""
    return _assert(bus, topics.ORDER_REFUNDED_TYPE, order_id, lines, times, fields)


def assert_nothing_published(bus: FakeBus, order_id: str | None = None) -> None:
    """Nothing was published: of an order, or at all."""
    found = [sent for sent in bus.events if order_id is None or sent.data["order_id"] == order_id]
    if found:
        raise AssertionError(f"nothing was to be published, and this was:\n{_shown(found)}")


def _assert(
    bus: FakeBus, event_type: str, order_id: str, lines: Sequence[Wanted] | None, times: int, fields: Wanted
) -> dict[str, Any]:
    what = f"{topics.EVENT_TYPES[event_type].name} of order {order_id}"
    sent = bus.events
    events = [each for each in sent if each.event_type == event_type and each.data["order_id"] == order_id]
    different = list({_content(each): each for each in events}.values())
    if len(different) != times:
        raise AssertionError(f"{what}: wanted {times} time(s), found {len(different)}. Published was:\n{_shown(sent)}")
    if not different:
        return {}
    data = different[-1].data
    faults = [*_faults(fields, data, ""), *(_line_faults(lines, data["lines"]) if lines is not None else ())]
    if faults:
        raise AssertionError(f"{what} says something else:\n" + "\n".join(f"  {fault}" for fault in faults))
    return data


def _faults(wanted: Wanted, found: Wanted, path: str) -> list[str]:
    """Where the fields that are wanted are not what they are to be."""
    faults = []
    for name, value in wanted.items():
        where = f"{path}{name}"
        if name not in found:
            faults.append(f"{where}: there is no such field; there are {', '.join(found)}")
        elif isinstance(value, Mapping) and isinstance(found[name], Mapping):
            faults += _faults(value, found[name], f"{where}.")
        elif found[name] != value:
            faults.append(f"{where}: wanted {value!r}, found {found[name]!r}")
    return faults


def _line_faults(wanted: Sequence[Wanted], found: Sequence[Wanted]) -> list[str]:
    """Each line that is wanted takes the one that fits it best, by the fewest faults."""
    left = list(found)
    faults = [] if len(wanted) == len(left) else [f"lines: wanted {len(wanted)}, found {len(left)}: {_lines(left)}"]
    for i, line in enumerate(wanted):
        if not left:
            break
        best = min(left, key=lambda candidate: len(_faults(line, candidate, "")))
        left.remove(best)
        faults += _faults(line, best, f"lines[{i}].")
    return faults


def _content(sent: Sent) -> str:
    return repr(sorted((name, value) for name, value in sent.data.items() if name != "occurred_at"))


def _shown(events: Sequence[Sent]) -> str:
    return "\n".join(
        f"  {topics.EVENT_TYPES[sent.event_type].name} {sent.key}: {_lines(sent.data['lines'])}" for sent in events
    ) or "  nothing"


def _lines(lines: Sequence[Wanted]) -> str:
    return ", ".join(
        " ".join(str(line[name]) for name in ("line_id", "course_key", "mode") if line.get(name)) for line in lines
    ) or "no lines"
