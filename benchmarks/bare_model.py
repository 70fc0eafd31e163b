"""The model with no server around it: `python -m benchmarks.bare_model`, microseconds a text on one core."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from benchmarks import corpus, machine, pages, server
from benchmarks.candidates import WORKS, Work
from textmill.runtimes.base import Runtime
from textmill.runtimes.registry import DEFAULT_MODELS, load

HEADINGS = ("work", "computed by", "one by one, us a text", "texts a second", "in batches of 32, us a text")
Kind: TypeAlias = Literal["native", "compiled"]
KINDS: tuple[Kind, ...] = ("native", "compiled")
BATCH = 32


@dataclass(frozen=True, slots=True)
class Cost:
    """What a text takes, in microseconds; medians over the rounds.

    Attributes:
        alone: one by one.
        together: in batches of `batch`.
    """

    work: str
    kind: str
    alone: float
    together: float
    batch: int = BATCH


def main(argv: Sequence[str]) -> int:
    """Measure, print the table, and write the page, the figures and the plot."""
    chosen = _parser().parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    files = {"short": chosen.texts, "long": chosen.long_texts}
    with server.pinned(frozenset({0})):
        costs = [
            cost
            for work in WORKS
            for cost in _costs(work, corpus.read(files[work.length]).texts, chosen.rounds, chosen.seconds)
        ]
    rows = [_cells(cost) for cost in costs]
    print(pages.table(HEADINGS, rows))
    if chosen.out:
        facts = machine.facts(["bare_model", *argv])
        pages.write(chosen.out, "The bare model, with no HTTP", facts, {"": (HEADINGS, rows)})
        figures = json.dumps([asdict(cost) for cost in costs], indent=1)
        chosen.out.with_suffix(".json").write_text(figures + "\n", encoding="utf-8")
        pages.plot_bare_model(chosen.out.with_suffix(".svg"), costs)
    return 0


def _costs(work: Work, texts: Sequence[str], rounds: int, seconds: float) -> list[Cost]:
    """Both kinds in turn, round by round, so that a slow minute of the machine hits both."""
    spec = DEFAULT_MODELS["sentiment" if work.path == "/predict" else "entities"]
    runtimes = {kind: load(replace(spec, runtime=kind)) for kind in KINDS}
    found: dict[tuple[Kind, int], list[float]] = {(kind, size): [] for kind in KINDS for size in (1, BATCH)}
    for _ in range(rounds):
        for (kind, size), times in found.items():
            times.append(_microseconds(runtimes[kind], texts, size, seconds))
    middle = {key: statistics.median(times) for key, times in found.items()}
    return [Cost(work.name, kind, middle[kind, 1], middle[kind, BATCH]) for kind in KINDS]


def _microseconds(runtime: Runtime, texts: Sequence[str], size: int, seconds: float) -> float:
    """What a text takes, over so many seconds or one batch, whichever is longer."""
    done, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds or not done:
        at = done % max(1, len(texts) - size)
        runtime.predict(texts[at : at + size])
        done += size
    return 1e6 * spent / done


def _cells(cost: Cost) -> list[str]:
    shown = [f"{cost.alone:,.1f}", f"{1e6 / cost.alone:,.0f}", f"{cost.together:,.1f}"]
    return [cost.work, cost.kind, *shown]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bare_model", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=1.0, help="how long one measurement lasts (default: 1)")
    add("--texts", type=Path, default=corpus.INVENTED / "short.jsonl")
    add("--long-texts", type=Path, default=corpus.INVENTED / "long.jsonl")
    add("--out", type=Path, metavar="FILE.md", help="the page; .json and .svg are written beside it")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
