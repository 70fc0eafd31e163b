"""Whether callers are let in as the operator asked: what ends the start, and what is only told."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from textmill.errors import ConfigurationError, KeyStoreError
from textmill.security.store import KeyStore
from textmill.service.checks import check_access, check_keys, check_meant, doubts
from textmill.service.lifecycle import create_service
from textmill.settings import Settings

REQUIRED = {"auth": "required"}
TOKENS = {"secret": "s" * 32}
OAUTH = {"enabled": True, "signing_key_file": "key.json"}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default store is there, and no textmill.toml."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("named", "groups"),
    [
        ("keys", {"keys": {"store": "sqlite:///k.sqlite"}}),
        ("keys", {"keys": {"pepper": "salt and more"}}),
        ("tokens", {"tokens": TOKENS}),
        ("keys, tokens", {"tokens": TOKENS, "keys": {"pepper_file": "pepper"}}),
        ("oauth", {"oauth": OAUTH}),
        ("security.anonymous_scopes", {"security": {"anonymous_scopes": ["models:read"]}}),
        ("security.docs", {"security": {"docs": "closed"}}),
    ],
)
def test_a_door_that_its_owner_has_locked_is_not_open(named: str, groups: dict[str, Any]) -> None:
    """With `auth = "none"` these would do nothing, and nobody would notice; also inside another app."""
    settings = Settings.load(**groups)
    message = f"of the settings {named}, since .* Set security.auth to 'required'"
    for checked in (check_meant, check_access, create_service):
        with pytest.raises(ConfigurationError, match=message):
            checked(settings)


def test_everybody_is_no_admin() -> None:
    """That would be `auth = "none"` on any address."""
    with pytest.raises(ConfigurationError, match="has 'admin', so everybody could do everything"):
        check_meant(Settings.load(security={**REQUIRED, "anonymous_scopes": ["models:read", "admin"]}))
    check_meant(Settings.load(security={**REQUIRED, "anonymous_scopes": ["models:read"]}))


def test_settings_of_keys_that_are_not_taken_are_a_mistake() -> None:
    """Beside tokens it takes a store that is named."""
    with pytest.raises(ConfigurationError, match=r"only taken where keys\.store is set"):
        check_meant(Settings.load(security=REQUIRED, tokens=TOKENS, keys={"pepper": "salt"}))
    check_meant(Settings.load(security=REQUIRED, tokens=TOKENS))
    check_meant(Settings.load(security=REQUIRED, tokens=TOKENS, keys={"store": "sqlite:///k", "pepper": "a"}))


@pytest.mark.parametrize(
    ("expected", "groups"),
    [
        ("callers choose under which one they are counted", {"security": {"trusted_proxies": ["0.0.0.0/0"]}}),
        ("callers choose under which one they are counted", {"security": {"trusted_proxies": ["::/0"]}}),
        (
            "granian on Flask takes X_Forwarded_For",
            {
                "server": {"framework": "flask", "server": "granian"},
                "security": {"trusted_proxies": ["10.0.0.0/8"]},
            },
        ),
        ("every web page", {"security": {"cors_origins": ["*"]}}),
        (
            "up to 3 times what rates allows",
            {"server": {"workers": 3}, "rates": {"address_requests": "5/minute"}},
        ),
    ],
)
def test_what_is_seldom_meant_is_told(
    expected: str, groups: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """It works, so the server starts; the log has one line with what to do."""
    settings = Settings.load(**groups)
    (doubt,) = doubts(settings)

    assert expected in doubt
    create_service(settings)
    assert [doubt] == [line.getMessage() for line in caplog.records if line.levelno == logging.WARNING]


@pytest.mark.parametrize(
    "groups",
    [
        {},
        {"server": {"framework": "flask"}, "security": {"trusted_proxies": ["10.0.0.0/8"]}},
        {"security": {"trusted_proxies": ["10.0.0.0/8", "::1"], "cors_origins": ["https://a.example"]}},
        {"security": {**REQUIRED, "cors_origins": ["*"]}},
        {"server": {"workers": 3}, "rates": {"requests": "5/minute", "store": "redis://127.0.0.1"}},
        {"server": {"workers": 3}, "rates": {"concurrent": 5}},
    ],
)
def test_what_is_meant_is_not_doubted(groups: dict[str, Any]) -> None:
    """Few words, so that they are read."""
    assert [] == doubts(Settings.load(**groups))


def test_looking_makes_nothing() -> None:
    """Who looks may be another user than the server's, who could then not read the signing key."""
    KeyStore("sqlite:///k.sqlite").prepare()
    before = set(Path.cwd().iterdir())
    check_access(Settings.load(security=REQUIRED, keys={"store": "sqlite:///k.sqlite"}, oauth=OAUTH))
    assert before == set(Path.cwd().iterdir())


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"oauth": {"enabled": True, "signing_key_file": "none/key.json"}}, "can be neither read nor made"),
        ({"oauth": {"enabled": True, "signing_key_file": "k.sqlite"}}, "cannot be used"),
        ({"tokens": {"jwks": "https://a.example/keys"}}, "tokens.audience is missing"),
        ({"security": {**REQUIRED, "anonymous_scopes": ["everything"]}}, "'everything' is no scope"),
        (
            {"rates": {"requests": "5/minute", "store": "memcached://host"}},
            "rates.store is none that is known",
        ),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_starts(groups: dict[str, Any], message: str) -> None:
    """By one process, with its message, and not by each worker that ends."""
    KeyStore("sqlite:///k.sqlite").prepare()
    with pytest.raises(ConfigurationError, match=message):
        check_access(
            Settings.load(**{"security": REQUIRED, "keys": {"store": "sqlite:///k.sqlite"}, **groups})
        )


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
