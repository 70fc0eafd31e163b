"""All commands, and the one place where an error becomes a line on the terminal."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

import textmill
from textmill.cli.doctor import doctor
from textmill.cli.evaluate import evaluate
from textmill.cli.inspect import inspect
from textmill.cli.keys import keys
from textmill.cli.predict import predict
from textmill.cli.serve import serve
from textmill.cli.train import train
from textmill.cli.verify import verify
from textmill.errors import ConfigurationError, TextmillError

app = typer.Typer(
    name="textmill",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with: textmill serve",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(textmill.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Serve the NLP models you already have as a REST API, on FastAPI or Flask."""


for command in (serve, predict, train, evaluate, verify, inspect, doctor):
    app.command()(command)
app.add_typer(keys, name="keys")


def run() -> None:
    """Run a command; an error that textmill foresaw is one readable message, not a traceback."""
    try:
        app()
    except TextmillError as error:
        Console(stderr=True).print(f"[bold red]error[/] ({error.code}): ", end="")
        Console(stderr=True, soft_wrap=True).print(str(error), markup=False, highlight=False)
        sys.exit(2 if isinstance(error, ConfigurationError) else 1)
