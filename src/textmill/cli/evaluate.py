"""`textmill evaluate`: how good a model is on labelled texts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.progress import track

from textmill.cli import reports
from textmill.cli.models import compute_on_one_thread, find
from textmill.errors import ConfigurationError
from textmill.runtimes.base import Result, Runtime, Scores, Span
from textmill.runtimes.registry import load
from textmill.settings import Settings
from textmill.training import measures
from textmill.training.data import read_annotated, read_labelled

BATCH = 64


def evaluate(
    model: Annotated[str, typer.Argument(help="sentiment, entities, a configured name, or a path.")],
    data: Annotated[
        Path, typer.Argument(help="CSV with text and label; for entities CoNLL or .jsonl. Also gzipped.")
    ],
    *,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            help="Entities: MODEL=DATA label names to compare as one, such as PERSON=PER; repeat it."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    trust: Annotated[bool, typer.Option(help="Load a file that executes code (joblib, pickle).")] = False,
    config: Annotated[
        Path | None, typer.Option(help="Settings file \\[default: textmill.toml, where there is one]")
    ] = None,
) -> None:
    """Measure a model on labelled texts: accuracy and confusion, or precision, recall and F1 of entities.

    Entities are compared on the labels that both the model and the data have.

    Examples:
      textmill evaluate sentiment test.csv
      textmill evaluate entities wikigold.conll.txt --rename PERSON=PER --rename GPE=LOC
    """
    spec = find(model, Settings.load(config), trust=trust)
    compute_on_one_thread()
    runtime = load(spec)
    if runtime.info.task == "classification":
        _classification(runtime, data, as_json=as_json)
    else:
        _entities(runtime, data, _pairs(rename or []), as_json=as_json)


def _classification(runtime: Runtime, data: Path, *, as_json: bool) -> None:
    rows = read_labelled(data)
    found = cast("list[Scores]", list(_answers(runtime, rows.texts)))
    report = measures.classification(runtime.info.labels, found, rows.labels)
    if as_json:
        confusion = [{"right": a, "answered": b, "texts": n} for (a, b), n in report.confusion.items()]
        typer.echo(json.dumps(asdict(report) | {"confusion": confusion}, indent=2))
    else:
        reports.console().print(reports.classification(data.name, report))


def _entities(runtime: Runtime, data: Path, renamed: dict[str, str], *, as_json: bool) -> None:
    rows = read_annotated(data)
    answers = cast("Iterable[list[Span]]", _answers(runtime, [row.text for row in rows]))
    found = [[(start, end, renamed.get(label, label)) for start, end, label in spans] for spans in answers]
    answerable = {renamed.get(label, label) for label in runtime.info.labels}
    common = answerable & {label for row in rows for _, _, label in row.entities}
    report = measures.entities(_only(common, found), _only(common, [row.entities for row in rows]))
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in report], indent=2))
    else:
        reports.console().print(reports.measures(report))


def _only(labels: set[str], texts: list[list[Span]]) -> list[list[Span]]:
    return [[span for span in spans if span[2] in labels] for spans in texts]


def _answers(runtime: Runtime, texts: Sequence[str]) -> Iterable[Result]:
    """The model's answers, with a progress bar on a terminal."""
    err = Console(stderr=True)
    starts = range(0, len(texts), BATCH)
    for start in track(starts, "Asking the model", console=err, disable=not err.is_terminal):
        yield from runtime.predict(texts[start : start + BATCH])


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in given]
    if any(not name or not other for name, _, other in pairs):
        raise ConfigurationError("--rename takes MODEL=DATA, such as --rename PERSON=PER.")
    return {name: other for name, _, other in pairs}
