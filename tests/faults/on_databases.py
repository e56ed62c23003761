"""What befalls a database: killed, cut off, slow, full, refusing to write, locked, put back to what it was."""
from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from django.db import DatabaseError, InterfaceError, OperationalError, connection, models, transaction

from commerce_events import topics
from commerce_events.bus.failures import is_conflict
from commerce_events.models import Inbox, Position, Stream
from tests.faults.scene import Deed, Scene, SkippedError
from tests.faults.ways import for_a_while, full, killed, resets, slow
from tests.proof import snapshot
from tests.proof.cutter import CommitCutter

__all__ = ["FAULTS", "thaw"]

LOST = (DatabaseError, InterfaceError)


@contextmanager
def _begins() -> Iterator[None]:
    """What a fault begins with: if that is not to be had, there is no fault."""
    try:
        yield
    except LOST as error:
        connection.close()
        raise SkippedError("another fault has the database") from error


@contextmanager
def _ends() -> Iterator[None]:
    """What comes after that: another fault may cut it short."""
    try:
        yield
    except LOST:
        connection.close()


def _database_killed(scene: Scene, _: int, seconds: float) -> None:
    connection.close()
    killed(scene, [scene.server], seconds)


def _database_gone(scene: Scene, _: int, seconds: float) -> None:
    """Long enough for a health file to say so (I12)."""
    with scene.away("database"), scene.before_database.shut():
        time.sleep(9 + seconds)


def _commits_cut(scene: Scene, _: int, seconds: float) -> None:
    scene.before_database.active = True
    time.sleep(seconds)
    scene.before_database.active = False


_END = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "mariadb": "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()",
}


def _sessions_ended(scene: Scene, _: int, seconds: float) -> None:
    """Every session, each 200 ms."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(*LOST):  # gone in the meantime, or the server is away
            _end_sessions(scene.kind)
            continue
        connection.close()


def _end_sessions(kind: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_END[kind])
        for (number,) in cursor.fetchall() if kind == "mariadb" else ():
            cursor.execute(f"KILL {int(number)}")
    time.sleep(0.2)


# --- writes that are not taken


def _database_frozen(scene: Scene, which: int, seconds: float) -> None:
    """No write is taken: PostgreSQL refuses it, MariaDB has it wait or refuses it."""
    freeze, melt = _FROZEN[which % len(_FROZEN)]
    with _begins():
        if scene.kind == "mariadb":
            _freeze(freeze, 10)
        else:
            _configure("default_transaction_read_only", "on")
    time.sleep(seconds)
    with _ends():  # else the run thaws it at its end
        if scene.kind == "mariadb":
            with connection.cursor() as cursor:
                cursor.execute(melt)
        else:
            thaw(scene.kind)


def _freeze(statement: str, patience: float) -> int:
    """Freeze MariaDB, and say in how many tries. It waits for statements under way, and who has none under way waits
    for it: if he holds a row that one of them wants, that is a circle which MariaDB does not see.
    """
    until, tries = time.monotonic() + patience, 0
    with connection.cursor() as cursor:
        cursor.execute("SET lock_wait_timeout = 1")
        while True:
            tries += 1
            try:
                cursor.execute(statement)
                return tries
            except OperationalError as error:
                if not is_conflict(error) or time.monotonic() > until:
                    raise
                time.sleep(0.1)


#: MariaDB: how it is frozen, and how it thaws.
_FROZEN = (
    ("FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES"),
    ("SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0"),
)


def _configure(name: str, value: str) -> None:
    """A setting of the whole PostgreSQL server, of sessions that are there too; '' is its default."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER SYSTEM SET {name} = '{value}'" if value else f"ALTER SYSTEM RESET {name}")
        cursor.execute("SELECT pg_reload_conf()")


def thaw(kind: str) -> None:
    """Writes are taken again. PostgreSQL remembers over a crash that they are not, MariaDB until one."""
    if kind == "postgresql":
        _configure("default_transaction_read_only", "")
    else:
        with connection.cursor() as cursor:
            cursor.execute("SET GLOBAL read_only = 0")


def _disk_full(scene: Scene, _: int, seconds: float) -> None:
    """The server may not write a byte more: it panics or gives up, and is started when there is room again."""
    full(scene, scene.server, 1 + seconds)


# --- locks


#: In the order opposite to the one in which the stages take them.
_OPPOSITE: Sequence[type[models.Model]] = (Inbox, Stream, Position)


def _deadlocks(scene: Scene, _: int, seconds: float) -> None:
    """A session that takes the same rows the other way round, and is seldom the one to be given up."""
    until = time.monotonic() + 1 + seconds
    while time.monotonic() < until:
        try:
            with transaction.atomic():
                _weighty(scene.kind)
                for model in _OPPOSITE:
                    _lock(model, list(model._default_manager.order_by("-pk").values_list("pk", flat=True)[:40]), 0.004)
                transaction.set_rollback(True)
        except LOST:
            connection.close()
            time.sleep(0.1)


def _weighty(kind: str) -> None:
    """PostgreSQL gives up who looks for deadlocks first, MariaDB who has written least.

    PostgreSQL looks once in each wait, the others a second after it began: a circle that is closed later they have not
    seen, and everybody waits until we look.
    """
    with connection.cursor() as cursor:
        if kind == "postgresql":
            cursor.execute("SET LOCAL deadlock_timeout = '2s'")
        else:
            cursor.execute("CREATE TEMPORARY TABLE IF NOT EXISTS weight (n int) ENGINE=InnoDB")
            cursor.execute("INSERT INTO weight SELECT seq FROM seq_1_to_3000")


def _lock(model: type[models.Model], keys: Sequence[int], pause: float = 0.0) -> None:
    for key in keys:
        model._default_manager.select_for_update().filter(pk=key).values_list("pk").first()
        time.sleep(pause)


def _lock_timeouts(scene: Scene, _: int, seconds: float) -> None:
    """Somebody holds every order and position, and a lock is waited for a second at most."""
    short = ("lock_timeout", "400ms", "") if scene.kind == "postgresql" else ("innodb_lock_wait_timeout", "1", "50")
    name, soon, usual = short

    def say(value: str) -> None:
        if scene.kind == "postgresql":
            _configure(name, value)
        else:
            with connection.cursor() as cursor:
                cursor.execute(f"SET GLOBAL {name} = {value}")

    scene.cure(lambda: say(usual))
    with _begins():
        say(soon)
    with _ends():
        if scene.kind == "mariadb":  # holds for sessions to come
            _end_sessions(scene.kind)
        _hold(1 + seconds)
        say(usual)
        if scene.kind == "mariadb":
            _end_sessions(scene.kind)


def _hold(seconds: float) -> None:
    """Hold every order and position that there is."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET LOCAL lock_timeout = 0")
        for model in (Position, Stream):
            list(model._default_manager.select_for_update().order_by("pk").values_list("pk"))
        time.sleep(seconds)


def _poll_exceeded(scene: Scene, which: int, seconds: float) -> None:
    """A consumer takes longer over a batch than its group waits: it is thrown out, and finds out afterwards."""
    takers = [each for each in scene.crew.consumers if "--only" not in each.command or "intake" in each.command]
    scene.again(takers[which % len(takers)], COMMERCE_EVENTS_TEST_KAFKA='{"max.poll.interval.ms": 6000}')
    with _ends():
        _hold(6.5 + seconds)


def _one_order_fails(scene: Scene, which: int, seconds: float) -> None:
    """Every write of one learner's enrollments fails, and those of the others do not."""
    scene.cure(lambda: _mend(scene))
    with _begins(), connection.cursor() as cursor:
        for table in scene.enrollments:
            for statement in _SPOILED[scene.kind]:
                cursor.execute(statement.format(table=table, learner=which % 4 + 1))
    time.sleep(2 + seconds)
    with _ends():
        _mend(scene)


_FAIL = "CREATE OR REPLACE FUNCTION spoiled() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$"
_TRIGGER = (
    "CREATE OR REPLACE TRIGGER spoiled BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW"
    " WHEN (NEW.lms_user_id = {learner}) EXECUTE FUNCTION spoiled()"
)
_SPOILED = {
    "postgresql": (_FAIL, _TRIGGER),
    "mariadb": tuple(
        f"CREATE OR REPLACE TRIGGER {{table}}_{when} BEFORE {when} ON {{table}} FOR EACH ROW IF NEW.lms_user_id ="
        " {learner} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF"
        for when in ("INSERT", "UPDATE")
    ),
}


def _mend(scene: Scene) -> None:
    with connection.cursor() as cursor:
        for table in scene.enrollments:
            if scene.kind == "postgresql":
                cursor.execute(f"DROP TRIGGER IF EXISTS spoiled ON {table}")
                continue
            for when in ("INSERT", "UPDATE"):
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_{when}")


# --- a restore


def _backed_up(scene: Scene, _: int, __: float) -> None:
    """A backup of one moment, whatever is being written."""
    isolated = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
    with _begins(), connection.cursor() as cursor:
        if scene.kind == "mariadb":
            cursor.execute(isolated)  # of the next one
        with transaction.atomic():
            if scene.kind == "postgresql":
                cursor.execute(isolated)
            scene.backup = snapshot.take()


def _database_restored(scene: Scene, _: int, seconds: float) -> None:
    """The backup that was taken before: out of everybody's reach, the rows are put back.

    One after the other, and a second apart: within one, two get the same epoch (ADR 0018).
    """
    if scene.backup is None:
        raise SkippedError("there is no backup")
    with scene.restoring, scene.before_database.shut():
        time.sleep(1.1 if scene.restores else 0.3)
        topic = topics.full_topic(topics.ORDER_TOPIC, scene.prefix)
        with _begins():
            before = dict(Position.objects.filter(topic=topic).values_list("partition", "offset"))
        scene.ceilings.update({at: max(offset, scene.ceilings.get(at, 0)) for at, offset in before.items()})
        scene.restores.append(time.time())
        _put_back(scene.backup, 10)


def _put_back(backup: snapshot.Backup, patience: float) -> None:
    """Another fault may hold rows, or have the database."""
    until = time.monotonic() + patience
    while True:
        try:
            snapshot.restore(backup)
            return
        except LOST as error:
            connection.close()
            if time.monotonic() > until:
                raise SkippedError("another fault has the database") from error
            time.sleep(0.3)


def _database(scene: Scene, _: int) -> CommitCutter:
    return scene.before_database


FAULTS: dict[str, Deed] = {
    "database killed": _database_killed,
    "database gone": _database_gone,
    "database reset": resets(_database),
    "database half-open": for_a_while(_database, "hang"),
    "database slow": slow(_database, 0.05),
    "commits cut": _commits_cut,
    "sessions ended": _sessions_ended,
    "database frozen": _database_frozen,
    "database disk full": _disk_full,
    "deadlocks": _deadlocks,
    "lock timeouts": _lock_timeouts,
    "poll exceeded": _poll_exceeded,
    "one order fails": _one_order_fails,
    "database backed up": _backed_up,
    "database restored": _database_restored,
}
