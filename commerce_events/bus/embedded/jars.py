"""Apache Kafka and Apicurio Registry from Maven Central, fetched once and kept in the user's cache."""
from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from commerce_events.exceptions import OperatorError

OLDEST_JAVA = 17
INSTEAD = "Without it: `commerce-events dev` needs Python alone, and `make kafka-up` Docker."


@dataclass(frozen=True)
class Jars:
    """Where the programs are."""

    java: str
    kafka: Path  # folder of jars
    registry: Path  # the jar to run


def jars() -> Jars:
    """Find the programs, fetching them with Maven the first time.

    Raises:
        OperatorError: Java or Maven is missing, or Maven could not fetch; the hint says what to install.
    """
    java = find_java()
    home = fetch()
    runners = sorted((home / "registry").glob("*runner.jar"))
    if not runners:
        raise OperatorError(f"{home} is not complete", hint=f"Delete it and try again: rm -r {home}")
    return Jars(java, home / "kafka", runners[0])


def find_java() -> str:
    """A Java runtime that is new enough: ``$JAVA_HOME``'s, else the PATH's.

    Raises:
        OperatorError: there is none.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    install = f"Install it (Debian, Ubuntu: apt install default-jre-headless maven). {INSTEAD}"
    if java is None:
        where = f"in JAVA_HOME={home}" if home else "on the PATH"
        raise OperatorError(f"no Java {where}; Apache Kafka needs Java {OLDEST_JAVA} or newer", hint=install)
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    if found is None or int(found.group(1)) < OLDEST_JAVA:
        version = found.group(1) if found else "unknown"
        raise OperatorError(f"{java} is Java {version}; Apache Kafka needs {OLDEST_JAVA} or newer", hint=install)
    return java


def fetch() -> Path:
    """The folder with both programs. Named after the content of pom.xml, so that new versions are fetched anew.

    Raises:
        OperatorError: Maven is missing or failed.
    """
    pom = files(__package__).joinpath("pom.xml").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "commerce-events"
    home = cache / f"engines-{hashlib.sha256(pom).hexdigest()[:12]}"
    if home.exists():
        return home
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two of us at once fetch once
        if not home.exists():
            with tempfile.TemporaryDirectory(dir=cache) as work:
                _resolve(pom, Path(work))
                (Path(work) / "out").rename(home)  # complete or not there
    return home


def _resolve(pom: bytes, work: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise OperatorError(
            "no Maven (mvn) on the PATH; it fetches Apache Kafka and Apicurio Registry once",
            hint=f"Install it (Debian, Ubuntu: apt install maven). {INSTEAD}",
        )
    (work / "pom.xml").write_bytes(pom)
    command = [maven, "--batch-mode", "--quiet", "-f", str(work / "pom.xml"), "package", f"-Dinto={work / 'out'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line][:5]
        raise OperatorError(
            "Maven could not fetch Apache Kafka and Apicurio Registry from Maven Central",
            hint="\n".join(["Is the network there, and are proxies set in ~/.m2/settings.xml? Maven said:", *said]),
        )
