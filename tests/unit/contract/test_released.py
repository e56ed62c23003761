"""Released schemas are frozen: their events stay on topics for years.

To add an optional field: change the data class, ``commerce-events schemas generate --release``, and add the new number
here. A line of this table never changes.
"""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from commerce_events import avsc, topics
from commerce_events.contract import files
from commerce_events.exceptions import OperatorError

RELEASED = {
    ("org.openedx.commerce.order.paid.v1", "1"):
        "64b3e9eafed9d8bdac744a3591ce6b1eab0009dc9b7b0641d2d1f6afa0c39a1e",
    ("org.openedx.commerce.order.refunded.v1", "1"):
        "ce831801e8271d7ce6dc6a4557d01f8cd0403f4bdcb8678fc59d257cd09eae6c",
    ("org.openedx.commerce.fulfillment.completed.v1", "1"):
        "402f01c2f1f7fe234619343990608a3731025595915a16088ab4566b52a4c71c",
    ("org.openedx.commerce.fulfillment.deferred.v1", "1"):
        "3bbecc0f4e7f3d59e2b2227515b4b277080dd0331e5e3dc6de9dd086d0619fd5",
    ("org.openedx.commerce.fulfillment.failed.v1", "1"):
        "c2d4b83af7e18a6e8191064185f9bfb123257925b9feb87b30a44ed76dc1a0b9",
    ("org.openedx.commerce.fulfillment.skipped.v1", "1"):
        "1d6d607dcdd44c47b98e3aa8f9a46482251e2fcdcf79d291a0ddb6cabd9edd5b",
    ("org.openedx.commerce.fulfillment.revoked.v1", "1"):
        "f3f263360c799c4e4e96f4f4b7093c5e8293832ed06e1b9ffb9a359afc4b04f1",
    ("org.openedx.commerce.fulfillment.retained.v1", "1"):
        "5ce741baad2c6f03717d867fb7ac57501ecbe307d2e8b360ab1758e2cdb49cf8",
    ("org.openedx.commerce.refund.requested.v1", "1"):
        "43de35d9b6bef7d30ca5bc7228bd20c6543344b84df74d401c6de1b183f85262",
}  # fmt: skip


def test_what_was_released_is_still_there_unchanged() -> None:
    index = files.index(files.checkout())
    now = {(event_type, n): one["schema"] for event_type, numbers in index.items() for n, one in numbers.items()}
    assert now == RELEASED
    assert files.damaged(files.checkout()) == []


@pytest.mark.parametrize("event_type", topics.EVENT_TYPES)
def test_a_reader_takes_every_released_schema_at_its_word(event_type: str) -> None:
    texts = avsc.released(event_type)
    assert [files.fingerprint(text.encode()) for text in texts] == [
        digest for (known, _), digest in RELEASED.items() if known == event_type
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files.write(tmp_path)
    files.release(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", ["released/{}/1.avsc", "golden/{}/1.bin"])
def test_a_changed_or_missing_released_file_is_seen_and_stops_the_next_release(folder: Path, kind: str) -> None:
    path = folder / kind.format(topics.ORDER_PAID_TYPE)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"order", b"ordre").replace(b"shop", b"shup"))
    assert files.damaged(folder) == [f"schemas/{kind.format(topics.ORDER_PAID_TYPE)}: is released and was changed"]
    with pytest.raises(OperatorError, match="was changed"):
        files.release(folder)
    path.unlink()
    assert files.damaged(folder) == [f"schemas/{kind.format(topics.ORDER_PAID_TYPE)}: is released and missing"]
    path.write_bytes(whole)
    assert files.damaged(folder) == []


def test_the_layout_of_a_released_file_does_not_count(folder: Path) -> None:
    path = folder / "released" / topics.ORDER_PAID_TYPE / "1.avsc"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert files.damaged(folder) == []


def test_an_event_type_that_was_released_cannot_go(folder: Path) -> None:
    index = files.index(folder)
    index["org.openedx.commerce.order.shipped.v1"] = {}
    (folder / files.INDEX).write_text(json.dumps(index))
    assert any("order.shipped.v1: was released and is gone" in line for line in files.refused(folder))
