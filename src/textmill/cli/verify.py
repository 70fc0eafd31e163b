"""`textmill verify`: compare a model's compiled form with the library's own answers, on any texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from textmill.cli.models import compute_on_one_thread, find
from textmill.runtimes.registry import candidate
from textmill.runtimes.verification import Candidate, Comparison, compare, read_texts, texts_at_load
from textmill.settings import Settings

NOT_COMPILED = 3
DIFFERENT = 4


def verify(
    model: Annotated[str, typer.Argument(help="sentiment, entities, a configured name, or a path.")],
    file: Annotated[
        Path | None, typer.Argument(help="Texts, one a line \\[default: those that every start compares]")
    ] = None,
    *,
    count: Annotated[
        int | None, typer.Option(min=1, help="How many texts; more than there are are made by joining some.")
    ] = None,
    trust: Annotated[bool, typer.Option(help="Load a file that executes code (joblib, pickle).")] = False,
    config: Annotated[
        Path | None, typer.Option(help="Settings file \\[default: textmill.toml, where there is one]")
    ] = None,
) -> None:
    """Compare a model's compiled form with the library's own answers, text for text, and show the speed-up.

    Exit status: 0 when all are equal, 4 when one differs, 3 when the model has no compiled form.

    Examples:
      textmill verify sentiment
      textmill verify entities texts.txt
      textmill verify sentiment --count 20000
    """
    spec = replace(find(model, Settings.load(config), trust=trust), runtime="auto")
    own = read_texts(file) if file else None
    compute_on_one_thread()
    pair = candidate(spec)
    if pair.compiled is None:
        typer.echo(f"The model has no compiled form; the library's own code serves. {pair.reason}")
        raise typer.Exit(NOT_COMPILED)
    texts = texts_at_load(pair, spec) if own is None else own
    found = _compare(pair, list(_as_many(texts, count or len(texts))))
    _report(pair, found)
    if found.difference:
        raise typer.Exit(DIFFERENT)


def _as_many(texts: list[str], count: int) -> Iterator[str]:
    """So many texts: those there are, and then two to four of them in a row, joined, others each time."""
    yield from islice(texts, count)
    for made in range(count - len(texts)):
        at, step = made % len(texts), made // len(texts) + 1
        yield " ".join(texts[(at + step * part) % len(texts)] for part in range(2 + step % 3))


def _compare(pair: Candidate, texts: list[str]) -> Comparison:
    found = Comparison()
    columns = (TextColumn("comparing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(texts))
        for done in compare(pair, texts, found):
            bar.advance(task, done)
    return found


def _report(pair: Candidate, found: Comparison) -> None:
    if found.difference:
        typer.echo(f"different: {found.difference}")
    else:
        typer.echo(f"equal: {found.texts:,} texts; {pair.numbers} differ by at most {found.largest:.0e}")
    for how, times in (("in batches", found.together), ("one by one", found.alone)):
        native, compiled = (1e6 * seconds / times.texts for seconds in (times.native, times.compiled))
        speed_up = native / compiled
        typer.echo(f"{how}: {native:,.0f} us a text natively, {compiled:,.0f} compiled: {speed_up:.1f}x")
