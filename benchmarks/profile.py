"""Where the interpreter's time on the full path goes: stacks of the real worker, sampled from outside by py-spy.

Nothing is changed in the process that is looked at. A stack is taken only from the thread that holds the interpreter,
so that waiting – for the database, for Kafka, for the other lane – is nobody's part. Each sample belongs to the part of
the innermost frame that has one.
"""
from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import process

RATE = 250  # samples a second
#: What is no part of the work on orders: imports, the start, joining the group.
WORK = re.compile(r"IntakeLoop\._once|_apart \(commerce_events/bus/lanes|RelayLoop\.once|HandleLoop\.round")
#: Part → the frames that are its, ``function (path:line)``.
PARTS: Mapping[str, re.Pattern[str]] = {
    "take from Kafka": re.compile(r"\(commerce_events/bus/(kafka|subscription|reader)\.py"),
    "identity of an event": re.compile(r"\(commerce_events/identity\.py"),
    "decode and check": re.compile(r"\(commerce_events/(bus/codec|compiled|validation|shapes)\.py"),
    "rules": re.compile(r"\(consumers/fulfillment/rules/"),
    "results made": re.compile(r"\(consumers/fulfillment/results\.py"),
    "results encoded and packed": re.compile(r"\(commerce_events/bus/outbox\.py"),
    "rows handed to the driver": re.compile(r"\(commerce_events/bus/(sql|script|values)\.py"),
    "ledger and gateway": re.compile(r"\(consumers/fulfillment/"),
    "inbox, streams, positions": re.compile(r"\(commerce_events/bus/"),
}
RELAY = "relay: unpack, frame, produce"
OTHER = "everything else"


def program() -> str | None:
    """Where py-spy is; None where it is not installed."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


def path(count: int, variables: Mapping[str, str]) -> dict[str, Any]:
    """Run the full path under the profiler: its pace, and the share of each part."""
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        stacks = Path(folder, "stacks")
        spy = [str(program()), "record", "--gil", "--format", "raw", "--rate", str(RATE), "--output", str(stacks), "--"]
        outcome = process.run("path", count, variables, before=spy)
        lines = stacks.read_text(encoding="utf-8").splitlines()
    parts = shares(lines)
    samples = sum(parts.values())
    return {
        **{name: outcome[name] for name in ("events", "seconds", "busy")}, "samples": samples,
        "parts": {name: round(taken / samples, 4) for name, taken in parts.most_common()},
    }  # fmt: skip


def shares(stacks: Iterable[str]) -> Counter[str]:
    """Samples for each part, from lines of frames with the number of samples at their end."""
    found: Counter[str] = Counter()
    for line in stacks:
        frames, _, samples = line.rpartition(" ")
        if WORK.search(frames):
            found[_part(frames)] += int(samples)
    return found


def _part(frames: str) -> str:
    if "RelayLoop.once" in frames:
        return RELAY
    return next(_marked(reversed(frames.split(";"))), OTHER)


def _marked(frames: Iterator[str]) -> Iterator[str]:
    for frame in frames:
        for part, mark in PARTS.items():
            if mark.search(frame):
                yield part
