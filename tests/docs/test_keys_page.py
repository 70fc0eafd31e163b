"""The page on keys shows what the program does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from typer.main import get_command

from textmill.cli.app import app
from textmill.security.principals import is_scope
from textmill.settings import KeySettings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "keys.md").read_text("utf-8")


def test_every_command_on_the_page_exists() -> None:
    """With its options; and every command of the group is shown."""
    commands = get_command(app).commands["keys"].commands  # type: ignore[attr-defined]  # groups, by construction
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
    shown = re.findall(r"textmill keys (\w+)([^)\n]*)", blocks)

    assert set(commands) == {name for name, _ in shown}
    for name, rest in shown:
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, name


def test_every_scope_on_the_page_is_one() -> None:
    """The table of scopes, row by row."""
    scopes = re.findall(r"^\| `([a-zMODEL:*]+)` \|", PAGE, re.MULTILINE)

    assert 5 == len(scopes)
    assert all(is_scope(scope.replace("MODEL", "sentiment")) for scope in scopes)


def test_every_setting_on_the_page_is_one() -> None:
    """Those in the example, and those in the sentences."""
    [example] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    named = set(tomllib.loads(example)["keys"]) | set(re.findall(r"`keys\.([a-z_]+)", PAGE))

    assert named
    assert named <= set(KeySettings.model_fields)
