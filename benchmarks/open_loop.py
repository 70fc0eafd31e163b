"""Latency against rate: `python -m benchmarks.open_loop --help`. Rates climb until a server is too slow."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import (
    answers,
    arrivals,
    corpus,
    interpreters,
    ladders,
    machine,
    measure,
    models,
    pages,
    server,
)
from benchmarks.candidates import CANDIDATES, WORKS, Candidate, Work
from benchmarks.ladders import Key

RATES = {
    "sentiment": (500, 1000, 2000, 4000, 8000, 12000, 16000, 24000),
    "entities": (25, 50, 100, 200, 400, 800, 1200, 1600, 2400, 3200),
    "entities-long": (5, 10, 25, 50, 100, 200, 300, 400, 800),
}
"""At most doubled at each step, so that a rate beyond the knee leaves a queue that is soon worked off."""
USUAL = ("guide-fastapi", "textmill-fastapi", "mosec", ladders.LIMIT)
SAMPLE = 40
"""Answers compared before the clock starts; long texts are fewer."""


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
class Found:
    """What came of a run.

    Attributes:
        tried: by work, server and rate, round by round.
        excluded: why a server is out, by its name.
    """

    tried: dict[Key, list[arrivals.Arrivals]]
    excluded: dict[str, str]


def main(argv: Sequence[str]) -> int:
    """Measure, print the table, and write page, figures and plot; the status is 1 when one was excluded."""
    chosen, console = _parser().parse_args(argv), Console()
    texts = {length: corpus.read(file) for length, file in _files(chosen).items()}
    setting, found = _setting(chosen, texts), Found({}, {})
    servers = interpreters.installed(chosen.server, console.print)
    with server.pinned(chosen.load_cores):
        for round_ in range(chosen.rounds):
            for candidate in measure.rotated(servers, round_):
                if candidate.name not in found.excluded:
                    _visit(setting, candidate, round_, found, console.print)
    points = ladders.points(found.tried)
    remarks = [*ladders.knees(points), *(f"EXCLUDED {name}: {why}" for name, why in found.excluded.items())]
    tables = {"": (ladders.HEADINGS, [ladders.cells(point) for point in points])}
    print(pages.table(*tables[""]), *remarks, sep="\n")
    if chosen.out:
        facts = machine.facts(["open_loop", *argv]) | {name: str(one) for name, one in texts.items()}
        pages.write(chosen.out, "Latency against rate, open loop", facts, tables, remarks)
        chosen.out.with_suffix(".json").write_text(ladders.as_json(points), encoding="utf-8")
        pages.plot_open_loop(chosen.out.with_suffix(".svg"), points)
    return 1 if found.excluded else 0


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
    setting: Setting, candidate: Candidate, round_: int, found: Found, tell: Callable[[str], None]
) -> None:
    """Start a server, compare its answers, and let each work's rates climb; exclude a wrong one."""
    works = [work for work in setting.works if work.name in candidate.works]
    if not works:
        return
    try:
        with server.serving(_launch(setting, candidate, works)) as running:
            for work in works if candidate.answers else ():
                _check(running, work, setting.truths[work.name])
            for work in works:
                for one in _climb(setting, running.port, work, round_):
                    found.tried.setdefault((work.name, candidate.name, one.rate), []).append(one)
                    p99 = 1e3 * one.latency(0.99)
                    tell(f"{work.name} {candidate.name}: {one.rate:g} a second, p99 {p99:.1f} ms")
    except server.ServerError as error:
        found.excluded[candidate.name] = str(error)
        tell(f"EXCLUDED {candidate.name}: {error}")


def _launch(setting: Setting, candidate: Candidate, works: Sequence[Work]) -> server.Launch:
    port = server.free_port()
    return server.Launch(
        argv=interpreters.argv(candidate, port=port, workers=1, models=setting.models.arguments),
        port=port,
        paths=sorted({work.path for work in works}),
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
        if found.failed or found.latency(0.99) >= ladders.KNEE_SECONDS:
            return


def _files(chosen: argparse.Namespace) -> dict[str, Path]:
    files = {"short": chosen.texts, "long": chosen.long_texts}
    lengths = {work.length for work in WORKS if work.name in chosen.work}
    return {length: file for length, file in files.items() if length in lengths}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.open_loop", description=__doc__)
    add = parser.add_argument
    names = [one.name for one in CANDIDATES]
    add("--server", nargs="+", default=USUAL, choices=names, metavar="NAME", help=f"of {', '.join(names)}")
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
