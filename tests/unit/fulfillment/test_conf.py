"""Settings are merged over defaults, and what cannot be used is refused with a hint."""
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from commerce_events.exceptions import OperatorError
from consumers.fulfillment import checks, conf
from consumers.fulfillment.gateway import Gateway
from consumers.fulfillment.reference.apps import ReferenceConfig
from consumers.fulfillment.reference.gateway import OneByOneGateway, ReferenceGateway


class Elsewhere(Gateway):
    """A gateway whose app nobody installed."""

    app = "no.such.app"


class BrokenModule:
    """A product kind that cannot be made."""

    def __init__(self) -> None:
        raise RuntimeError("no such account")


def broken() -> Gateway:
    """A gateway that cannot be made."""
    raise RuntimeError("no such account")


def test_what_is_not_said_keeps_its_default(settings: Any) -> None:
    settings.COMMERCE_FULFILLMENT = {"SOURCES": {"shop": {"allow_test": True}}, "WAITING_DAYS": 30}
    policy = conf.policy()
    assert policy.sources["shop"].allow_test
    assert policy.sources["shop"].force_enrollment
    assert policy.waiting == timedelta(days=30)
    assert policy.refund_policy == "default"


def test_the_gateway_is_a_setting(settings: Any) -> None:
    settings.COMMERCE_FULFILLMENT = {"GATEWAY": "consumers.fulfillment.reference.gateway.OneByOneGateway"}
    assert isinstance(conf.gateway(), OneByOneGateway)


@pytest.mark.parametrize(("said", "check"), [
    ({"SORCES": {}}, checks.SETTINGS),
    ({"SOURCES": {"shop": {"alow_test": True}}}, checks.SETTINGS),
    ({"SOURCES": {"shop": {}}, "REFUND_POLICY": "shred"}, checks.SETTINGS),
    ({"SOURCES": {"shop": {}}, "MODULES": {"x_book": "no.such.module"}}, checks.SETTINGS),
    ({"SOURCES": {"shop": {}}, "MODULES": {"x_book": f"{__name__}.BrokenModule"}}, checks.SETTINGS),
    ({"SOURCES": {"shop": {}}, "MODULES": {"x_book": ".."}}, checks.SETTINGS),
    ({"SOURCES": {}}, checks.NO_SOURCE),
    ({"SOURCES": {"shop": {}}, "SHADOW": ["shopp"]}, checks.SETTINGS),
    ({"SOURCES": {"shop": {}}, "GATEWAY": "os.path"}, checks.GATEWAY),
    ({"SOURCES": {"shop": {}}, "GATEWAY": f"{__name__}.broken"}, checks.GATEWAY),
    ({"SOURCES": {"shop": {}}, "GATEWAY": "no.such.Gateway"}, checks.GATEWAY),
    ({"SOURCES": {"shop": {}}, "GATEWAY": "builtins.dict"}, checks.GATEWAY),
    ({"SOURCES": {"shop": {}}, "GATEWAY": f"{__name__}.Elsewhere"}, checks.GATEWAY),
])  # fmt: skip
def test_a_finding_has_an_id_and_a_hint(settings: Any, said: dict[str, Any], check: str) -> None:
    settings.COMMERCE_FULFILLMENT = said
    (finding,) = checks.settings()
    assert finding.id == check
    assert finding.hint
    assert not finding.is_serious(), "an Error would block every command of the LMS"


@pytest.mark.parametrize("gateway", ["builtins.dict", f"{__name__}.Elsewhere"])
def test_a_misconfigured_site_does_not_start(settings: Any, gateway: str) -> None:
    settings.COMMERCE_FULFILLMENT = {"GATEWAY": gateway}
    with pytest.raises(OperatorError):
        conf.gateway()


def test_the_reference_gateway_needs_its_tables() -> None:
    assert ReferenceGateway.app == ReferenceConfig.name


def test_a_good_site_has_no_finding() -> None:
    assert checks.settings() == []


def test_a_plugins_defaults_stand_below_what_the_site_says(settings: Any) -> None:
    settings.COMMERCE_FULFILLMENT_DEFAULTS = {"GATEWAY": "plugin.Gateway", "WAITING_DAYS": 9}
    settings.COMMERCE_FULFILLMENT = {"SOURCES": {"shop": {}}, "WAITING_DAYS": 30}
    read = conf.options()
    assert (read["GATEWAY"], read["WAITING_DAYS"], read["MODE_GRACE_HOURS"]) == ("plugin.Gateway", 30, 0)
    settings.COMMERCE_FULFILLMENT_DEFAULTS = {"GATWAY": "plugin.Gateway"}
    with pytest.raises(OperatorError, match="GATWAY"):
        conf.options()
