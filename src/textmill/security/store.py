"""The store of keys: SQLite or PostgreSQL, used by many processes at once.

Every write begins by incrementing the one row of `textmill_key_store`, which stays locked until the write is
committed. So revisions are committed in their order, and who has read up to one misses nothing after it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from textmill.errors import KeyStoreError
from textmill.security import migrations
from textmill.security.databases import database, keep_a_log, make_file
from textmill.security.failures import MAKE_ONE, explain
from textmill.security.keys import Issued, Key, chosen, mark_of, outgoing, successor
from textmill.security.principals import Quota

WAIT_SECONDS = 3.0
"""How long a connection, a lock or an answer may take."""
CREATION_LOCK = 0x7E_87_31_11
"""PostgreSQL's advisory lock for whoever makes the tables; any number that others do not use."""


class Utc(sa.TypeDecorator[datetime]):
    """A time with its zone, also where the database keeps none."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - sqlalchemy fixes the signature
        """To the database."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - as above
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


TABLES = sa.MetaData()
KEYS = sa.Table(
    "textmill_keys",
    TABLES,
    sa.Column("id", sa.String(12), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("created", Utc, nullable=False),
    sa.Column("expires", Utc),
    sa.Column("revoked", Utc),
    sa.Column("requests", sa.String(40)),
    sa.Column("texts", sa.String(40)),
    sa.Column("characters", sa.String(40)),
    sa.Column("concurrent", sa.Integer),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Index("textmill_keys_revision", "revision"),
)
STORE = sa.Table(
    "textmill_key_store",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("identity", sa.String(32), nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("pepper_mark", sa.LargeBinary(32), nullable=False),
)
VERSION = sa.Table(migrations.VERSION_TABLE, sa.MetaData(), sa.Column("version_num", sa.String(32)))
HEAD = sa.select(
    STORE.c.identity,
    STORE.c.revision,
    STORE.c.pepper_mark,
    sa.select(VERSION.c.version_num).scalar_subquery().label("version"),
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a store held at one moment.

    Attributes:
        identity: of the store; another one was put in its place where it differs.
        revision: of the last write.
        keys: all of them, or those that were changed.
        whole: whether it is all of them.
    """

    identity: str
    revision: int
    keys: tuple[Key, ...]
    whole: bool = True


class _UnusableError(Exception):
    """Why a store that can be read is none to work with."""


class KeyStore:
    """Keeps keys. Nothing is opened until it is used.

    Args:
        url: as in the settings.
        password: goes into the URL.
        pepper: that the keys are made with; a store knows its own again.
        wait_seconds: how long a connection, a lock or an answer may take.

    Raises:
        ConfigurationError: the URL cannot be used.

    Every method raises KeyStoreError where the store cannot be used: what is wrong, where, and what to do.
    """

    def __init__(
        self,
        url: str,
        *,
        password: str | None = None,
        pepper: bytes = b"",
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self.pepper = pepper
        self._database = database(url, password, wait_seconds)

    def __repr__(self) -> str:
        return f"KeyStore({self.where})"

    @property
    def where(self) -> str:
        """Where it is, without secrets."""
        return self._database.where

    def version(self) -> str | None:
        """The version of its tables, or None where nobody has made them yet."""
        file = self._database.file
        with self._telling():
            if file is not None and not file.exists():
                return None
        with self._transaction() as connection:
            return _version(connection)

    def check(self) -> None:
        """Make sure that this textmill can use the tables."""
        with self._telling():
            _usable(self.version())

    def prepare(self) -> None:
        """Make the tables, or bring them to the newest version; several may do so at once."""
        with self._telling():
            if self._database.file is not None:
                make_file(self._database.file)
            if self.version() == migrations.NEWEST:
                return
            if self._database.is_sqlite:
                keep_a_log(self._database.engine)
            with self._transaction(writing=True) as connection:
                self._make_tables(connection)

    def add(self, key: Key) -> None:
        """Keep a new key."""
        with self._writing() as (connection, revision):
            _insert(connection, key, revision)

    def kept(self) -> tuple[Key, ...]:
        """All keys, the oldest first."""
        return self.read().keys

    def revoke(self, asked: str, now: datetime) -> Key:
        """End a key at once; one that is revoked already stays as it is.

        Args:
            asked: its id, or the name that no other valid key has.
        """
        with self._writing() as (connection, revision):
            key = chosen(_select(connection), asked, now)
            if key.revoked is not None:
                return key
            return _update(connection, replace(key, revoked=now), revision)

    def rotate(self, asked: str, now: datetime, overlap: timedelta) -> Issued:
        """Make a key's successor, and let the key end after the overlap."""
        with self._writing() as (connection, revision):
            key = chosen(_select(connection), asked, now)
            issued = successor(key, pepper=self.pepper, now=now)
            _update(connection, outgoing(key, now, overlap), revision)
            _insert(connection, issued.key, revision)
            return issued

    def revision(self) -> int:
        """How often it has been written."""
        with self._transaction() as connection:
            return int(self._head(connection).revision)

    def changed_since(self, revision: int) -> tuple[Key, ...]:
        """The keys that were made or changed after a revision."""
        with self._transaction() as connection:
            self._head(connection)
            return _select(connection, revision)

    def read(self, identity: str = "", revision: int = 0) -> Contents:
        """What changed since a reading of the store with this identity; everything, where that is not it."""
        with self._transaction() as connection:
            head = self._head(connection)  # first: what is committed in between is only read twice
            whole = head.identity != identity or head.revision < revision
            changed = whole or head.revision > revision
            keys = _select(connection, 0 if whole else revision) if changed else ()
            return Contents(head.identity, head.revision, keys, whole)

    def close(self) -> None:
        """Give its connections back."""
        self._database.engine.dispose()

    @contextmanager
    def _transaction(self, *, writing: bool = False) -> Iterator[sa.Connection]:
        with self._telling():
            connection = self._database.engine.connect().execution_options(writing=writing)
            with connection, connection.begin():
                yield connection

    @contextmanager
    def _writing(self) -> Iterator[tuple[sa.Connection, int]]:
        with self._transaction(writing=True) as connection:
            connection.execute(sa.update(STORE).values(revision=STORE.c.revision + 1))
            yield connection, self._head(connection).revision

    def _head(self, connection: sa.Connection) -> Any:
        """The one row, of a store that can be used."""
        row = connection.execute(HEAD).one_or_none()
        _usable(None if row is None else row.version)
        if row is not None and row.pepper_mark != mark_of(row.identity, self.pepper):
            raise _UnusableError(
                "its keys were made with another pepper; set keys.pepper to that one, or take a new store"
            )
        return row

    def _make_tables(self, connection: sa.Connection) -> None:
        if not self._database.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(CREATION_LOCK)))
        found = _version(connection)  # again: somebody may have been faster
        if found == migrations.NEWEST:
            return
        if found is not None and found not in migrations.KNOWN:
            _usable(found)
        migrations.upgrade(connection)
        if found is None:
            identity = secrets.token_hex(16)
            mark = mark_of(identity, self.pepper)
            connection.execute(sa.insert(STORE).values(id=1, identity=identity, revision=0, pepper_mark=mark))

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn every failure into a message for the operator; the library's own may hold secrets."""
        try:
            yield
        except _UnusableError as error:
            reason = str(error)
        except (sa.exc.SQLAlchemyError, OSError, ValueError, TypeError) as error:
            reason = explain(error)
        else:
            return
        raise KeyStoreError(f"The key store ({self.where}) cannot be used: {reason}.", reason=reason)


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION.name):
        return None
    return connection.scalar(sa.select(VERSION.c.version_num))


def _usable(version: str | None) -> None:
    if version is None:
        raise _UnusableError(f"it has no tables yet; {MAKE_ONE}")
    if version not in migrations.KNOWN:
        raise _UnusableError(
            "its tables were made by another version of textmill; use that one, or a newer one"
        )
    if version != migrations.NEWEST:
        raise _UnusableError(f"its tables are of an older version; {MAKE_ONE} brings them up to date")


def _select(connection: sa.Connection, after: int = 0) -> tuple[Key, ...]:
    rows = connection.execute(
        sa.select(KEYS).where(KEYS.c.revision > after).order_by(KEYS.c.created, KEYS.c.id)
    )
    return tuple(_key(row) for row in rows)


def _insert(connection: sa.Connection, key: Key, revision: int) -> None:
    values = {
        "id": key.id,
        "name": key.name,
        "scopes": " ".join(sorted(key.scopes)),
        "digest": key.digest,
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        **asdict(key.quota),
    }
    connection.execute(sa.insert(KEYS).values(**values, revision=revision))


def _update(connection: sa.Connection, key: Key, revision: int) -> Key:
    """Of a key only its end can change."""
    connection.execute(
        sa
        .update(KEYS)
        .where(KEYS.c.id == key.id)
        .values(expires=key.expires, revoked=key.revoked, revision=revision)
    )
    return replace(key, revision=revision)


def _key(row: Any) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        scopes=frozenset(row.scopes.split()),
        digest=bytes(row.digest),
        created=row.created,
        expires=row.expires,
        revoked=row.revoked,
        quota=Quota(row.requests, row.texts, row.characters, row.concurrent),
        revision=row.revision,
    )
