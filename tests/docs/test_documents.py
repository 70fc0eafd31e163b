"""Documentation that can be wrong must be able to fail."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from textmill.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]


def test_the_generated_pages_are_current() -> None:
    """`make docs` was run after the last change of a setting, a route or a problem."""
    check = [sys.executable, str(ROOT / "scripts" / "generate_docs.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    """No dead link within the project."""
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize(
    "block", re.findall(r"```python\n(.*?)```", (ROOT / "docs/embedding.md").read_text("utf-8"), re.DOTALL)
)
def test_the_embedding_examples_run(block: str) -> None:
    """What the page shows makes an app, in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", block], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr


def test_every_command_in_the_readme_exists() -> None:
    """Commands and their options are those of the program."""
    commands = get_command(app).commands  # type: ignore[attr-defined]  # a group, since there are several
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    named = re.findall(r"^textmill (\w+)(.*)$", "\n".join(blocks), re.MULTILINE)
    assert named
    for name, rest in named:
        command = commands[name]
        if "commands" in vars(command):  # a group, such as `textmill keys create`
            command = command.commands[rest.split()[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, name
