"""`textmill train`: a text classifier from labelled texts."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from textmill.cli import reports
from textmill.engine.threads import thread_environment
from textmill.errors import ConfigurationError
from textmill.runtimes.base import Quality
from textmill.training.data import LabelledTexts, read_labelled, split
from textmill.training.measures import ClassificationReport

SUFFIXES = (".textmill", ".skops")
SLOW_SKOPS = 20_000


def train(  # noqa: PLR0913 - one parameter for each flag
    data: Annotated[
        list[Path],
        typer.Argument(help="CSV files (.csv, .tsv, .gz) with columns text and label; each is a source."),
    ],
    *,
    out: Annotated[
        Path, typer.Option(help="Where to write: .textmill (plain, small, quick to load) or .skops.")
    ],
    task: Annotated[
        Literal["sentiment", "classification"], typer.Option(help="Both train a text classifier.")
    ] = "classification",
    test: Annotated[
        list[Path] | None, typer.Option(help="A CSV file that is only measured, never trained on; repeat it.")
    ] = None,
    description: Annotated[str, typer.Option(help="For the model card.")] = "",
    source: Annotated[str, typer.Option(help="For the model card: where the texts come from.")] = "",
    licence: Annotated[str, typer.Option(help="For the model card: under which terms it may be used.")] = "",
    language: Annotated[str, typer.Option(help="For the model card, such as en.")] = "",
    note: Annotated[list[str] | None, typer.Option(help="For the model card; repeat it.")] = None,
    force: Annotated[bool, typer.Option(help="Overwrite the file.")] = False,
) -> None:
    """Train a text classifier, measure it on texts held out, and store it with its model card.

    A tenth of every file is held out and measured; the stored model is then trained on everything.

    Example:
      textmill train reviews.csv --task sentiment --out reviews.textmill
      textmill serve --model reviews=reviews.textmill
    """
    _check_out(out, force=force)
    # One native thread: sums in another order end in slightly different weights, and so in other answers.
    os.environ.update(thread_environment({}))
    rows = _read(data)
    tests = [read_labelled(path) for path in test or []]
    from textmill.runtimes.sklearn import plain
    from textmill.training import fitting

    with _progress() as progress:
        bar = progress.add_task("reading", total=2 * fitting.STEPS)
        known, unseen = split(rows)
        trial = fitting.fit(known, lambda done: progress.update(bar, advance=1, description=f"trial: {done}"))
        final = fitting.fit(rows, lambda done: progress.update(bar, advance=1, description=f"final: {done}"))
    measured = [
        (f"held-out tenth of {name}", fitting.measure(trial, part)) for name, part in _by_source(unseen)
    ]
    measured += [(part.sources[0], fitting.measure(final, part)) for part in tests]
    for title, report in measured:
        reports.console().print(reports.classification(title, report))
    card = plain.Card(
        description=description or f"A {task} model trained by textmill on {len(rows):,} texts.",
        source=source or ", ".join(path.name for path in data),
        licence=licence or None,
        language=language or None,
        created=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        trained_with=plain.trained_here(),
        quality=tuple(_quality(title, report) for title, report in measured),
        notes=tuple(note or ()),
    )
    _notice_slow(out, final)
    fitting.store(final, out, card)
    Console(stderr=True).print(
        f"Wrote {out} ({out.stat().st_size:,} bytes). Try: textmill predict {out} 'Some text'"
    )


def _check_out(out: Path, *, force: bool) -> None:
    if out.suffix not in SUFFIXES:
        raise ConfigurationError(f"--out {out} must end in {' or '.join(SUFFIXES)}.")
    if out.exists() and not force:
        raise ConfigurationError(f"{out} exists already; give --force to overwrite it.")
    if not out.parent.is_dir():
        raise ConfigurationError(f"The folder {out.parent} does not exist.")


def _read(paths: list[Path]) -> LabelledTexts:
    first, *rest = [read_labelled(path) for path in paths]
    for part in rest:
        first += part
    return first


def _by_source(rows: LabelledTexts) -> list[tuple[str, LabelledTexts]]:
    return [
        (name, rows.at(row for row, source in enumerate(rows.sources) if source == name))
        for name in dict.fromkeys(rows.sources)
    ]


def _quality(title: str, report: ClassificationReport) -> Quality:
    return Quality(data=title, measure="accuracy", value=round(report.accuracy, 4), texts=report.texts)


def _notice_slow(out: Path, pipeline: object) -> None:
    from textmill.training import fitting

    terms = fitting.terms(pipeline)
    if out.suffix == ".skops" and terms > SLOW_SKOPS:
        Console(stderr=True).print(
            f"[yellow]Writing {terms:,} terms as .skops takes minutes and loading them seconds; "
            "as .textmill neither does.[/]"
        )


def _progress() -> Progress:
    """A bar on standard error; nothing where that is no terminal."""
    err = Console(stderr=True)
    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=err, disable=not err.is_terminal)
