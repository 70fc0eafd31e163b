from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from textmill.errors import ConfigurationError
from textmill.settings import Settings

FILE = """\
[server]
framework = "flask"
port = 1001
workers = 3

[models.spam]
path = "spam.skops"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without settings, and no variables."""
    monkeypatch.chdir(tmp_path)
    for name in ("TEXTMILL_CONFIG", "TEXTMILL_SERVER__PORT", "TEXTMILL_SERVER__WORKERS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def write(folder: Path, text: str = FILE, name: str = "textmill.toml") -> Path:
    """A settings file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_needs_to_be_set() -> None:
    """The defaults: this machine only, FastAPI, the default models."""
    settings = Settings.load()
    assert ("127.0.0.1", 8000, "fastapi") == (
        settings.server.host,
        settings.server.port,
        settings.server.framework,
    )
    assert {} == settings.models


def test_the_file_wins_over_defaults(folder: Path) -> None:
    """`textmill.toml` of the folder is read without being asked for."""
    write(folder)
    settings = Settings.load()
    assert (1001, 3, "127.0.0.1") == (settings.server.port, settings.server.workers, settings.server.host)
    assert "spam.skops" == settings.models["spam"].path


def test_a_variable_wins_over_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting by setting: what the variable does not say stays as in the file."""
    write(folder)
    monkeypatch.setenv("TEXTMILL_SERVER__PORT", "1002")
    settings = Settings.load()
    assert (1002, 3, "flask") == (settings.server.port, settings.server.workers, settings.server.framework)


def test_a_flag_wins_over_everything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also setting by setting."""
    write(folder)
    monkeypatch.setenv("TEXTMILL_SERVER__PORT", "1002")
    monkeypatch.setenv("TEXTMILL_SERVER__WORKERS", "4")
    settings = Settings.load(server={"port": 1003})
    assert (1003, 4, "flask") == (settings.server.port, settings.server.workers, settings.server.framework)


def test_the_file_can_be_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By `--config` or by TEXTMILL_CONFIG; the flag wins."""
    write(folder)
    other = write(folder, "[server]\nport = 2001\n", "other.toml")
    third = write(folder, "[server]\nport = 2002\n", "third.toml")
    monkeypatch.setenv("TEXTMILL_CONFIG", str(other))
    assert 2001 == Settings.load().server.port
    assert 2002 == Settings.load(third).server.port


def test_a_named_file_must_exist(folder: Path) -> None:
    """It is not silently left out."""
    with pytest.raises(ConfigurationError, match=r"none\.toml"):
        Settings.load(folder / "none.toml")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[server]\nprot = 1\n", r"server\.prot"),
        ("[serving]\nport = 1\n", "serving"),
        ("[server]\nport = 70000\n", r"server\.port"),
        ('[models.spam]\npth = "a"\n', r"models\.spam\.pth"),
        ('[models."Ham!"]\npath = "a"\n', "Ham!"),
        ("[engine]\ndeadline_seconds = 0\n", r"engine\.deadline_seconds"),
        ("server = [", "not valid TOML"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_file(folder: Path, text: str, named: str) -> None:
    """An unknown name is an error too: a misspelt setting must not be ignored."""
    write(folder, text)
    with pytest.raises(ConfigurationError, match=named) as raised:
        Settings.load()
    assert "textmill.toml" in str(raised.value)


def test_a_wrong_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a secret in the wrong place."""
    monkeypatch.setenv("TEXTMILL_SERVER__PORT", "Kanarienvogel")
    with pytest.raises(ConfigurationError, match=r"server\.port") as raised:
        Settings.load()
    assert "Kanarienvogel" not in str(raised.value)


def test_a_misspelt_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the file."""
    monkeypatch.setenv("TEXTMILL_SERVER__PROT", "1")
    with pytest.raises(ConfigurationError, match=r"server\.prot"):
        Settings.load()


def test_settings_travel_to_server_processes_unchanged(folder: Path) -> None:
    """As JSON, models included."""
    write(folder)
    settings = Settings.load(engine={"queue_items": 7})
    assert settings == Settings.model_validate_json(settings.model_dump_json())


def test_settings_cannot_change() -> None:
    """They are read once."""
    settings = Settings.load()
    with pytest.raises(ValidationError, match="frozen"):
        settings.server.port = 1  # type: ignore[misc]  # that is the claim
