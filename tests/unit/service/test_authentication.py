"""From the settings to who checks credentials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from textmill.service.authentication import authentication, takes_keys
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


def test_an_unread_store_is_a_trouble_of_the_access() -> None:
    """Readiness fails until it has been read once."""
    guarded, _ = authentication(Settings.load(security=REQUIRED))

    assert guarded is not None
    assert ["the key store cannot be read: it has not been read yet"] == guarded.troubles()
    guarded.close()
