"""The page on security promises nothing without a test."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")
DEFENDED = PAGE.partition("## What is defended")[2].partition("## What is not")[0]
TESTS = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))


def test_every_defence_names_the_test_that_shows_it() -> None:
    """In the last column of its row."""
    rows = [line for line in DEFENDED.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 25
    assert [] == [row for row in rows if "`test_" not in row.rstrip("| ").rpartition("|")[2]]


def test_every_test_that_is_named_exists() -> None:
    """Under that very name."""
    named = set(re.findall(r"`(test_\w+)`", DEFENDED))
    assert [] == sorted(name for name in named if f"def {name}(" not in TESTS)
