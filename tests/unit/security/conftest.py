"""Key stores of both kinds, real ones."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest

from tests.unit.security import postgres
from textmill.security.store import KeyStore

Opener: TypeAlias = Callable[..., KeyStore]


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Postgres]:
    """A PostgreSQL server for the session."""
    with postgres.running() as found:
        yield found


@pytest.fixture
def empty_database(server: postgres.Postgres) -> str:
    """The URL of a database without tables."""
    name = f"keys_{secrets.token_hex(4)}"
    with psycopg.connect(server.url(), password=postgres.PASSWORD, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return server.url(name)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store that nobody has made yet, of both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/keys.sqlite"
    found: str = request.getfixturevalue("empty_database")
    return found


@pytest.fixture
def opened(url: str) -> Iterator[Opener]:
    """Opens the store, as often as wanted, as different processes would."""
    found: list[KeyStore] = []

    def opener(**options: Any) -> KeyStore:
        found.append(KeyStore(url, **{"password": postgres.PASSWORD, **options}))
        return found[-1]

    yield opener
    for store in found:
        store.close()


@pytest.fixture
def store(opened: Opener) -> KeyStore:
    """A store with tables, and without keys."""
    made = opened()
    made.prepare()
    return made
