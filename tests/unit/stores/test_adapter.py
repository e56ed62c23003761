"""Which adapter a source gets, and what is said where there is none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from commerce_events.exceptions import OperatorError
from commerce_events.stores.adapter import KINDS, adapter
from tests.unit.stores.tiny import KIND, Tiny

#: What a kind must be told: nothing, for most.
NEEDED = {"stripe": {"api_key": "rk_test_nobody_is_asked"}}

WITHOUT_A_LIBRARY = """
import sys
sys.modules["jwt"] = None
from commerce_events.exceptions import OperatorError
from commerce_events.stores.adapter import adapter
adapter("woocommerce", "shop", {})
try:
    adapter("saleor", "shop", {})
except OperatorError as error:
    print(error.hint)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_that_comes_with_the_package_can_be_made(kind: str) -> None:
    assert type(adapter(kind, "shop", NEEDED.get(kind, {}))).__module__.startswith("commerce_events.stores.")


def test_a_site_may_bring_its_own() -> None:
    assert isinstance(adapter(KIND, "shop", {}), Tiny)


@pytest.mark.parametrize("kind", ["magento", "tests.unit.stores.tiny:Huge", "tests.unit.stores.none:Tiny", "", ":"])
def test_a_kind_that_does_not_exist_names_those_that_do(kind: str) -> None:
    with pytest.raises(OperatorError) as error:
        adapter(kind, "shop", {})
    assert "signed_json" in error.value.hint


def test_a_kind_whose_library_is_not_installed_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_A_LIBRARY], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "Install openedx-commerce-events[stores]."
