"""Which Python starts a candidate, and what happens where a rival is not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import interpreters
from benchmarks.candidates import CANDIDATES

RIVAL = next(one for one in CANDIDATES if one.package)
OURS = next(one for one in CANDIDATES if not one.package)


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    """What one test found out about an interpreter does not reach the next."""
    interpreters.rival_version.cache_clear()
    yield
    interpreters.rival_version.cache_clear()


def test_ours_run_in_the_interpreter_of_the_benchmark() -> None:
    """The same libraries for all that can have them."""
    argv = interpreters.argv(OURS, port=8123, workers=2)
    assert sys.executable == argv[0]
    assert {"8123", "2"} <= set(argv)


def test_a_rival_runs_where_the_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not in our environment, which it must not change."""
    monkeypatch.setenv(interpreters.VARIABLE, "/somewhere/bin/python")
    assert "/somewhere/bin/python" == interpreters.argv(RIVAL, port=8123, workers=1)[0]


def test_a_rival_that_is_not_installed_is_left_out_with_the_command_that_helps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The others are measured."""
    monkeypatch.setenv(interpreters.VARIABLE, str(tmp_path / "python"))
    told: list[str] = []
    assert [OURS] == interpreters.installed([OURS.name, RIVAL.name], told.append)
    assert len(told) == 1
    assert told[0].startswith(f"SKIPPED {RIVAL.name}: ")
    assert "make rivals" in told[0]


def test_an_interpreter_without_the_package_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked; that it exists is not enough."""
    monkeypatch.setenv(interpreters.VARIABLE, sys.executable)
    assert "" == interpreters.rival_version("no-such-package-at-all", Path(sys.executable))
    assert "" != interpreters.rival_version("pytest", Path(sys.executable))
