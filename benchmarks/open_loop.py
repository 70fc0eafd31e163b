"""Latency against rate: `python -m benchmarks.open_loop --help`. Rates climb until a server is too slow."""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import answers, arrivals, corpus, interpreters, machine, measure, models, pages, server
from benchmarks.candidates import CANDIDATES, WORKS, Candidate, Work

RATES = {
    "sentiment": (250, 500, 1000, 2000, 4000, 8000, 12000, 16000, 24000),
    "entities": (25, 50, 100, 200, 400, 800, 1200, 1600, 2400, 3200),
    "entities-long": (5, 10, 25, 50, 100, 200, 300, 400, 600),
}
"""At most doubled at each step, so that a rate beyond the knee leaves a queue that is soon worked off."""
KNEE_SECONDS = 1.0
"""A server whose 99th percentile is beyond this is past its knee; higher rates are not tried."""
LATE_SECONDS, LATE_SHARE = 0.001, 0.1
"""The generator held a rate when the 99th percentile of its lateness was at most so long, or at most this
share of the latency's, which includes it. Other figures say more of the generator than of the server."""
SAMPLE = 40
"""Answers compared before the clock starts; long texts are fewer."""
HEADINGS = (
    "server",
    "due a second",
    "answered a second",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "failed",
    "rounds",
    "late p99 ms",
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What all servers of a run share."""

    works: Sequence[Work]
    bodies: Mapping[str, Sequence[bytes]]
    truths: Mapping[str, Sequence[answers.Truth]]
    models: models.Models
    seconds: float
    poisson: bool
    server_cores: frozenset[int]


@dataclass(frozen=True, slots=True)
class Point:
    """One server at one rate; medians over the rounds that reached it, in milliseconds.

    Attributes:
        rounds: how many reached it; a round ends where the server is past its knee.
        held: whether the generator held the rate; if not, the figures are not shown.
    """

    work: str
    server: str
    rate: float
    rounds: int
    answered: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    failed: int
    late_ms: float
    held: bool


Tried = dict[tuple[str, str, float], list[arrivals.Arrivals]]
"""By work, server and rate: what came of it, round by round."""


def main(argv: Sequence[str]) -> int:
    """Measure, and write the page, the figures and the plot."""
    chosen, console = _parser().parse_args(argv), Console()
    texts = {length: corpus.read(file) for length, file in _files(chosen).items()}
    setting, tried = _setting(chosen, texts), Tried()
    servers = interpreters.installed(chosen.server, console.print)
    with server.pinned(chosen.load_cores):
        for round_ in range(chosen.rounds):
            for candidate in measure.rotated(servers, round_):
                _visit(setting, candidate, round_, tried, console.print)
    points = [_point(key, tried[key]) for key in sorted(tried, key=_order)]
    rows = [_cells(point) for point in points]
    print(pages.table(HEADINGS, rows), *knees(points), sep="\n")
    if chosen.out:
        facts = machine.facts(["open_loop", *argv]) | {name: str(one) for name, one in texts.items()}
        pages.write(
            chosen.out, "Latency against rate, open loop", facts, {"": (HEADINGS, rows)}, knees(points)
        )
        figures = [{name: _finite(value) for name, value in asdict(point).items()} for point in points]
        chosen.out.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        pages.plot_open_loop(chosen.out.with_suffix(".svg"), points)
    return 0


def knees(points: Sequence[Point]) -> list[str]:
    """Say for each server and work where its knee is, or why it was not found."""
    ladders: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        ladders.setdefault((point.work, point.server), []).append(point)
    return [f"{server_}, {work}: {_knee(ladder)}." for (work, server_), ladder in ladders.items()]


def _knee(ladder: Sequence[Point]) -> str:
    held = [point.rate for point in ladder if point.held and not _beyond(point)]
    so_far = f"up to {held[-1]:g} a second it answered in time" if held else "it answered no rate in time"
    last = ladder[-1]
    if not last.held:
        return f"{so_far}; the generator did not hold {last.rate:g}, so this is no knee of the server's"
    if _beyond(last):
        return f"{so_far}; {last.rate:g} a second is beyond its knee, where it answers {last.answered:,.0f}"
    return f"{so_far}; the ladder ended before its knee"


def _beyond(point: Point) -> bool:
    return bool(point.failed) or point.p99_ms >= 1e3 * KNEE_SECONDS


def _setting(chosen: argparse.Namespace, texts: Mapping[str, corpus.Corpus]) -> Setting:
    used, works = models.prepare(None), [work for work in WORKS if work.name in chosen.work]
    samples = [texts[work.length].sample(SAMPLE // work.patience) for work in works]
    return Setting(
        works=works,
        bodies={
            work.name: [json.dumps({"text": text}).encode() for text in texts[work.length].texts]
            for work in works
        },
        truths=answers.truths(used, works, samples),
        models=used,
        seconds=chosen.seconds,
        poisson=not chosen.constant,
        server_cores=chosen.server_cores,
    )


def _visit(
    setting: Setting, candidate: Candidate, round_: int, tried: Tried, tell: Callable[[str], None]
) -> None:
    """Start a server, compare its answers, and let the rates of each work climb.

    Raises:
        ServerError: it does not start, or one answer is wrong.
    """
    with server.serving(_launch(setting, candidate)) as running:
        for work in setting.works:
            _check(running, work, setting.truths[work.name])
        for work in setting.works:
            for found in _climb(setting, running.port, work, round_):
                tried.setdefault((work.name, candidate.name, found.rate), []).append(found)
                tell(
                    f"{work.name} {candidate.name}: {found.rate:g}/s, p99 {1e3 * found.latency(0.99):.1f} ms"
                )


def _launch(setting: Setting, candidate: Candidate) -> server.Launch:
    port = server.free_port()
    return server.Launch(
        argv=interpreters.argv(candidate, port=port, workers=1, models=setting.models.arguments),
        port=port,
        paths=sorted({work.path for work in setting.works}),
        environment=setting.models.environment,
        cores=setting.server_cores,
        log=models.CACHE / "logs" / f"open-{candidate.name}.log",
    )


def _check(running: server.Server, work: Work, truth: Sequence[answers.Truth]) -> None:
    verdict = answers.judge(running.port, work.path, truth)
    if verdict.wrong:
        msg = f"{verdict.wrong} of {verdict.texts} answers differ from the model's on {work.name}"
        raise server.ServerError(f"{msg}; {verdict.example}")


def _climb(setting: Setting, port: int, work: Work, round_: int) -> Iterator[arrivals.Arrivals]:
    """Give each rate's outcome, up to the first beyond the knee; every server gets the same departures."""
    rates = RATES[work.name]
    for rate, seed in [(rates[0], -1), *((rate, round_) for rate in rates)]:
        times = arrivals.schedule(rate, setting.seconds, poisson=setting.poisson, seed=seed)
        found = arrivals.drive(port, work.path, setting.bodies[work.name], times, rate)
        if seed >= 0:  # the first is the warm-up
            yield found
        if found.failed or found.latency(0.99) >= KNEE_SECONDS:
            return


def _point(key: tuple[str, str, float], rounds: Sequence[arrivals.Arrivals]) -> Point:
    def middle(value: Callable[[arrivals.Arrivals], float]) -> float:
        return statistics.median(value(one) for one in rounds)

    p99, late = middle(lambda one: one.latency(0.99)), middle(lambda one: one.late(0.99))
    return Point(
        *key,
        rounds=len(rounds),
        answered=middle(lambda one: one.per_second),
        p50_ms=1e3 * middle(lambda one: one.latency(0.5)),
        p90_ms=1e3 * middle(lambda one: one.latency(0.9)),
        p99_ms=1e3 * p99,
        failed=sum(one.failed for one in rounds),
        late_ms=1e3 * late,
        held=late <= max(LATE_SECONDS, LATE_SHARE * p99),
    )


def _order(key: tuple[str, str, float]) -> tuple[int, int, float]:
    work, name, rate = key
    return [one.name for one in WORKS].index(work), [one.name for one in CANDIDATES].index(name), rate


def _finite(value: object) -> object:
    """JSON knows no infinity; null stands for a percentile that was never answered."""
    return None if isinstance(value, float) and math.isinf(value) else value


def _cells(point: Point) -> list[str]:
    latencies = [point.p50_ms, point.p90_ms, point.p99_ms]
    shown = [_number(value) for value in latencies] if point.held else ["not held"] * len(latencies)
    name, counts = f"{point.server}: {point.work}", (str(point.failed), str(point.rounds))
    return [name, f"{point.rate:g}", _number(point.answered), *shown, *counts, _number(point.late_ms)]


def _number(value: float) -> str:
    return f"{value:,.4g}" if math.isfinite(value) else "none"


def _files(chosen: argparse.Namespace) -> dict[str, Path]:
    files = {"short": chosen.texts, "long": chosen.long_texts}
    lengths = {work.length for work in WORKS if work.name in chosen.work}
    return {length: file for length, file in files.items() if length in lengths}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.open_loop", description=__doc__)
    add = parser.add_argument
    names = [one.name for one in CANDIDATES if one.answers]
    usual = [name for name in names if name in {"guide-fastapi", "textmill-fastapi", "mosec"}]
    add("--server", nargs="+", default=usual, choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    add("--work", nargs="+", default=list(RATES), choices=list(RATES))
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=2.0, help="how long requests arrive at each rate (default: 2)")
    add("--constant", action="store_true", help="equal distances instead of Poisson arrivals")
    add("--texts", type=Path, default=corpus.INVENTED / "short.jsonl")
    add("--long-texts", type=Path, default=corpus.INVENTED / "long.jsonl")
    add("--server-cores", type=lambda text: frozenset(map(int, text.split(","))), default="0")
    add("--load-cores", type=lambda text: frozenset(map(int, text.split(","))), default="1")
    add("--out", type=Path, metavar="FILE.md", help="the page; .json and .svg are written beside it")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
