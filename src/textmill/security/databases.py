"""Where keys are kept: from a URL to an engine on which nothing waits for long."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event

from textmill.errors import ConfigurationError, MissingExtraError

POSTGRES_DRIVER = "postgresql+psycopg"
DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": POSTGRES_DRIVER,
    "postgresql": POSTGRES_DRIVER,
    POSTGRES_DRIVER: POSTGRES_DRIVER,
}
RECYCLE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Database:
    """An engine, and where it leads to.

    Attributes:
        where: for messages; without password and options.
        file: of SQLite, where it is a plain path.
    """

    engine: sa.Engine = field(repr=False)
    where: str
    file: Path | None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file on this machine."""
        return self.engine.dialect.name == "sqlite"


def database(url: str, password: str | None, wait_seconds: float) -> Database:
    """The database of a URL; nothing is opened yet.

    Args:
        password: goes into the URL.
        wait_seconds: for a connection, a lock, or an answer.

    Raises:
        ConfigurationError: keys cannot be kept there; the URL is not repeated, as it may hold secrets.
        MissingExtraError: the driver is not installed.
    """
    try:
        found = sa.make_url(url)
        driver = DRIVERS[found.drivername]
    except (sa.exc.ArgumentError, KeyError, ValueError):
        raise ConfigurationError(
            "keys.store is no URL of SQLite or PostgreSQL; write it as sqlite:///keys.sqlite or "
            "postgresql://user@host/name."
        ) from None
    if driver == "sqlite":
        return _sqlite(found, wait_seconds)
    return _postgres(found.set(drivername=driver), password, wait_seconds)


def make_file(path: Path) -> None:
    """An empty file that only its owner may read, unless there is one.

    Raises:
        OSError: it cannot be made.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return


def _sqlite(url: sa.URL, wait_seconds: float) -> Database:
    name = url.database or ":memory:"
    if ":memory:" in name or url.query.get("mode") == "memory":
        raise ConfigurationError("keys.store is in memory, where no other process sees it; name a file.")
    file = None if name.startswith("file:") else Path(name).absolute()
    if file is not None:  # mode=rw: a file that is gone is an error, and not made anew without a word
        url = url.set(database=f"file:{quote(str(file))}", query={"mode": "rw", "uri": "true"})
    engine = sa.create_engine(
        url,
        poolclass=sa.NullPool,  # a file that was replaced is noticed, since it is opened each time
        hide_parameters=True,
        connect_args={"timeout": wait_seconds},
    )
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _begin_on_sqlite)
    return Database(engine, f"SQLite, {file or name.partition('?')[0]}", file)


def _leave_transactions_to_us(connection: Any, _record: object) -> None:
    """Otherwise Python begins them when it thinks fit, and never before a change of tables."""
    connection.isolation_level = None


def _begin_on_sqlite(connection: sa.Connection) -> None:
    """A writer takes its lock at once: one that reads first could not wait for it later."""
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _postgres(url: sa.URL, password: str | None, wait_seconds: float) -> Database:
    if password is not None:
        url = url.set(password=password)
    milliseconds = int(wait_seconds * 1000)
    ours: dict[str, str | int] = {
        "connect_timeout": max(2, int(wait_seconds)),  # libpq takes less for 2
        "tcp_user_timeout": milliseconds,
        "keepalives_idle": max(1, int(wait_seconds)),
        "keepalives_interval": 1,
        "application_name": "textmill",
    }
    try:
        engine = sa.create_engine(
            url,
            pool_size=1,
            max_overflow=1,
            pool_timeout=wait_seconds,
            pool_pre_ping=True,
            pool_recycle=RECYCLE_SECONDS,
            hide_parameters=True,
            connect_args={name: value for name, value in ours.items() if name not in url.query},
        )
    except ImportError:
        raise MissingExtraError("A key store on PostgreSQL", "postgres") from None

    @event.listens_for(engine, "begin")
    def limit(connection: sa.Connection) -> None:
        """SET LOCAL, not an option of the connection: poolers between us and the server refuse those."""
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {2 * milliseconds}")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds}")

    shown = url.set(drivername="postgresql", password=None, query={})
    return Database(engine, shown.render_as_string(), None)


def keep_a_log(engine: sa.Engine) -> None:
    """Let readers and one writer work on a SQLite file at the same time (write-ahead log); it stays so."""
    connection = engine.raw_connection()  # it cannot be set in a transaction, which others begin with
    try:
        connection.cursor().execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
