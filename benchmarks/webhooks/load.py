"""Load on a server: requests that are ready on open connections, as fast as they are answered or at a rate."""
from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

from benchmarks.webhooks import shop


async def _one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bool]:
    """Status, and whether it said when to come again."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    said = {name.lower(): text.strip() for name, _, text in (line.partition(b":") for line in lines[1:])}
    await reader.readexactly(int(said.get(b"content-length", b"0")))
    while said.get(b"transfer-encoding", b"").lower() == b"chunked":  # so gunicorn sends a page that says no length
        size = int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16)
        await reader.readexactly(size + 2)
        if not size:
            break
    if said.get(b"connection", b"").lower() == b"close":
        writer.close()
    return int(lines[0].split(b" ")[1]), b"retry-after" in said


async def run(
    port: int, path: str, numbers: Sequence[int], connections: int, rate: float | None = None
) -> dict[str, Any]:
    """Send each once. With a rate they are due one after the other; what finds no connection free waits for one, and
    its wait counts. The answer tells the seconds, the statuses, the latencies, and how many were refused.
    """
    waiting = deque(shop.request(path, number) for number in numbers)
    total, statuses, spans = len(waiting), Counter[int](), list[float]()
    silent = 0
    began = time.perf_counter()

    async def connection() -> None:
        nonlocal silent
        reader = writer = None
        while waiting:
            place = total - len(waiting)
            request = waiting.popleft()
            due = began + place / rate if rate else time.perf_counter()
            if rate and (left := due - time.perf_counter()) > 0:
                await asyncio.sleep(left)
            try:
                if writer is None or reader is None or writer.is_closing():
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                status, says_when = await _one(reader, writer, request)
            except (OSError, asyncio.IncompleteReadError):
                status, says_when, writer = 0, False, None
            statuses[status] += 1
            if status == 200:
                spans.append(time.perf_counter() - due)
            else:
                silent += not says_when
        if writer is not None:
            writer.close()

    await asyncio.gather(*(connection() for _ in range(connections)))
    seconds = time.perf_counter() - began
    spans.sort()
    return {
        "events": statuses[200], "seconds": round(seconds, 3), "statuses": dict(statuses),
        "refused": total - statuses[200], "refused_without_time": silent,
        "p50": round(spans[len(spans) // 2] * 1000, 1) if spans else None,
        "p99": round(spans[int(len(spans) * 0.99) - 1] * 1000, 1) if spans else None,
    }  # fmt: skip
