from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from textmill.errors import ConfigurationError, KeyStoreError
from textmill.security.store import KeyStore
from textmill.service.authentication import authentication, check_keys, takes_keys
from textmill.settings import Settings

REQUIRED = {"auth": "required"}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default store is there, and no textmill.toml."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ({}, False),
        ({"keys": {"store": "sqlite:///k.sqlite"}}, False),
        ({"security": REQUIRED}, True),
        ({"security": REQUIRED, "tokens": {"secret": "s" * 32}}, False),
        ({"security": REQUIRED, "tokens": {"secret_file": "secret"}}, False),
        ({"security": REQUIRED, "tokens": {"jwks": "keys.json", "audience": "a"}}, False),
        ({"security": REQUIRED, "tokens": {"jwks": "keys.json"}, "keys": {"store": "sqlite:///k"}}, True),
        ({"security": REQUIRED, "tokens": {"secret": "s" * 32}, "oauth": {"enabled": True}}, True),
    ],
)
def test_keys_are_taken_where_a_store_is_set_or_nothing_else_is(
    groups: dict[str, Any], *, expected: bool
) -> None:
    """Otherwise nobody could come in, or get a token."""
    assert expected == takes_keys(Settings.load(**groups))


def test_a_store_that_nobody_made_ends_the_start() -> None:
    """With the command that makes it; nothing is made by the server."""
    with pytest.raises(KeyStoreError, match="make a key first: textmill keys create"):
        check_keys(Settings.load(security=REQUIRED))
    assert [] == list(Path.cwd().iterdir())


def test_a_store_that_was_made_lets_it_start() -> None:
    """Also without any key; and without auth nobody asks for one."""
    check_keys(Settings.load())
    KeyStore("sqlite:///textmill-keys.sqlite").prepare()
    check_keys(Settings.load(security=REQUIRED))


def test_a_store_that_may_come_back_lets_it_start(caplog: pytest.LogCaptureFixture) -> None:
    """With a warning."""
    Path("k.sqlite").write_text("no database, for now " * 10)
    check_keys(Settings.load(security=REQUIRED, keys={"store": "sqlite:///k.sqlite"}))

    assert [logging.WARNING] == [record.levelno for record in caplog.records]
    assert "no SQLite database" in caplog.text


def test_a_store_that_can_never_work_ends_the_start() -> None:
    """The settings are wrong, and will be."""
    with pytest.raises(ConfigurationError, match="no URL of SQLite"):
        check_keys(Settings.load(security=REQUIRED, keys={"store": "mysql://host/keys"}))


def test_an_unread_store_is_a_trouble_of_the_access() -> None:
    """Readiness fails until it has been read once."""
    guarded, _ = authentication(Settings.load(security=REQUIRED))

    assert guarded is not None
    assert ["the key store cannot be read: it has not been read yet"] == guarded.troubles()
    guarded.close()
