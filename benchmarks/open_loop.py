"""Latency against rate: `python -m benchmarks.open_loop --help`. Rates climb until a server is too slow."""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import arrivals, corpus, machine, models, pages, server
from benchmarks.candidates import CANDIDATES, WORKS, Candidate, Work

RATES = {
    "sentiment": (100, 500, 1000, 2000, 4000, 6000, 8000),
    "entities": (25, 50, 100, 200, 400, 800, 1200),
    "entities-long": (2, 5, 10, 25, 50, 100, 150),
}
KNEE_SECONDS = 1.0
"""A server whose 99th percentile is beyond this is past its knee; higher rates are not tried."""
LATE_SECONDS = 0.001
"""The generator held a rate when 99 % of its departures were at most so late."""
HEADINGS = (
    "server",
    "due a second",
    "answered a second",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "failed",
    "late p99 ms",
)


@dataclass(frozen=True, slots=True)
class Point:
    """One server at one rate; medians over the rounds, in milliseconds."""

    work: str
    server: str
    rate: float
    answered: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    failed: int
    late_ms: float


def main(argv: Sequence[str]) -> int:
    """Measure, and write the page, the figures and the plot."""
    chosen = _parser().parse_args(argv)
    console = Console()
    used = models.prepare(None)
    points: list[Point] = []
    for work in (work for work in WORKS if work.name in chosen.work):
        texts = corpus.read(chosen.texts if work.length == "short" else chosen.long_texts)
        bodies = [json.dumps({"text": text}).encode() for text in texts.texts]
        for candidate in (one for one in CANDIDATES if one.name in chosen.server):
            for point in _measure(work, candidate, used, bodies, chosen):
                console.print(
                    f"{point.work} {point.server}: {point.rate:g}/s, p99 {point.p99_ms:.1f} ms",
                    highlight=False,
                )
                points.append(point)
    if chosen.out:
        facts = machine.facts(["open_loop", *argv])
        rows = [[_number(value) for value in _cells(point)] for point in points]
        pages.write(chosen.out, "Latency against rate, open loop", facts, {"": (HEADINGS, rows)})
        chosen.out.with_suffix(".json").write_text(
            json.dumps([asdict(point) for point in points], indent=1) + "\n"
        )
        pages.plot_open_loop(chosen.out.with_suffix(".svg"), points)
    return 0


def _measure(
    work: Work, candidate: Candidate, used: models.Models, bodies: list[bytes], chosen: argparse.Namespace
) -> Iterator[Point]:
    port = server.free_port()
    launch = server.Launch(
        argv=candidate.argv(port=port, workers=1, models=used.arguments),
        port=port,
        paths=[work.path],
        environment=used.environment,
        cores=chosen.server_cores,
        log=models.CACHE / "logs" / f"open-{candidate.name}.log",
    )
    with server.pinned(chosen.load_cores), server.serving(launch):
        _once(port, work, bodies, RATES[work.name][0], chosen, seed=99)  # warm-up
        for rate in RATES[work.name]:
            rounds = [_once(port, work, bodies, rate, chosen, seed=seed) for seed in range(chosen.rounds)]
            point = _point(work, candidate, rate, rounds, chosen.seconds)
            yield point
            if not point.p99_ms < KNEE_SECONDS * 1e3 or point.failed:
                return


def _once(
    port: int, work: Work, bodies: list[bytes], rate: float, chosen: argparse.Namespace, *, seed: int
) -> arrivals.Arrivals:
    times = arrivals.schedule(rate, chosen.seconds, poisson=not chosen.constant, seed=seed)
    return arrivals.drive(port, work.path, bodies, times, rate)


def _point(
    work: Work, candidate: Candidate, rate: float, rounds: list[arrivals.Arrivals], seconds: float
) -> Point:
    def middle(share: float) -> float:
        return statistics.median(1e3 * _percentile(one.latencies, share) for one in rounds)

    return Point(
        work=work.name,
        server=candidate.name,
        rate=rate,
        answered=statistics.median(len(one.latencies) / seconds for one in rounds),
        p50_ms=middle(0.5),
        p90_ms=middle(0.9),
        p99_ms=middle(0.99),
        failed=sum(one.failed for one in rounds),
        late_ms=statistics.median(1e3 * _percentile(one.lateness, 0.99) for one in rounds),
    )


def _percentile(values: Sequence[float], share: float) -> float:
    if not values:
        return math.inf
    return sorted(values)[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


def _cells(point: Point) -> tuple[object, ...]:
    held = point.late_ms <= LATE_SECONDS * 1e3
    late = f"{point.late_ms:.2f}" if held else f"{point.late_ms:.2f} (not held)"
    name = f"{point.server}: {point.work}"
    return name, point.rate, point.answered, point.p50_ms, point.p90_ms, point.p99_ms, point.failed, late


def _number(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.open_loop", description=__doc__)
    add = parser.add_argument
    names = [one.name for one in CANDIDATES if one.answers]
    add("--server", nargs="+", default=names, choices=names)
    add("--work", nargs="+", default=list(RATES), choices=list(RATES))
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=5.0)
    add("--constant", action="store_true", help="equal distances instead of Poisson arrivals")
    add("--texts", type=Path, default=corpus.INVENTED / "short.jsonl")
    add("--long-texts", type=Path, default=corpus.INVENTED / "long.jsonl")
    add("--server-cores", type=lambda text: frozenset(map(int, text.split(","))), default="0")
    add("--load-cores", type=lambda text: frozenset(map(int, text.split(","))), default="1")
    add("--out", type=Path, metavar="FILE.md", help="the page; .json and .svg are written beside it")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
