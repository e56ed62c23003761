"""A closed store installs the base without any package under the AGPL (docs/decisions/0010-licence-split.rst)."""
from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).resolve().parents[3] / "requirements"


def named(*files: str) -> list[Requirement]:
    """Requirements of these files, without what they include."""
    lines = [line.split(" #")[0].strip() for name in files for line in (REQUIREMENTS / name).read_text().splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def closure(wanted: list[Requirement]) -> dict[str, Distribution]:
    """Every installed distribution that these requirements pull in, extras included."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    while wanted:
        requirement = wanted.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            found[key[0]] = one = distribution(requirement.name)
        except PackageNotFoundError:
            continue  # an optional accelerator that this platform has no build of
        for text in one.requires or ():
            child = Requirement(text)
            extras = [*requirement.extras, ""]
            if child.marker is None or any(child.marker.evaluate({"extra": extra}) for extra in extras):
                wanted.append(child)
    return found


def under_the_agpl(one: Distribution) -> bool:
    fields = [one.metadata.get("License-Expression", ""), one.metadata.get("License", "")]
    words = " ".join([*fields, *(one.metadata.get_all("Classifier") or [])]).lower()
    return "agpl" in words or "affero" in words


@pytest.mark.parametrize("files", [["base.in"], ["base.in", "django.in"], ["base.in", "cli.in", "metrics.in"]])
def test_no_agpl_outside_of_the_lms_extra(files: list[str]) -> None:
    found = closure(named(*files))
    assert {"attrs", "confluent-kafka", "fastavro", "orjson"} <= found.keys()
    assert [name for name, one in found.items() if under_the_agpl(one)] == []


def test_no_django_in_the_base() -> None:
    assert "django" not in closure(named("base.in"))


def test_the_check_can_fail() -> None:
    """The lms extra holds AGPL packages, one of them two steps away; all are seen."""
    agpl = {name for name, one in closure(named("lms.in")).items() if under_the_agpl(one)}
    assert {"edx-event-bus-kafka", "edx-opaque-keys", "edx-toggles"} <= agpl
