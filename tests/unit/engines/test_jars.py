"""Finding Java and Maven, and saying what to install."""
from __future__ import annotations

from pathlib import Path

import pytest

from commerce_events.bus.embedded import jars
from commerce_events.exceptions import OperatorError


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with an empty home and neither Java nor Maven; the folder of its programs."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return tmp_path / "bin"


@pytest.mark.usefixtures("bare")
def test_without_java_the_hint_says_what_to_install_and_what_works_without() -> None:
    with pytest.raises(OperatorError, match="no Java on the PATH") as error:
        jars.jars()

    assert "apt install" in error.value.hint
    assert "commerce-events dev" in error.value.hint


def test_a_java_that_is_too_old_is_refused(bare: Path) -> None:
    program(bare, "java", """echo 'openjdk version "11.0.2" 2019-01-15' >&2""")

    with pytest.raises(OperatorError, match="Java 11"):
        jars.find_java()


@pytest.mark.parametrize("version", ["17.0.15", "21", "25-ea"])
def test_a_java_that_is_new_enough_is_taken(bare: Path, version: str) -> None:
    program(bare, "java", f"""echo 'openjdk version "{version}" 2025-01-01' >&2""")

    assert jars.find_java() == str(bare / "java")


def test_java_home_goes_before_the_path(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = bare.parent / "jdk"
    program(bare, "java", """echo 'openjdk version "17"' >&2""")
    program(home / "bin", "java", """echo 'openjdk version "21"' >&2""")
    monkeypatch.setenv("JAVA_HOME", str(home))

    assert jars.find_java() == str(home / "bin" / "java")


def test_without_maven_the_hint_says_what_to_install(bare: Path) -> None:
    program(bare, "java", """echo 'openjdk version "17"' >&2""")

    with pytest.raises(OperatorError, match=r"no Maven \(mvn\)") as error:
        jars.jars()

    assert "apt install maven" in error.value.hint


def test_what_maven_says_is_passed_on_and_nothing_half_made_stays(bare: Path) -> None:
    program(bare, "java", """echo 'openjdk version "17"' >&2""")
    program(bare, "mvn", "echo '[ERROR] Could not transfer artifact'; exit 1")

    with pytest.raises(OperatorError, match="could not fetch") as error:
        jars.jars()

    assert "Could not transfer artifact" in error.value.hint
    assert not list((bare.parent / "cache" / "commerce-events").glob("engines-*"))


def test_what_was_fetched_once_needs_no_maven_again(bare: Path) -> None:
    program(bare, "java", """echo 'openjdk version "17"' >&2""")
    program(
        bare, "mvn",
        'for argument; do case $argument in -Dinto=*) into=${argument#-Dinto=};; esac; done\n'
        '/bin/mkdir -p "$into/kafka" "$into/registry" && : >"$into/registry/app-runner.jar"',
    )  # fmt: skip
    first = jars.jars()
    (bare / "mvn").unlink()

    assert jars.jars() == first
    assert first.registry.name == "app-runner.jar"
