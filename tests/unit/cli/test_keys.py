"""`textmill keys`, as a person or a script types it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner
from typer.testing import Result as Ended

from textmill.cli.app import app
from textmill.cli.app import run as run_app
from textmill.cli.times import moment, span
from textmill.errors import ConfigurationError, KeyStoreError
from textmill.security.keys import FORM

COMMANDS = ("create", "list", "revoke", "rotate")
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def run(*words: str) -> Ended:
    """`textmill keys ...` in this process."""
    return CliRunner().invoke(app, ["keys", *words])


def made(*words: str) -> dict[str, Any]:
    """What `create --json` tells."""
    ended = run("create", *words, "--json")
    assert 0 == ended.exit_code, ended.output
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def listed() -> list[dict[str, Any]]:
    """What `list --json` tells."""
    found: list[dict[str, Any]] = json.loads(run("list", "--json").stdout)
    return found


def refusal(*words: str) -> str:
    """The message of a command that fails on purpose."""
    ended = run(*words)
    assert isinstance(ended.exception, ConfigurationError | KeyStoreError), ended.output
    assert "" == ended.stdout
    return str(ended.exception)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a store of its own, and lines as long as they want."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_teaches(command: str) -> None:
    """It shows a line to copy, and explains every option."""
    ended = run(command, "--help")
    assert f"textmill keys {command} " in ended.output.split("Example", 1)[1]
    group = get_command(app).commands["keys"]  # type: ignore[attr-defined]  # a group, by construction
    for parameter in group.commands[command].params:
        assert getattr(parameter, "help", None), parameter.name


def test_the_key_alone_is_on_standard_output() -> None:
    """So that a script can keep it; what people need to know is beside it."""
    ended = run("create", "ci")

    assert FORM.fullmatch(ended.stdout.removesuffix("\n"))
    assert "only time that the key is shown" in ended.stderr
    assert ended.stdout.strip() not in ended.stderr


def test_a_shell_keeps_a_key_in_a_variable(tmp_path: Path) -> None:
    """`KEY=$(textmill keys create ci --quiet)`, with nothing on the terminal."""
    script = f'KEY=$({sys.executable} -m textmill keys create ci --quiet); echo "[$KEY]"'
    ended = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=True
    )

    assert FORM.fullmatch(ended.stdout.strip().strip("[]"))
    assert "" == ended.stderr
    assert 0o600 == (tmp_path / "textmill-keys.sqlite").stat().st_mode & 0o777


def test_a_key_has_what_was_asked_for() -> None:
    """Scopes, end and limits; without a word, prediction by every model for ever."""
    words = ("--scope", "predict:sentiment", "--scope", "models:read", "--expires", "2099-01-31")
    limits = (
        "--requests",
        "600/minute",
        "--texts",
        "1/day",
        "--characters",
        "9/2 hours",
        "--concurrent",
        "4",
    )
    key = made("shop", *words, *limits)
    plain = made("plain")

    assert ["models:read", "predict:sentiment"] == key["scopes"]
    assert "2099-01-31T00:00:00+00:00" == key["expires"]
    assert {
        "requests": "600/minute",
        "texts": "1/day",
        "characters": "9/2 hours",
        "concurrent": 4,
    } == key["limits"]
    assert (["predict:*"], None, {}) == (plain["scopes"], plain["expires"], plain["limits"])


def test_a_list_shows_keys_and_no_secrets() -> None:
    """Neither in the table nor in JSON, neither the key nor its hash."""
    keys = [made("shop"), made("ci", "--expires", "30d")]
    run("revoke", "shop")
    table, data = run("list").stdout, run("list", "--json").stdout

    for key in keys:
        secret = key["key"].rpartition("_")[2]
        assert secret not in table + data
        assert f"tm_{key['id']}_…" in table
        assert key["id"] in data
    assert "digest" not in data
    assert ["revoked", "active"] == [key["state"] for key in listed()]
    assert re.search(r"shop +predict:\* .* revoked", table)


def test_revoking_takes_an_id_a_name_or_the_key_itself() -> None:
    """Whatever is at hand."""
    for name, field in (("a", "id"), ("b", "name"), ("c", "key"), ("d", "prefix")):
        assert 0 == run("revoke", made(name)[field]).exit_code
    assert {"revoked"} == {key["state"] for key in listed()}


def test_a_program_reads_what_was_done() -> None:
    """`--json` of every command; the old key and the new one are told apart."""
    old = made("ci")
    new = json.loads(run("rotate", old["id"], "--json").stdout)
    gone = json.loads(run("revoke", old["id"], "--json").stdout)

    assert FORM.fullmatch(new["key"])
    assert "active" == new["state"]
    assert (old["id"], "revoked") == (gone["id"], gone["state"])
    assert "key" not in gone


def test_revoking_what_is_not_there_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, and a message that says what to do."""
    made("ci")
    assert "'nightly'" in refusal("revoke", "nightly")
    argv, sys.argv = sys.argv, ["textmill", "keys", "revoke", "nightly"]
    try:
        with pytest.raises(SystemExit) as ended:
            run_app()
    finally:
        sys.argv = argv
    assert 1 == ended.value.code
    assert "textmill keys list" in capsys.readouterr().err


def test_a_name_that_two_keys_have_is_not_enough() -> None:
    """Neither of them is touched."""
    first, second = made("ci"), made("ci")

    told = refusal("revoke", "ci")
    assert first["id"] in told
    assert second["id"] in told
    assert ["active", "active"] == [key["state"] for key in listed()]


def test_rotating_gives_a_new_key_and_lets_the_old_one_end() -> None:
    """After a day, or after the overlap that was asked for."""
    old = made("ci", "--requests", "5/minute")
    ended = run("rotate", "ci", "--quiet")
    assert FORM.fullmatch(ended.stdout.strip())
    first, second = sorted(listed(), key=lambda key: key["id"] != old["id"])

    assert "5/minute" == second["limits"]["requests"]
    ends = datetime.fromisoformat(first["expires"]) - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < ends < timedelta(hours=24, minutes=1)
    run("rotate", second["id"], "--overlap", "0s")
    assert ["active", "active", "expired"] == sorted(key["state"] for key in listed())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--scope", "write"), "'write' is no scope"),
        (("--scope", "predict:../etc"), "is no scope"),
        (("--expires", "2020-01-01"), "expired already"),
        (("--expires", "0s"), "expired already"),
        (("--expires", "soon"), "write it as 90d"),
        (("--expires", "9999-12-31T23:59-14:00"), "write it as 90d"),
        (("--requests", "many"), "write it as 600/minute"),
        (("--concurrent", "0"), "concurrent must be"),
        (("--store", "mysql://root:geheim@host/name"), "no URL of SQLite or PostgreSQL"),
    ],
)
def test_what_cannot_be_used_is_told_and_nothing_is_made(words: tuple[str, ...], told: str) -> None:
    """The message shows how it is written; no file is left behind."""
    message = refusal("create", "ci", *words)

    assert told in message
    assert "geheim" not in message
    assert [] == list(Path.cwd().iterdir())


@pytest.mark.parametrize("words", [("list",), ("revoke", "ci"), ("rotate", "ci")])
def test_only_create_makes_a_store(words: tuple[str, ...]) -> None:
    """A typing error in the URL is told, and makes no empty store."""
    assert "make a key first: textmill keys create" in refusal(*words)
    assert [] == list(Path.cwd().iterdir())


def test_the_store_of_the_settings_is_taken() -> None:
    """With its pepper; a flag wins over it."""
    Path("textmill.toml").write_text('[keys]\nstore = "sqlite:///mine.sqlite"\npepper = "salt"\n')
    made("ci")
    assert {"textmill.toml", "mine.sqlite"} == {path.name for path in Path.cwd().iterdir()}

    run("create", "other", "--store", "sqlite:///other.sqlite")
    assert ["ci"] == [key["name"] for key in listed()]
    Path("textmill.toml").write_text('[keys]\nstore = "sqlite:///mine.sqlite"\n')
    assert "another pepper" in refusal("list")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", NOW + timedelta(seconds=90)),
        ("5m", NOW + timedelta(minutes=5)),
        ("24h", NOW + timedelta(hours=24)),
        ("90 d", NOW + timedelta(days=90)),
        ("2w", NOW + timedelta(weeks=2)),
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T12:00:00Z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31T12:00+02:00", datetime(2027, 1, 31, 10, tzinfo=UTC)),
    ],
)
def test_a_time_is_a_span_from_now_or_a_date(text: str, expected: datetime) -> None:
    """In UTC where no zone is named."""
    assert expected == moment(text, "--expires", NOW)


@pytest.mark.parametrize("text", ["", "d", "-1d", "1.5h", "1 year", "2027-02-31", "٣d", "999999w"])
def test_no_other_text_is_a_time(text: str) -> None:
    """The message names the option."""
    with pytest.raises(ConfigurationError, match="--expires"):
        moment(text, "--expires", NOW)
    with pytest.raises(ConfigurationError, match="--overlap"):
        span(text, "--overlap")
