"""Everything in ``schemas/``: what it should hold, what it holds, and the step from one to the other.

Two kinds of files stand there. *Generated* ones follow the code and are written at will. *Released* ones are history:
they are added by a release and never changed, because their bytes are on topics for ever.

::

    <event type>.avsc                 generated: the schema of today
    examples/<event type>/*.json      generated: one right, some wrong in one named way each
    asyncapi.json                     generated
    released/<event type>/<n>.avsc    released: every schema that was ever shipped
    golden/<event type>/<n>.bin       released: an event as that schema wrote it …
    golden/<event type>/<n>.json      … and what it must be read as
    released.json                     released: fingerprints of all released files
"""
from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import commerce_events
from commerce_events import avsc, topics, wire
from commerce_events.contract import asyncapi, examples, generate
from commerce_events.contract.compatibility import breaks
from commerce_events.exceptions import OperatorError

Files = dict[str, bytes]
#: Event type → number of the release → SHA-256 of its schema, as registered, and of its golden bytes.
Index = dict[str, dict[str, dict[str, str]]]
INDEX = "released.json"


def checkout() -> Path:
    """The folder ``schemas`` of the source checkout that this code runs from.

    Raises:
        OperatorError: the package is installed; nobody generates there.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "schemas").is_dir() or not (root / "setup.py").is_file():
        raise OperatorError(
            "there is no source checkout to generate schemas in",
            hint="Clone the repository; an installed package only carries the generated files.",
        )
    return root / "schemas"


def generated() -> Files:
    """Path below ``schemas/`` → content, for all that follows the code."""
    made = {"asyncapi.json": generate.pretty(asyncapi.document(commerce_events.__version__))}
    for event_type in topics.EVENT_TYPES:
        made[f"{event_type}.avsc"] = generate.schema_file(event_type)
        made[f"examples/{event_type}/valid.json"] = generate.pretty(examples.valid(event_type))
        wrong = {}
        for way, body in examples.invalid(event_type):
            made[f"examples/{event_type}/invalid-{way.name}.json"] = generate.pretty(body)
            wrong[f"invalid-{way.name}.json"] = {"path": way.path, "why": way.why}
        made[f"examples/{event_type}/errors.json"] = generate.pretty(wrong)
    return {path: text.encode() for path, text in made.items()}


def index(folder: Path) -> Index:
    """What is released."""
    path = folder / INDEX
    found: Index = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def problems(folder: Path) -> list[str]:
    """Everything that is wrong in ``folder``; empty if a commit may pass."""
    found = [f"schemas/{path}: differs from what the code says" for path in sorted(stale(folder))]
    found += [f"schemas/{path}: nothing generates it any more" for path in sorted(leftover(folder))]
    return found + refused(folder) + damaged(folder) + unreleased(folder)


def stale(folder: Path) -> Files:
    """Generated files that are missing or differ."""
    return {
        path: content for path, content in generated().items()
        if not (folder / path).is_file() or (folder / path).read_bytes() != content
    }  # fmt: skip


def leftover(folder: Path) -> list[str]:
    """Files that stand where generated ones do and are none."""
    here = [*folder.glob("*.avsc"), *folder.glob("examples/**/*.json")]
    return [name for path in here if (name := path.relative_to(folder).as_posix()) not in generated()]


def refused(folder: Path) -> list[str]:
    """What the gate of compatibility says of the schemas of today against every released one."""
    found = []
    for event_type, numbers in index(folder).items():
        if event_type not in topics.EVENT_TYPES:
            found.append(f"{event_type}: was released and is gone. Its events are on topics; keep the type.")
            continue
        for number in numbers:
            path = folder / "released" / event_type / f"{number}.avsc"
            if path.is_file():
                old = json.loads(path.read_text(encoding="utf-8"))
                found += [f"{event_type} {number} → today: {it}" for it in breaks(old, generate.schema(event_type))]
    return found


def damaged(folder: Path) -> list[str]:
    """Released files that were changed or are missing."""
    found = []
    for event_type, numbers in index(folder).items():
        for number, released in numbers.items():
            for name, digest in (
                (f"released/{event_type}/{number}.avsc", released["schema"]),
                (f"golden/{event_type}/{number}.bin", released["golden"]),
            ):
                path = folder / name
                if not path.is_file():
                    found.append(f"schemas/{name}: is released and missing")
                elif fingerprint(path.read_bytes()) != digest:
                    found.append(f"schemas/{name}: is released and was changed")
    return found


def unreleased(folder: Path) -> list[str]:
    """Schemas of today that no release holds."""
    known = index(folder)
    return [
        f"{event_type}: the schema of today is not released. Run: commerce-events schemas generate --release"
        for event_type in topics.EVENT_TYPES
        if _fingerprint_of(event_type) not in _schemas(known.get(event_type, {}))
    ]


def write(folder: Path) -> list[str]:
    """Write every generated file that differs and delete what nothing generates; returns their paths."""
    changed = stale(folder)
    for path, content in changed.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    old = leftover(folder)
    for path in old:
        (folder / path).unlink()
    return [*changed, *old]


def release(folder: Path) -> list[str]:
    """Add the schemas of today to the released ones, with golden bytes; returns the new paths.

    Raises:
        OperatorError: the gate refuses.
    """
    faults = [*refused(folder), *damaged(folder)]
    if faults:
        raise OperatorError("the contract cannot be released:\n  " + "\n  ".join(faults), hint=NO_RELEASE)
    known, added = index(folder), []
    for event_type in topics.EVENT_TYPES:
        numbers = known.setdefault(event_type, {})
        if _fingerprint_of(event_type) not in _schemas(numbers):
            number = str(len(numbers) + 1)
            schema, written, read = _golden(event_type)
            numbers[number] = {"schema": fingerprint(schema), "golden": fingerprint(written)}
            for path, content in (
                (f"released/{event_type}/{number}.avsc", schema),
                (f"golden/{event_type}/{number}.bin", written),
                (f"golden/{event_type}/{number}.json", read),
            ):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
                added.append(path)
    if added:
        (folder / INDEX).write_text(generate.pretty(known), encoding="utf-8")
    return added


NO_RELEASE = "Released events stay on topics for years. Undo the change, or make it a new event type."


def fingerprint(content: bytes) -> str:
    """SHA-256; of a schema in the form in which it is registered, so that its layout does not count."""
    if content.startswith(b"{"):
        content = avsc.compact(content.decode()).encode()
    return sha256(content).hexdigest()


def _fingerprint_of(event_type: str) -> str:
    return fingerprint(generate.schema_file(event_type).encode())


def _schemas(numbers: dict[str, dict[str, str]]) -> set[str]:
    return {released["schema"] for released in numbers.values()}


def _golden(event_type: str) -> tuple[bytes, bytes, bytes]:
    written = wire.encode(event_type, examples.valid(event_type))
    read = generate.pretty(wire.decode(event_type, written))
    return generate.schema_file(event_type).encode(), written, read.encode()
