"""Memory and start-up for 1 and 2 workers: `python -m benchmarks.footprint --help`."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import calls, interpreters, machine, measure, meters, models, pages, server
from benchmarks.candidates import CANDIDATES, Candidate

CALLS = 100
"""Calls on each path before memory is read: what is loaded lazily is there, and every worker has answered."""
METHOD = "Memory is the proportional set size of the whole process tree, gunicorn's first process included."
HEADINGS = ("server", "1 worker, MB", "2 workers, MB", "second worker", "ready, 1 worker, s", "ready, 2, s")


@dataclass(frozen=True, slots=True)
class Footprint:
    """One server; medians over the rounds. Memory is the proportional set size of its whole process tree."""

    server: str
    one_mb: float
    two_mb: float
    one_ready: float
    two_ready: float

    @property
    def second(self) -> float:
        """What the second worker adds, as a share of the first."""
        return (self.two_mb - self.one_mb) / self.one_mb


def main(argv: Sequence[str]) -> int:
    """Measure, print the table, and write the page, the figures and the plot."""
    chosen, console = _parser().parse_args(argv), Console()
    candidates = interpreters.installed(chosen.server, console.print)
    found = _measure(candidates, chosen.rounds, console)
    rows = [_cells(one) for one in found]
    print(pages.table(HEADINGS, rows))
    if chosen.out:
        facts = machine.facts(["footprint", *argv])
        pages.write(chosen.out, "Memory and start-up", facts, {"": (HEADINGS, rows)}, [METHOD])
        chosen.out.with_suffix(".json").write_text(
            json.dumps([asdict(one) for one in found], indent=1) + "\n", encoding="utf-8"
        )
        pages.plot_footprint(chosen.out.with_suffix(".svg"), found)
    return 0


def _measure(candidates: Sequence[Candidate], rounds: int, console: Console) -> list[Footprint]:
    """Start each with one and with two workers, round by round, beginning with another one each time."""
    used = models.prepare(None)
    starts: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for round_ in range(rounds):
        for candidate in measure.rotated(candidates, round_):
            for workers in (1, 2):
                memory, ready = _start(candidate, used, workers)
                starts.setdefault((candidate.name, workers), []).append((memory, ready))
                console.print(
                    f"{candidate.name}, workers: {workers}: {memory:.0f} MB, ready in {ready:.1f} s"
                )
    return [_footprint(one.name, starts[one.name, 1], starts[one.name, 2]) for one in candidates]


def _footprint(
    name: str, one: Sequence[tuple[float, float]], two: Sequence[tuple[float, float]]
) -> Footprint:
    (one_mb, one_ready), (two_mb, two_ready) = (
        [statistics.median(values) for values in zip(*starts, strict=True)] for starts in (one, two)
    )
    return Footprint(name, one_mb, two_mb, one_ready, two_ready)


def _start(candidate: Candidate, used: models.Models, workers: int) -> tuple[float, float]:
    port = server.free_port()
    paths = ["/predict", "/ner"]
    launch = server.Launch(
        argv=interpreters.argv(candidate, port=port, workers=workers, models=used.arguments),
        port=port,
        paths=paths,
        environment=used.environment,
        cores=frozenset({0, 1}),
        log=models.CACHE / "logs" / f"footprint-{candidate.name}.log",
    )
    with server.serving(launch) as running:
        for _ in range(CALLS):
            for path in paths:
                calls.answers(port, path)
        tree = meters.Tree(running.pid)
        tree.settle()
        return tree.memory_mb(), running.ready_seconds


def _cells(one: Footprint) -> list[str]:
    return [
        one.server,
        f"{one.one_mb:.0f}",
        f"{one.two_mb:.0f}",
        f"{one.second:+.0%}",
        f"{one.one_ready:.1f}",
        f"{one.two_ready:.1f}",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footprint", description=__doc__)
    names = [one.name for one in CANDIDATES if one.answers]
    parser.add_argument("--server", nargs="+", default=names, choices=names)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="the page; .json and .svg beside it")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
