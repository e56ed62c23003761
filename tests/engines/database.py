"""PostgreSQL and MariaDB: from the environment, else Debian's server binaries in a temporary folder, else Docker."""
from __future__ import annotations

import contextlib
import importlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from commerce_events.bus.embedded.ports import LOOPBACK, free_ports
from commerce_events.bus.embedded.server import Server
from commerce_events.exceptions import OperatorError
from tests.engines import docker
from tests.engines.find import Offer, Search


@dataclass(frozen=True)
class Database:
    """A server to make databases on; ``server`` is None when it is not ours to stop."""

    url: str
    server: Server | docker.Container | None = None


def postgresql() -> Search[Database]:
    """Where PostgreSQL comes from."""
    return Search("PostgreSQL", [
        _environment("COMMERCE_EVENTS_TEST_POSTGRESQL"),
        Offer("PostgreSQL, this machine's server binaries", _lacks_postgresql, _native_postgresql),
        Offer("PostgreSQL in Docker", docker.lacks, _docker_postgresql),
    ])  # fmt: skip


def mariadb() -> Search[Database]:
    """Where MariaDB comes from."""
    return Search("MariaDB", [
        _environment("COMMERCE_EVENTS_TEST_MARIADB"),
        Offer("MariaDB, this machine's server binaries", _lacks_mariadb, _native_mariadb),
        Offer("MariaDB in Docker", lambda: _lacks_driver() or docker.lacks(), _docker_mariadb),
    ])  # fmt: skip


def _environment(variable: str) -> Offer[Database]:
    @contextlib.contextmanager
    def given() -> Iterator[Database]:
        yield Database(os.environ[variable])

    return Offer(f"the address in {variable}", lambda: "" if os.environ.get(variable) else "not set", given)


def _postgresql_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if found:
        return found[-1]
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


def _lacks_postgresql() -> str:
    return "" if _postgresql_binaries() else "no server binaries (Debian: apt install postgresql)"


@contextlib.contextmanager
def _native_postgresql() -> Iterator[Database]:
    binaries = _postgresql_binaries()
    assert binaries is not None
    user = _account("postgres")
    with _folder(user) as folder:
        _run([str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8",
              "--locale=C.UTF-8", "--no-sync"], user)  # fmt: skip
        (port,) = free_ports(1)
        options = {
            "listen_addresses": LOOPBACK, "port": port, "unix_socket_directories": folder, "max_connections": 60,
            "log_min_messages": "fatal", "wal_level": "replica",
        }  # fmt: skip
        server = Server(
            "PostgreSQL",
            [str(binaries / "postgres"), "-D", str(folder / "data"), *(f"-c{key}={options[key]}" for key in options)],
            ready=lambda: _answers([str(binaries / "pg_isready"), "-q", "-h", LOOPBACK, "-p", str(port)]),
            log=folder / "log",
            user=user,
            stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown: does not wait for clients
        )
        try:
            server.start()
            yield Database(f"postgresql://postgres@{LOOPBACK}:{port}/postgres", server)
        finally:
            server.stop()


def _lacks_mariadb() -> str:
    if not shutil.which("mariadbd", path=_sbin()) or not shutil.which("mariadb-install-db", path=_sbin()):
        return "no server binaries (Debian: apt install mariadb-server)"
    return _lacks_driver()


def _lacks_driver() -> str:
    try:
        importlib.import_module("MySQLdb")
    except ImportError:
        return "mysqlclient is not installed"
    return ""


@contextlib.contextmanager
def _native_mariadb() -> Iterator[Database]:
    user = _account("mysql")
    with _folder(user) as folder:
        # a server that starts deletes temporary tables of whoever shares its folder for them
        data = [f"--datadir={folder / 'data'}", f"--tmpdir={folder}"]
        _run([_find("mariadb-install-db"), "--no-defaults", *data, "--auth-root-authentication-method=normal",
              "--skip-test-db"], user)  # fmt: skip
        (port,) = free_ports(1)
        socket = folder / "socket"
        server = Server(
            "MariaDB",
            [_find("mariadbd"), "--no-defaults", *data, f"--port={port}", f"--bind-address={LOOPBACK}",
             f"--socket={socket}", f"--pid-file={folder / 'pid'}", "--character-set-server=utf8mb4",
             "--innodb-buffer-pool-size=256M", "--max-connections=100"],
            ready=lambda: _answers([_find("mariadb-admin"), "--no-defaults", f"--socket={socket}", "-uroot", "ping"]),
            log=folder / "log",
            user=user,
        )  # fmt: skip
        try:
            server.start()
            yield Database(f"mysql://root@{LOOPBACK}:{port}/mysql", server)
        finally:
            server.stop()


@contextlib.contextmanager
def _docker_postgresql() -> Iterator[Database]:
    trust, probe = {"POSTGRES_HOST_AUTH_METHOD": "trust"}, ["pg_isready", "-q", "-h", LOOPBACK]
    with docker.database("postgres:17", 5432, trust, probe) as (port, container):
        yield Database(f"postgresql://postgres@{LOOPBACK}:{port}/postgres", container)


@contextlib.contextmanager
def _docker_mariadb() -> Iterator[Database]:
    empty = {"MARIADB_ALLOW_EMPTY_ROOT_PASSWORD": "1"}
    probe = ["mariadb-admin", "-h", LOOPBACK, "-uroot", "ping"]
    with docker.database("mariadb:11", 3306, empty, probe) as (port, container):
        yield Database(f"mysql://root@{LOOPBACK}:{port}/mysql", container)


def _account(name: str) -> str | None:
    """The system account a server runs as when we are root; both servers refuse to run as root."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError as error:
        raise OperatorError(f"we are root and there is no account {name}", hint="Be another user.") from error


@contextlib.contextmanager
def _folder(user: str | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="commerce-events-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        if user is not None:
            shutil.chown(folder, user)
        yield Path(folder)


def _sbin() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"])


def _find(program: str) -> str:
    found = shutil.which(program, path=_sbin())
    if found is None:
        raise OperatorError(f"{program} is missing", hint="It comes with the server's package.")
    return found


def _run(command: list[str], user: str | None) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, user=user, group=user,
        extra_groups=[] if user else None, cwd="/",
    )  # fmt: skip
    if done.returncode:
        raise OperatorError(f"{Path(command[0]).name} failed", hint=(done.stdout + done.stderr)[-1500:])


def _answers(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode == 0
