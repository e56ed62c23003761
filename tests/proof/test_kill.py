"""kill -9 between each two steps of each stage: nothing lost, nothing twice."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from tests.engines.processes import Processes
from tests.proof import checkers
from tests.proof.killer import ENVIRONMENT, POINTS
from tests.proof.shop import Shop


@pytest.mark.parametrize("point", POINTS)
def test_a_consumer_that_dies_there_loses_and_repeats_nothing(
    point: str, database: Any, shop: Shop, processes: Processes
) -> None:
    # the handle stage works only on what does not go straight
    settings = {"BATCH": 5, "SESSION_TIMEOUT": 6, "STRAIGHT_PATH": not point.startswith("handle")}
    for number in range(12):
        shop.paid(number)
    for number in range(0, 12, 3):
        shop.refunded(number)
    # the second time, so that something is behind it; but a round of the relay takes all that waits, and may be alone
    is_round = point.startswith("relay") and point != "relay: handed over, no report"
    processes.environment[ENVIRONMENT] = f"{point}#{1 if is_round else 2}"
    died = processes.manage("consume_commerce_events", "--from", "earliest", settings=settings)
    assert died.returncode == -signal.SIGKILL, died.stderr

    del processes.environment[ENVIRONMENT]
    ended = processes.manage("consume_commerce_events", "--until-idle", "--format", "json", settings=settings)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["dead"] == 0
    checkers.all_is_well(shop)


def test_each_point_names_something() -> None:
    from importlib import import_module

    for place, name, _ in POINTS.values():
        module, _, attribute = place.partition(":")
        owner = import_module(module)
        assert callable(getattr(getattr(owner, attribute) if attribute else owner, name))
