"""`textmill predict`: ask a model without a server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from textmill.cli.models import find
from textmill.contracts.classification import ClassificationRequest
from textmill.contracts.entities import EntitiesRequest
from textmill.errors import ConfigurationError
from textmill.runtimes.base import Runtime, answer
from textmill.runtimes.registry import load
from textmill.service import tasks
from textmill.settings import Settings


def predict(
    model: Annotated[str, typer.Argument(help="sentiment, entities, a configured name, or a path.")],
    text: Annotated[str, typer.Argument(help="The text; - reads one text a line from standard input.")] = "-",
    *,
    explain: Annotated[bool, typer.Option(help="Say what each term contributed, where it is known.")] = False,
    trust: Annotated[bool, typer.Option(help="Load a file that executes code (joblib, pickle).")] = False,
    config: Annotated[
        Path | None, typer.Option(help="Settings file \\[default: textmill.toml, where there is one]")
    ] = None,
) -> None:
    """Ask a model about texts, and print one JSON answer a line.

    Examples:
      textmill predict sentiment "I love it."
      textmill predict sentiment "I love it." --explain
      cat lines.txt | textmill predict entities -
    """
    spec = find(model, Settings.load(config), trust=trust)
    if text == "-" and sys.stdin.isatty():
        typer.echo("Type one text a line; Ctrl-D ends.", err=True)
    runtime = load(spec)
    for line in _lines() if text == "-" else [text]:
        typer.echo(json.dumps(_answer(runtime, line, explain=explain), ensure_ascii=False))


def _lines() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            decoded = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"Line {number} of standard input is not valid UTF-8: {error.reason}."
            ) from None
        if decoded:
            yield decoded


def _answer(runtime: Runtime, text: str, *, explain: bool) -> dict[str, Any]:
    if not text:
        raise ConfigurationError("The text is empty; give at least one character.")
    asked = ClassificationRequest(text=text, explain=explain)
    tasks.check_explain(asked, runtime.info)
    result = answer(runtime, [text], explain=explain)[0]
    if runtime.info.task == "classification":
        return tasks.classification(runtime.info.labels, text, result, asked)
    return tasks.entities(text, result, EntitiesRequest(text=text))
