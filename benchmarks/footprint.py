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

from benchmarks import calls, machine, meters, models, pages, server
from benchmarks.candidates import CANDIDATES, Candidate

CALLS = 200
"""Calls on each path before memory is read: what is loaded lazily is there, and every worker has answered."""
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
    """Measure, and write the page, the figures and the plot."""
    chosen = _parser().parse_args(argv)
    used = models.prepare(None)
    found = []
    for candidate in (one for one in CANDIDATES if one.name in chosen.server):
        rounds = [[_start(candidate, used, workers) for workers in (1, 2)] for _ in range(chosen.rounds)]
        (one_mb, one_ready), (two_mb, two_ready) = (
            [statistics.median(one[at][which] for one in rounds) for which in (0, 1)] for at in (0, 1)
        )
        found.append(Footprint(candidate.name, one_mb, two_mb, one_ready, two_ready))
        Console().print(found[-1], f"second worker {found[-1].second:.0%}", highlight=False)
    if chosen.out:
        rows = [_cells(one) for one in found]
        facts = machine.facts(["footprint", *argv])
        pages.write(chosen.out, "Memory and start-up", facts, {"": (HEADINGS, rows)})
        chosen.out.with_suffix(".json").write_text(
            json.dumps([asdict(one) for one in found], indent=1) + "\n"
        )
        pages.plot_footprint(chosen.out.with_suffix(".svg"), found)
    return 0


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
