"""The store on SQLite and on a PostgreSQL that the tests start themselves."""

from __future__ import annotations

import os
import pwd
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.unit.security import crowd
from tests.unit.security.postgres import PASSWORD, Postgres
from tests.unit.security.postgres import running as postgres_running
from textmill.errors import ConfigurationError, KeyStoreError
from textmill.security import migrations
from textmill.security.keys import Issued, Key, issue
from textmill.security.migrations import VERSION_TABLE
from textmill.security.principals import Quota
from textmill.security.store import TABLES, KeyStore

NOW = datetime(2026, 11, 25, 12, 30, 15, 123456, tzinfo=UTC)
DAY = timedelta(days=1)
PROCESSES = 4
CROWD = Path(crowd.__file__)
Opener = Callable[..., KeyStore]


def new(name: str = "ci", **options: object) -> Issued:
    """A key, not kept yet."""
    return issue(name, ["predict:*", "models:read"], pepper=b"", now=NOW, **options)  # type: ignore[arg-type]  # as given


def execute(store: KeyStore, statement: str) -> None:
    """SQL that textmill would never say."""
    with store._database.engine.connect().execution_options(writing=True) as connection:
        connection.execute(sa.text(statement))
        connection.commit()


def trouble(store: KeyStore, method: str = "kept") -> str:
    """What a method says where the store cannot be used, and that it says where, and no password."""
    begun = time.monotonic()
    with pytest.raises(KeyStoreError) as caught:
        getattr(store, method)()
    assert time.monotonic() - begun < 8
    assert f"The key store ({store.where}) cannot be used: " in str(caught.value)
    assert store.where not in caught.value.reason
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_a_key_comes_back_as_it_was(store: KeyStore) -> None:
    """Every field, times to the microsecond and in UTC."""
    zone = timezone(timedelta(hours=5, minutes=30))
    key = new(expires=(NOW + DAY).astimezone(zone), quota=Quota("600/minute", "1/day", None, 4)).key
    store.add(key)

    [kept] = store.kept()
    assert replace(key, revision=1) == kept
    assert kept.expires is not None
    assert timedelta(0) == kept.expires.utcoffset()


def test_the_tables_are_what_the_code_says(store: KeyStore) -> None:
    """The migrations, one after the other, lead to the declared tables."""
    options = {
        "compare_type": True,
        "include_name": lambda name, kind, _: kind != "table" or name != VERSION_TABLE,
    }
    with store._database.engine.connect() as connection:
        assert [] == compare_metadata(MigrationContext.configure(connection, opts=options), TABLES)


def test_a_store_that_nobody_made_is_no_store(opened: Opener) -> None:
    """Neither a look nor a write makes it; the message says what does."""
    store = opened()

    assert None is store.version()
    for method in ("check", "kept", "read", "revision"):
        assert "textmill keys create" in trouble(store, method)
    with pytest.raises(KeyStoreError, match="make a key first"):
        store.add(new().key)
    assert None is store.version()


def test_making_it_again_changes_nothing(store: KeyStore, opened: Opener) -> None:
    """Keys, identity and revision stay."""
    store.add(new().key)
    before = store.read()
    opened().prepare()

    assert before == store.read()
    assert "1" == store.version()


def test_a_store_of_a_newer_textmill_is_left_alone(store: KeyStore) -> None:
    """Neither read nor written nor migrated."""
    execute(store, "UPDATE textmill_key_version SET version_num = '99'")

    for method in ("check", "prepare", "kept"):
        assert "another version of textmill" in trouble(store, method)
    with pytest.raises(KeyStoreError, match="another version of textmill"):
        store.revoke("ci", NOW)


def test_a_store_of_an_older_textmill_waits_for_the_command(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server never migrates."""
    monkeypatch.setattr(migrations, "KNOWN", ("0", "1"))
    execute(store, "UPDATE textmill_key_version SET version_num = '0'")

    for method in ("check", "kept"):
        assert "textmill keys create NAME brings them up to date" in trouble(store, method)


def test_a_store_knows_its_pepper(store: KeyStore, opened: Opener) -> None:
    """With another one all keys would be wrong, and nobody would know why."""
    store.add(new().key)

    assert "another pepper" in trouble(opened(pepper=b"other"))
    with pytest.raises(KeyStoreError, match="another pepper"):
        opened(pepper=b"other").add(new().key)


def test_revoking_ends_a_key_for_good(store: KeyStore) -> None:
    """Again: the first time counts, and nothing is written."""
    key = new().key
    store.add(key)
    store.revoke("ci", NOW)
    store.revoke(key.id, NOW + DAY)

    assert [NOW] == [kept.revoked for kept in store.kept()]
    assert "revoked" == store.kept()[0].state(NOW)


def test_rotating_adds_a_key_and_lets_the_old_one_end(store: KeyStore) -> None:
    """Both are valid during the overlap."""
    old = new(quota=Quota(concurrent=2)).key
    store.add(old)
    issued = store.rotate("ci", NOW, DAY)

    kept = {key.id: key for key in store.kept()}
    assert {old.id, issued.key.id} == set(kept)
    assert NOW + DAY == kept[old.id].expires
    assert replace(issued.key, revision=kept[issued.key.id].revision) == kept[issued.key.id]


def test_a_write_that_fails_is_no_write(store: KeyStore) -> None:
    """The revision stays, and so do the keys."""
    store.add(new().key)
    before = store.read()

    for change in (store.revoke, lambda asked, now: store.rotate(asked, now, DAY)):
        with pytest.raises(KeyStoreError, match="No key has this"):
            change("nobody", NOW)
    with pytest.raises(KeyStoreError, match="somebody else"):
        store.add(before.keys[0])
    assert before == store.read()


def test_a_reader_gets_what_changed_and_only_that(store: KeyStore) -> None:
    """Everything the first time, and again where it is another store, or an older copy."""
    first, second = new("first").key, new("second").key
    store.add(first)
    begun = store.read()
    store.add(second)
    store.revoke("first", NOW)

    later = store.read(begun.identity, begun.revision)
    assert (3, False) == (later.revision, later.whole)
    assert {first.id, second.id} == {key.id for key in later.keys}
    assert () == store.read(later.identity, later.revision).keys
    assert [second.id] == [key.id for key in store.changed_since(1) if key.revoked is None]
    assert store.read("another", 3).whole
    assert store.read(begun.identity, 4).whole


def test_many_processes_make_write_and_miss_nothing(opened: Opener, url: str) -> None:
    """All make the tables at once; every write counts once; a reader meanwhile misses none."""
    workers = [
        subprocess.Popen(
            [sys.executable, str(CROWD), url, str(number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(PROCESSES)
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(PASSWORD.encode())
        worker.stdin.close()
    store, seen = opened(), dict[str, Key]()
    identity, revision = "", 0
    while any(worker.poll() is None for worker in workers):
        if store.version() is not None:
            contents = store.read(identity, revision)
            assert contents.revision >= revision
            identity, revision = contents.identity, contents.revision
            seen |= {key.id: key for key in contents.keys}
    errors = [worker.stderr.read().decode() for worker in workers if worker.stderr is not None]
    for worker in workers:
        assert worker.stderr is not None
        worker.stderr.close()
        assert 0 == worker.returncode, errors
    seen |= {key.id: key for key in store.read(identity, revision).keys}

    assert PROCESSES * crowd.WRITES == store.revision()
    assert PROCESSES * (crowd.KEYS + 1) == len(store.kept())
    assert {key.id: key for key in store.kept()} == seen
    assert PROCESSES == sum(key.revoked is not None for key in store.kept())


def test_a_locked_row_is_an_error_soon(store: KeyStore, opened: Opener) -> None:
    """A writer that never ends holds up other writers for their patience, and readers not at all."""
    store.add(new().key)
    patient = opened(wait_seconds=0.3)
    with store._writing():
        with pytest.raises(KeyStoreError, match="another process holds its lock"):
            patient.add(new("other").key)
        assert 1 == len(patient.kept())
    patient.add(new("other").key)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:geheim@host/name",
        "postgresql+asyncpg://user:geheim@host/name",
        "geheim",
        "://geheim",
        "postgresql://user:geheim@host:port/name",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:geheim?mode=memory&uri=true",
    ],
)
def test_a_url_that_cannot_be_used_is_not_repeated(url: str) -> None:
    """It may hold a password."""
    with pytest.raises(ConfigurationError) as caught:
        KeyStore(url)
    assert "geheim" not in str(caught.value)


# SQLite


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a SQLite store is, with every character that means something in a URL."""
    folder = tmp_path / "a b%41#ü"
    folder.mkdir()
    return folder / "keys.sqlite"


def url_of(file: Path) -> str:
    """As URLs are written."""
    return f"sqlite:///{quote(str(file))}"


@pytest.fixture
def sqlite(file: Path) -> KeyStore:
    """A store with a key in a file."""
    store = KeyStore(url_of(file), wait_seconds=0.3)
    store.prepare()
    store.add(new().key)
    return store


def test_the_file_is_its_owners_alone(sqlite: KeyStore, file: Path) -> None:
    """Mode 0600, whatever the umask; no other file stays beside it."""
    assert 0o600 == file.stat().st_mode & 0o777
    assert [file] == list(file.parent.iterdir())
    assert 1 == len(sqlite.kept())


def test_a_file_that_others_hold_open_is_read(sqlite: KeyStore, file: Path) -> None:
    """The write-ahead log lets readers and a writer in together."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        assert ("wal",) == other.execute("PRAGMA journal_mode").fetchone()
        other.execute("BEGIN IMMEDIATE")
        assert 1 == len(sqlite.kept())


def test_a_file_that_is_locked_is_an_error_soon(sqlite: KeyStore, file: Path) -> None:
    """Also for readers, where somebody locks everything."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert "another process holds its lock" in trouble(sqlite)
    assert 1 == len(sqlite.kept())


def test_a_read_only_store_can_be_read(sqlite: KeyStore, file: Path) -> None:
    """A write is refused, with the reason."""
    assert 1 == len(sqlite.kept())
    mirror = KeyStore(f"sqlite:///file:{quote(quote(str(file)))}?mode=ro&uri=true")

    assert 1 == len(mirror.kept())
    with pytest.raises(KeyStoreError, match="read-only"):
        mirror.add(new("other").key)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_file_of_somebody_else_is_refused(sqlite: KeyStore) -> None:
    """With what to check; the store itself is as it was."""
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        assert "this user may not open it" in trouble(sqlite)
        assert "check the permissions" in trouble(sqlite, "prepare")
    finally:
        os.seteuid(0)
    assert 1 == len(sqlite.kept())


def test_a_damaged_file_is_an_error(sqlite: KeyStore, file: Path) -> None:
    """Its first page is there, the rest is not what it was."""
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    file.write_bytes(content)

    assert "the file is damaged" in trouble(sqlite)


def test_a_file_that_is_no_database_is_an_error(file: Path) -> None:
    """It is not written over."""
    file.write_bytes(b"Dear diary, " * 100)

    for method in ("kept", "prepare", "version"):
        assert "no SQLite database" in trouble(KeyStore(url_of(file)), method)
    assert file.read_bytes().startswith(b"Dear diary")


def test_a_value_that_somebody_damaged_is_an_error(sqlite: KeyStore) -> None:
    """Not a crash, and not a key without an end."""
    execute(sqlite, "UPDATE textmill_keys SET expires = 'tomorrow'")

    assert "cannot be read" in trouble(sqlite)


def test_a_file_that_is_gone_is_an_error(sqlite: KeyStore, file: Path) -> None:
    """It is not made anew by looking."""
    file.unlink()

    assert "there is no such file" in trouble(sqlite)
    assert not file.exists()


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """Whoever makes the store hears it."""
    assert "its folder does not exist" in trouble(
        KeyStore(f"sqlite:///{tmp_path}/none/keys.sqlite"), "prepare"
    )
    assert "there is no such file" in trouble(KeyStore(f"sqlite:///{tmp_path}"), "kept")


def test_an_empty_file_becomes_a_store(file: Path) -> None:
    """As `touch` and `install -m 600` leave it."""
    file.touch()
    store = KeyStore(url_of(file))

    assert None is store.version()
    store.prepare()
    assert () == store.kept()


# PostgreSQL


def test_a_wrong_password_is_told(server: Postgres) -> None:
    """Without the password, right or wrong."""
    wrong = KeyStore(server.url(), password="falsch")

    assert "the user or the password is wrong" in trouble(wrong)
    assert "falsch" not in repr(wrong) + trouble(wrong)
    assert "asks for a password" in trouble(KeyStore(server.url()))


def test_a_password_in_the_url_is_hidden(server: Postgres) -> None:
    """Wherever in it."""
    host = f"127.0.0.1:{server.port}/none"
    for url in (f"postgresql://mill:falsch@{host}", f"postgresql://mill@{host}?password=falsch"):
        assert "falsch" not in repr(KeyStore(url)) + trouble(KeyStore(url))


def test_a_database_that_does_not_exist_is_told(server: Postgres) -> None:
    """Nobody makes it by accident."""
    assert "no such database" in trouble(KeyStore(server.url("none"), password=PASSWORD))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_usual_scheme_works(empty_database: str, scheme: str) -> None:
    """With the one driver there is."""
    store = KeyStore(empty_database.replace("postgresql", scheme, 1), password=PASSWORD)
    store.prepare()

    assert () == store.kept()
    store.close()


def test_a_user_without_permission_is_told(empty_database: str) -> None:
    """What servers need, and what makes keys needs."""
    store = KeyStore(empty_database, password=PASSWORD)
    store.prepare()
    execute(store, "DROP ROLE IF EXISTS guest")
    execute(store, "CREATE ROLE guest LOGIN PASSWORD 'g'")
    guest = KeyStore(empty_database.replace("mill@", "guest@"), password="g")

    assert "lacks a permission" in trouble(guest)
    execute(store, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest")
    assert () == guest.kept()
    with pytest.raises(KeyStoreError, match="lacks a permission"):
        guest.add(new().key)
    guest.close()
    store.close()


def test_a_server_that_nobody_can_reach_is_told() -> None:
    """Refused at once, or silent for the patience of the caller."""
    refused = KeyStore("postgresql://mill@127.0.0.1:1/keys", password=PASSWORD)
    unknown = KeyStore("postgresql://mill@no-such-host.invalid/keys", password=PASSWORD)

    assert "cannot be reached" in trouble(refused)
    assert "cannot be used" in trouble(unknown)


def test_a_server_that_stops_and_comes_back() -> None:
    """A connection that was lost is made anew; a server that hangs is given up."""
    with postgres_running() as server:
        store = KeyStore(server.url(), password=PASSWORD, wait_seconds=1)
        store.prepare()
        with psycopg.connect(server.url(), password=PASSWORD, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'textmill' AND pid <> pg_backend_pid()"
            )
        assert () == store.kept()
        store.close()
        server.process.send_signal(signal.SIGSTOP)
        try:
            assert "cannot be reached" in trouble(store)
        finally:
            server.process.send_signal(signal.SIGCONT)
        assert () == store.kept()
        store.close()
