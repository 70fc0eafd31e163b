"""What a figure depends on: the machine, the versions, the day and the command."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from shlex import join

from benchmarks import interpreters

PACKAGES = ("textmill", "fastapi", "uvicorn", "flask", "gunicorn", "scikit-learn", "spacy", "numpy")


def facts(argv: Sequence[str]) -> dict[str, str]:
    """Describe the machine and the run, for the head of a report.

    Args:
        argv: the program's module in this package, and its arguments.
    """
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "command": shown_command(argv),
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "rivals": interpreters.versions(),
        "settings": ", ".join(f"{name}={os.environ[name]}" for name in tuned()) or "textmill's defaults",
    }


def tuned() -> list[str]:
    """Return the variables that change textmill's settings in this run."""
    return sorted(name for name in os.environ if name.startswith("TEXTMILL_"))


def shown_command(argv: Sequence[str]) -> str:
    """Return the command with every absolute path cut to its name.

    A report is published, and the folders of one machine help nobody; the digests of the texts say
    which ones they were.
    """
    shown = [Path(part).name if part.startswith("/") else part for part in argv]
    return f"python -m benchmarks.{join(shown)}".rstrip()


def processor() -> str:
    """Return the processor's name as the system gives it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def version(package: str) -> str:
    """Return the installed version, or a dash."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "-"
