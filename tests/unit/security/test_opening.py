from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from textmill.errors import ConfigurationError, MissingExtraError
from textmill.security.keys import mark_of
from textmill.security.opening import DEFAULT_STORE, open_store
from textmill.settings import Settings

HIDE = "import sys; sys.modules[{name!r}] = None; "
OPEN = (
    "from textmill.security.opening import open_store; from textmill.settings import KeySettings; "
    "from textmill.errors import MissingExtraError\n"
    "try: open_store(KeySettings(store={store!r})){then}\n"
    "except MissingExtraError as error: print(error)"
)


def without(library: str, store: str, then: str = "") -> str:
    """What opening a store says where a library is not installed."""
    code = HIDE.format(name=library) + OPEN.format(store=store, then=then)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_without_settings_the_store_is_a_file_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its pepper is nothing."""
    monkeypatch.chdir(tmp_path)
    store = open_store(Settings.load().keys)

    assert f"SQLite, {tmp_path}/{DEFAULT_STORE.rpartition('/')[2]}" == store.where
    assert b"" == store.pepper


def test_password_and_pepper_come_from_the_settings(tmp_path: Path) -> None:
    """From their values, or from the file that is named."""
    (tmp_path / "pepper").write_text("salt\n")
    file = {"store": "sqlite:///keys.sqlite", "pepper_file": str(tmp_path / "pepper")}
    value = {"store": "postgresql://mill@host/keys", "pepper": "salt", "password": "geheim"}

    assert b"salt" == open_store(Settings.load(keys=file).keys).pepper
    store = open_store(Settings.load(keys=value).keys)
    assert b"salt" == store.pepper
    assert "geheim" == store._database.engine.url.password
    assert "geheim" not in repr(store) + repr(store._database)
    assert "geheim" not in repr(Settings.load(keys={"store": "postgresql://mill:geheim@host/keys"}))
    with pytest.raises(ConfigurationError, match="not both"):
        open_store(Settings.load(keys=file | value).keys)


@pytest.mark.parametrize(
    ("library", "store", "then", "extra"),
    [
        ("sqlalchemy", "sqlite:///keys.sqlite", "", "security"),
        ("psycopg", "postgresql://mill@host/keys", "", "postgres"),
        ("alembic", "sqlite:///FOLDER/keys.sqlite", ".prepare()", "security"),
    ],
)
def test_what_is_not_installed_is_told_with_its_extra(
    tmp_path: Path, library: str, store: str, then: str, extra: str
) -> None:
    """The line to copy."""
    store = store.replace("FOLDER", str(tmp_path))
    told = without(library, store, then)
    assert told.strip().endswith(f"pip install 'textmill[{extra}]'")


def test_a_missing_extra_is_a_configuration_error() -> None:
    """Exit code 2, as for any setting that cannot work."""
    assert issubclass(MissingExtraError, ConfigurationError)


def test_the_mark_of_a_pepper_depends_on_both() -> None:
    """On the store and on the pepper."""
    assert 3 == len({mark_of("a", b"x"), mark_of("b", b"x"), mark_of("a", b"y")})
