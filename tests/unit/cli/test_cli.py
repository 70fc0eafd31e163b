"""The commands, as a person types them; those that import nothing heavy run in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from typer.testing import Result as Ended

import textmill
from textmill.cli.app import app
from textmill.cli.app import run as run_app
from textmill.cli.models import verified_with
from textmill.errors import ConfigurationError, ModelNotFoundError
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.registry import DEFAULT_MODELS
from textmill.service.lifecycle import specs
from textmill.settings import ModelSettings, Settings

COMMANDS = ("serve", "predict", "train", "evaluate", "verify", "inspect", "doctor", "keys")


def run(*words: str, text: bytes | str | None = None) -> Ended:
    """A command in this process."""
    return CliRunner().invoke(app, list(words), input=text)


def start(folder: Path, *words: str, text: bytes = b"", **variables: str) -> tuple[int, str, str]:
    """A command in a process of its own: exit code, standard output, standard error."""
    ended = subprocess.run(
        [sys.executable, "-m", "textmill", *words],
        cwd=folder,
        env=os.environ | variables,
        input=text,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code and the message of a command that fails, through the program's own entry."""
    monkeypatch.setattr(sys, "argv", ["textmill", *words])
    with pytest.raises(SystemExit) as ended:
        run_app()
    assert isinstance(ended.value.code, int)
    shown = capsys.readouterr()
    assert "" == shown.out
    assert "Traceback" not in shown.err
    return ended.value.code, shown.err


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No textmill.toml of this folder takes part, and lines are as long as they want."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_teaches(command: str) -> None:
    """It shows a line to copy."""
    ended = run(command, "--help")
    assert 0 == ended.exit_code
    assert "Example" in ended.output
    assert f"textmill {command} " in ended.output.split("Example", 1)[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command: str) -> None:
    """No option stands there with its name alone."""
    from typer.main import get_command

    described = get_command(app).commands[command]  # type: ignore[attr-defined]  # a group, by construction
    for parameter in described.params:
        assert getattr(parameter, "help", None), parameter.name


def test_the_version_is_printed() -> None:
    """And nothing else."""
    assert f"{textmill.__version__}\n" == run("--version").output


def test_without_a_command_the_help_is_shown() -> None:
    """It names every command and the one to begin with."""
    shown = run().output
    assert all(command in shown for command in COMMANDS)
    assert "Begin with: textmill serve" in shown


def answers(ended: Ended) -> list[dict[str, Any]]:
    """The JSON lines of a command that went well."""
    assert 0 == ended.exit_code, ended.output
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_predict_answers_about_a_text() -> None:
    """One JSON object on one line."""
    [answer] = answers(run("predict", "sentiment", "I love it, it is wonderful."))
    assert "positive" == answer["label"]
    assert ["positive", "negative"] == [score["label"] for score in answer["scores"]]


def test_predict_reads_a_text_a_line() -> None:
    """From standard input with `-`; an empty line is no text."""
    found = answers(
        run("predict", "sentiment", "-", text="Wonderful!\n\nTerrible, awful.\r\nGréât 👍".encode())
    )
    assert ["positive", "negative"] == [answer["label"] for answer in found][:2]
    assert 3 == len(found)


def test_predict_names_the_line_that_is_no_utf8() -> None:
    """What came before it is answered; what stands there is not repeated."""
    ended = run("predict", "sentiment", "-", text=b"Wonderful!\nKanarienvogel \xff\n")
    assert isinstance(ended.exception, ConfigurationError)
    assert "Line 2 of standard input is not valid UTF-8" in str(ended.exception)
    assert "Kanarienvogel" not in str(ended.exception)
    assert 1 == len(ended.stdout.splitlines())


def test_predict_wants_a_text() -> None:
    """An empty one is a usage error."""
    ended = run("predict", "sentiment", "")
    assert isinstance(ended.exception, ConfigurationError)


@pytest.mark.parametrize("command", ["predict", "inspect"])
def test_an_unknown_model_is_named(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1; the message names the path."""
    code, message = told(monkeypatch, capsys, command, "nowhere/spam.skops")
    assert (1, True) == (code, "nowhere/spam.skops" in message)
    assert f"({ModelNotFoundError.code})" in message


def test_serve_refuses_an_unknown_model_before_it_listens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1; the message names the model and the path."""
    code, message = told(monkeypatch, capsys, "serve", "--port", "0", "--model", "spam=nowhere/spam.skops")
    assert 1 == code
    assert "spam" in message
    assert "nowhere/spam.skops" in message
    assert "http://" not in message


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file"), (b"\xff\x00", "not valid UTF-8"), (b"\n", "no text")]
)
def test_serve_refuses_texts_to_verify_with_that_cannot_be_read(
    content: bytes | None,
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 1, before it listens; the message names the file and what it should be."""
    if content is not None:
        (tmp_path / "own.txt").write_bytes(content)
    code, message = told(monkeypatch, capsys, "serve", "--port", "0", "--verify-with", "own.txt")
    assert (1, True, True) == (code, "own.txt" in message, why in message), message
    assert "one text a line" in message
    assert "http://" not in message


def test_texts_to_verify_with_are_for_every_served_model() -> None:
    """The default ones, where none is configured."""
    found = specs(verified_with(Settings(), Path("own.txt")))
    assert DEFAULT_MODELS == {name: replace(one, verify_with=None) for name, one in found.items()}
    assert {"own.txt"} == {one.verify_with for one in found.values()}
    own = Settings(models={"spam": ModelSettings(path="spam.skops", trust=True)})
    assert {"spam": ModelSpec("spam", "spam.skops", trust=True, verify_with="own.txt")} == specs(
        verified_with(own, Path("own.txt"))
    )


@pytest.mark.parametrize("given", ["spam", "=spam.skops", "spam="])
def test_a_model_flag_is_name_and_path(
    given: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2; the message shows how it is written."""
    code, message = told(monkeypatch, capsys, "serve", "--port", "0", "--model", given)
    assert (2, True) == (code, "spam=spam.skops" in message)


def test_a_model_name_that_no_path_can_hold_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2; the message names it and says which characters may be used."""
    code, message = told(monkeypatch, capsys, "serve", "--model", "My Model=spam.skops")
    assert (2, True, True) == (code, "My Model" in message, "lower-case" in message)


def test_an_unknown_setting_in_the_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2; the message names the setting and the file."""
    (tmp_path / "textmill.toml").write_text("[server]\nprot = 1\n", encoding="utf-8")
    code, message = told(monkeypatch, capsys, "serve")
    assert (2, True, True) == (code, "server.prot" in message, "textmill.toml" in message)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--framework", "django"], "server.framework"),
        (["--port", "70000"], "server.port"),
        (["--workers", "0"], "server.workers"),
        (["--framework", "flask", "--server", "uvicorn"], "--server gunicorn"),
        (["--config", "none.toml"], "none.toml"),
    ],
)
def test_a_wrong_flag_is_told(
    flags: list[str], named: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2; the message names the setting, or what to take instead."""
    code, message = told(monkeypatch, capsys, "serve", *flags)
    assert (2, True) == (code, named in message), message


def test_inspect_prints_json_for_programs() -> None:
    """With the digest, the size, and whether loading executes code."""
    ended = run("inspect", "sentiment", "--json")
    found = json.loads(ended.stdout)
    assert (0, "plain", False) == (ended.exit_code, found["format"], found["executes_code"])
    assert found["digest"].startswith("sha256:")
    assert Path(found["path"]).stat().st_size == found["size"]


def test_inspect_prints_a_table_for_people() -> None:
    """The same facts."""
    shown = run("inspect", "sentiment").output
    assert all(word in shown for word in ("path", "plain", "digest", "sha256:", "labels"))


def test_inspect_knows_the_packaged_pipeline() -> None:
    """Also what is no file."""
    found = json.loads(run("inspect", "entities", "--json").stdout)
    assert (False, True) == (found["executes_code"], found["digest"].startswith("sha256:"))


def test_doctor_finds_nothing_on_a_good_machine(tmp_path: Path) -> None:
    """Exit code 0; it tells versions, CPUs, the server, and that both default models load."""
    code, shown, _ = start(tmp_path, "doctor", COLUMNS="200")
    assert 0 == code, shown
    assert all(word in shown for word in ("python", "cpus", "threads", "model sentiment", "model entities"))
    assert "bad" not in shown.split()


def test_doctor_finds_a_model_that_does_not_load(tmp_path: Path) -> None:
    """Exit code 1; the row of the model says why."""
    (tmp_path / "textmill.toml").write_text('[models.spam]\npath = "spam.textmill"\n', encoding="utf-8")
    (tmp_path / "spam.textmill").write_bytes(b"no model")
    code, shown, message = start(tmp_path, "doctor", COLUMNS="200")
    assert (1, True, False) == (code, "model spam" in shown, "Traceback" in message), shown + message


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"TEXTMILL_SERVER__HOST": "0.0.0.0"}, "let everybody in with --allow-public"),
        ({"TEXTMILL_SECURITY__AUTH": "required"}, "make a key first: textmill keys create"),
        (
            {"TEXTMILL_SERVER__TLS_CERTIFICATE": "none.pem", "TEXTMILL_SERVER__TLS_KEY": "none.pem"},
            "none.pem",
        ),
        ({"TEXTMILL_TOKENS__SECRET": "s" * 32}, "Set security.auth to 'required'"),
    ],
)
def test_doctor_finds_who_could_not_or_should_not_call(
    tmp_path: Path, variables: dict[str, Any], expected: str
) -> None:
    """Exit code 1; the row says what to do about it."""
    path = Path(DEFAULT_MODELS["sentiment"].path)
    (tmp_path / "textmill.toml").write_text(f'[models.sentiment]\npath = "{path}"\n', encoding="utf-8")
    code, shown, message = start(tmp_path, "doctor", text=b"", **{"COLUMNS": "200"} | variables)
    assert 1 == code, shown + message
    assert expected in shown


def test_doctor_tells_what_is_seldom_meant_and_who_may_call(tmp_path: Path) -> None:
    """Exit code 0; the server would start."""
    path = Path(DEFAULT_MODELS["sentiment"].path)
    (tmp_path / "textmill.toml").write_text(
        f'[models.sentiment]\npath = "{path}"\n[security]\nauth = "required"\n'
        f'trusted_proxies = ["0.0.0.0/0"]\n[tokens]\nsecret = "{"s" * 32}"\n',
        encoding="utf-8",
    )
    code, shown, message = start(tmp_path, "doctor", COLUMNS="300")
    assert 0 == code, shown + message
    assert "auth required (tokens), plain HTTP on 127.0.0.1" in shown
    assert "security.trusted_proxies has every address" in shown


def test_the_program_ends_with_the_errors_exit_code(tmp_path: Path) -> None:
    """As a process: 2 for usage, one readable message, no traceback, nothing on standard output."""
    code, shown, message = start(tmp_path, "serve", TEXTMILL_SERVER__PORT="many")
    assert (2, "") == (code, shown)
    assert "server.port" in message
    assert "many" not in message
    assert "Traceback" not in message
