"""`textmill doctor`: whether this machine and these settings will work."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import textmill
from textmill.engine.threads import NATIVE_THREADS, VARIABLES, available_cpus
from textmill.errors import TextmillError
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.registry import load
from textmill.service.authentication import takes_keys
from textmill.service.checks import check_access, doubts
from textmill.service.lifecycle import specs
from textmill.settings import Settings, TokenSettings
from textmill.web import tls
from textmill.web.servers import check_exposure, server_of

PACKAGES = ("fastapi", "uvicorn", "flask", "gunicorn", "granian", "scikit-learn", "skops", "spacy", "numpy")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `good` is None where it is only a fact."""

    what: str
    found: str
    good: bool | None = None


def doctor(
    *,
    config: Annotated[
        Path | None, typer.Option(help="Settings file \\[default: textmill.toml, where there is one]")
    ] = None,
) -> None:
    """Check versions, CPUs, planned threads, who may call, and that every configured model loads.

    Exit code 1 when something would not work.

    Example:
      textmill doctor --config textmill.toml
    """
    settings = Settings.load(config)
    findings = [*_versions(), *_cpus(settings), _server(settings), _access(settings)]
    findings += [Finding("look at", doubt) for doubt in doubts(settings)]
    with Console(stderr=True).status("Loading the models"):
        findings += [_model(spec) for spec in specs(settings).values()]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    marks = {True: "[green]ok[/]", False: "[red]bad[/]", None: ""}
    for finding in findings:
        table.add_row(marks[finding.good], f"[bold]{finding.what}[/]", finding.found.replace("[", "\\["))
    Console(highlight=False).print(table)
    if any(finding.good is False for finding in findings):
        raise typer.Exit(1)


def _versions() -> list[Finding]:
    found = [Finding("textmill", textmill.__version__), Finding("python", platform.python_version())]
    for package in PACKAGES:
        try:
            found.append(Finding(package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            found.append(Finding(package, "not installed"))
    return found


def _cpus(settings: Settings) -> list[Finding]:
    cpus, workers = available_cpus(), settings.server.workers
    planned = str(NATIVE_THREADS)
    fits = workers <= max(1, int(cpus))
    contradicting = {name: os.environ[name] for name in VARIABLES if os.environ.get(name, planned) != planned}
    found = [
        Finding("cpus", f"{cpus:g} of {os.cpu_count()} (affinity and container quota)"),
        Finding("threads", f"{workers} workers x {planned} native thread", good=fits),
    ]
    for name, value in contradicting.items():
        found.append(Finding(name, f"{value} in the environment overrides the plan of {planned}"))
    return found


def _server(settings: Settings) -> Finding:
    try:
        return Finding("server", f"{settings.server.framework} on {server_of(settings.server)}", good=True)
    except TextmillError as error:
        return Finding("server", str(error), good=False)


def _access(settings: Settings) -> Finding:
    """Who may call, and whether what that takes is there."""
    try:
        check_exposure(settings)
        tls.context(settings.server)
        check_access(settings)
    except TextmillError as error:
        return Finding("access", str(error), good=False)
    https = "HTTPS" if tls.is_secure(settings.server) else "plain HTTP"
    return Finding("access", f"{_asked(settings)}, {https} on {settings.server.host}", good=True)


def _asked(settings: Settings) -> str:
    """What callers must bring."""
    if settings.security.auth == "none":
        return "auth none"
    kinds = {
        "API keys": takes_keys(settings),
        "tokens": settings.tokens != TokenSettings(),
        "tokens for keys": settings.oauth.enabled,
    }
    return f"auth required ({', '.join(kind for kind, taken in kinds.items() if taken)})"


def _model(spec: ModelSpec) -> Finding:
    what = f"model {spec.name}"
    try:
        info = load(spec).info
    except TextmillError as error:
        return Finding(what, str(error), good=False)
    except Exception as error:  # noqa: BLE001 - a library may raise anything on a damaged file
        return Finding(what, f"{type(error).__name__}: {error}", good=False)
    return Finding(
        what, f"{info.task}, {info.library} {info.library_version}, {info.digest[:19]}...", good=True
    )
