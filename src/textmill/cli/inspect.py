"""`textmill inspect`: what a stored model is, and what loading it would execute."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from textmill.cli.models import find
from textmill.runtimes import registry
from textmill.runtimes.base import Inspection
from textmill.settings import Settings


def inspect(
    model: Annotated[str, typer.Argument(help="A path, an installed package, or a served model's name.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    config: Annotated[
        Path | None, typer.Option(help="Settings file \\[default: textmill.toml, where there is one]")
    ] = None,
) -> None:
    """Tell what a stored model is and what loading it would execute, without loading it.

    Examples:
      textmill inspect sentiment_model.pkl
      textmill inspect entities --json
    """
    found = registry.inspect(find(model, Settings.load(config)))
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2))
        return
    Console(highlight=False).print(_table(found))


def _table(found: Inspection) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    rows = [
        ("path", found.path),
        ("format", found.format),
        ("size", f"{found.size:,} bytes"),
        ("digest", found.digest),
        (
            "executes code",
            "yes, when it is loaded: --trust it only if you know its digest" if found.executes_code else "no",
        ),
        *(("executes", name) for name in found.executes),
        *found.details,
    ]
    for name, value in rows:
        table.add_row(f"[bold]{name}[/]", str(value).replace("[", "\\["))
    return table
