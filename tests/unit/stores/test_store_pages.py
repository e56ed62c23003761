"""What the pages about stores say is so: options, notices, events, and the format of signed JSON."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest

from commerce_events.stores.adapter import KINDS, adapter
from commerce_events.stores.oscar.options import OscarOptions
from commerce_events.stores.saleor import queries
from commerce_events.stores.saleor.options import SaleorOptions
from commerce_events.stores.shopify.options import ShopifyOptions
from commerce_events.stores.signed_json import SignedJson, SignedJsonOptions
from commerce_events.stores.snapshot import Item, Learner, Returned, Reversal, Snapshot
from commerce_events.stores.stripe.adapter import EVENTS
from commerce_events.stores.stripe.options import StripeOptions
from commerce_events.stores.unified_ecommerce import UnifiedEcommerceOptions
from commerce_events.stores.woocommerce.options import WooCommerceOptions

ROOT = Path(__file__).resolve().parents[3]
PAGES = ROOT / "docs" / "how-tos" / "stores"
OPTIONS = {
    "saleor": SaleorOptions(), "stripe": StripeOptions(), "signed-json": SignedJsonOptions(),
    "unified-ecommerce": UnifiedEcommerceOptions(), "woocommerce": WooCommerceOptions(), "shopify": ShopifyOptions(),
    "oscar": OscarOptions(),
}  # fmt: skip
#: Where the code of each says them.
CODE = {
    "saleor": "saleor", "stripe": "stripe", "signed-json": "signed_json.py",
    "unified-ecommerce": "unified_ecommerce.py", "woocommerce": "woocommerce", "shopify": "shopify", "oscar": "oscar",
}  # fmt: skip


def page(name: str) -> str:
    return (PAGES / f"{name}.rst").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_on_the_page_and_every_option_on_the_page_exists(name: str) -> None:
    table = page(name).split("\nOption ", 1)[1].split("\n\n", 1)[0]
    said = re.findall(r"^``([a-z_]+)``", table, re.MULTILINE)
    assert sorted(said) == sorted(entry.name for entry in fields(OPTIONS[name]))
    for option, default in asdict(OPTIONS[name]).items():
        row = re.search(rf"^``{option}`` +(.*)", table, re.MULTILINE)
        assert row is not None
        shown = {True: "true", False: "false"}.get(default, f"``{default}``") if isinstance(default, bool | str) else ""
        assert not default or str(default).startswith("https://") or shown in row.group(1).split("  ")[0]


@pytest.mark.parametrize("name", CODE)
def test_every_notice_of_the_adapter_is_on_its_page(name: str) -> None:
    path = ROOT / "commerce_events" / "stores" / CODE[name]
    sources = [path] if path.is_file() else [*path.glob("*.py")]
    codes = {code for source in sources for code in re.findall(r'Notice\(code="([a-z_]+)"', source.read_text())}
    assert {code for code in codes if f"``{code}``" not in page(name)} == set()


@pytest.mark.parametrize("name", OPTIONS)
def test_the_settings_of_the_page_make_a_source(name: str) -> None:
    for block in re.findall(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", page(name)):
        if "COMMERCE_EVENTS =" not in block:
            continue
        said: dict[str, Any] = {}
        exec(re.sub("(?m)^    ", "", block), said)
        for source, store in said["COMMERCE_EVENTS"]["STORES"].items():
            assert store["KIND"] in KINDS
            adapter(store["KIND"], source, store.get("OPTIONS", {}))


def test_the_page_of_stripe_names_the_events_that_count() -> None:
    listed = page("stripe").split("Events from:", 1)[1].split("#. ", 1)[0]
    assert set(re.findall(r"``([a-z_.]+)``", listed)) == set(EVENTS)


def test_the_body_on_the_page_of_signed_json_is_one() -> None:
    (block,) = re.findall(r"code-block:: javascript\n\n((?:    .*\n)+)", page("signed-json"))
    (snapshot,) = SignedJson("shop", {}).read({}, block.encode())
    assert isinstance(snapshot, Snapshot)
    assert len(snapshot.items) == 2
    assert snapshot.reversals[0].lines == (Returned(line_id="2", quantity=1),)


def test_every_field_of_the_format_is_on_its_page() -> None:
    text = page("signed-json")
    for kind in (Snapshot, Item, Learner, Reversal, Returned):
        names = {entry.name for entry in fields(kind)} - {"notices", "is_current", "shows_money"}
        assert {name for name in names if not re.search(rf"[`.]{name}``|\"{name}\"", text)} == set(), kind


def test_the_sender_on_the_page_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its request is caught before it leaves."""
    import urllib.request
    from datetime import UTC, datetime

    (block,) = [
        found for found in re.findall(r"code-block:: python\n\n((?:    .*\n|\n)+)", page("signed-json"))
        if "def send(" in found
    ]  # fmt: skip
    caught: list[urllib.request.Request] = []
    monkeypatch.setattr(urllib.request, "urlopen", lambda request, timeout: caught.append(request))
    known: dict[str, Any] = {}
    exec(re.sub("(?m)^    ", "", block), known)
    known["send"]("https://gateway.example.com/webhooks/shop", "whsec_c2VjcmV0IHNlY3JldA==", {"order_id": "77"})
    headers = {name.lower(): value for name, value in caught[0].header_items()}
    assert isinstance(caught[0].data, bytes)
    SignedJson("shop", {}).verify(headers, caught[0].data, ["whsec_c2VjcmV0IHNlY3JldA=="], datetime.now(UTC))
    assert json.loads(caught[0].data) == {"order_id": "77"}


def test_the_command_on_the_page_of_saleor_writes_the_subscription() -> None:
    command = [sys.executable, "-m", "commerce_events.stores.saleor.queries"]
    written = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert written.strip() == queries.SUBSCRIPTION
    assert written.count("{") == written.count("}")
