"""Which Python runs a candidate: ours, or for rivals the one of an environment of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from benchmarks.candidates import CANDIDATES, Candidate

VARIABLE = "RIVALS_PYTHON"
ENVIRONMENT = Path(__file__).parent / "rivals" / ".venv"
ASK = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"


def interpreter(candidate: Candidate) -> Path:
    """Return the interpreter that starts this candidate; `RIVALS_PYTHON` names another one for rivals."""
    if not candidate.package:
        return Path(sys.executable)
    return Path(os.environ.get(VARIABLE) or ENVIRONMENT / "bin" / "python")


def argv(candidate: Candidate, *, port: int, workers: int, models: tuple[str, ...] = ()) -> list[str]:
    """Return the full command that starts this candidate."""
    return [str(interpreter(candidate)), *candidate.arguments(port=port, workers=workers, models=models)]


def installed(names: Sequence[str], tell: Callable[[str], None]) -> list[Candidate]:
    """Return the candidates of these names that can be started, and tell why one is left out."""
    chosen = [one for one in CANDIDATES if one.name in names]
    reasons = {one.name: missing(one) for one in chosen}
    for name, reason in reasons.items():
        if reason:
            tell(f"SKIPPED {name}: {reason}")
    return [one for one in chosen if not reasons[one.name]]


def missing(candidate: Candidate) -> str:
    """Return why this candidate cannot be started, or an empty text."""
    if not candidate.package or rival_version(candidate.package, interpreter(candidate)):
        return ""
    return (
        f"{candidate.package} is not installed for rivals. Install it with: make rivals "
        f"(or name a Python that has it: {VARIABLE}=/path/to/python)"
    )


@cache
def rival_version(package: str, python: Path) -> str:
    """Return the version that an interpreter has of a package, or an empty text."""
    try:
        done = subprocess.run(  # noqa: S603 - the user's own interpreter
            [str(python), "-c", ASK, package], capture_output=True, text=True, check=False, timeout=60
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def versions() -> str:
    """Return the rivals that are there, with their versions."""
    found = ((one.package, rival_version(one.package, interpreter(one))) for one in CANDIDATES if one.package)
    return ", ".join(f"{package} {version}" for package, version in found if version) or "none installed"
