"""The command line: what may be chosen, and the plan it makes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import answers, corpus, interpreters, models
from benchmarks.candidates import CANDIDATES, WORKS
from benchmarks.plan import Plan, Setup

DESCRIPTION = """\
Run the guide's two servers and textmill one after the other, on the same models and texts, with their
answers compared first; then print requests a second, latency, CPU time and memory, and the ratios.

Needs Linux, two cores (one for the server, one for the load) and wrk (apt-get install wrk).
Leave the machine alone while it runs: the report says how much others used of the server's cores.
"""

EXAMPLES = """\
examples:
  python -m benchmarks.run --quick
      about one minute: one round, 32 requests in flight
  python -m benchmarks.run --markdown benchmarks/results/today.md --json today.json
      about 20 minutes: three rounds, 1 to 64 requests in flight, with a page to publish
  python -m benchmarks.run --server guide-fastapi textmill-fastapi --work entities --at-once 32
      one question only
  python -m benchmarks.run --texts my_texts.jsonl.gz --long-texts my_long_texts.jsonl.gz --work entities-long
      real texts, one {"text": "..."} a line
  python -m benchmarks.run --workers 1 2 --one-point 32
      also two workers, with 32 requests in flight; on two cores the load shares one with them, which the
      table marks and which counts as others
  python -m benchmarks.run --pair my_models/
      your own sentiment_model.pkl and vectorizer.pkl (loading them executes what is in them)
"""

QUICK = {"rounds": 1, "seconds": 3, "at_once": [32], "sample": 40}
USUAL = {"rounds": 3, "seconds": 8, "at_once": [1, 16, 32, 64], "sample": 200}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; what was not chosen comes from the usual or the quick set."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_what(parser)
    _add_how(parser)
    _add_where(parser)
    chosen = parser.parse_args(argv)
    for name, value in (QUICK if chosen.quick else USUAL).items():
        setattr(chosen, name, getattr(chosen, name) or value)
    if any(setup.server_cores <= setup.load_cores for setup in setups(chosen)):
        parser.error("the server needs a core without load; see --server-cores and --load-cores")
    return chosen


def setups(chosen: argparse.Namespace) -> tuple[Setup, ...]:
    """Return the setup for each number of workers.

    Unless told otherwise a server has as many cores as workers, and the load has the next one; where there
    is none, it shares the server's last.
    """
    usable, made = sorted(os.sched_getaffinity(0)), []
    for workers in chosen.workers:
        own = chosen.server_cores or frozenset(usable[:workers])
        left = [core for core in usable if core not in own]
        made.append(Setup(workers, own, chosen.load_cores or frozenset([*left, usable[-1]][:1])))
    return tuple(made)


def plan(chosen: argparse.Namespace, tell: Callable[[str], None]) -> tuple[Plan, list[str]]:
    """Prepare models, texts and right answers; return the plan and a line on each set of texts."""
    works = tuple(work for work in WORKS if work.name in chosen.work)
    lengths = {work.length for work in works}
    files = {"short": chosen.texts, "long": chosen.long_texts}
    read = {length: corpus.read(files[length]) for length in sorted(lengths)}
    used = models.prepare(chosen.pair)
    samples = [read[work.length].sample(chosen.sample) for work in works]
    made = Plan(
        candidates=tuple(interpreters.installed(chosen.server, tell)),
        works=works,
        concurrencies=tuple(chosen.at_once),
        one_point=chosen.one_point,
        rounds=chosen.rounds,
        seconds=chosen.seconds,
        warm_up=1,
        setups=setups(chosen),
        models=used,
        bodies={work.name: _bodies(read[work.length], work.length) for work in works},
        truths=answers.truths(used, works, samples),
    )
    return made, [str(texts) for texts in read.values()]


def _bodies(texts: corpus.Corpus, length: str) -> Path:
    path = models.CACHE / f"bodies-{length}-{texts.digest}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    texts.write_bodies(path)
    return path


def _add_what(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is measured")
    names = [one.name for one in CANDIDATES]
    works = [work.name for work in WORKS]
    add = group.add_argument
    add("--server", nargs="+", choices=names, default=names, metavar="NAME", help=f"of {', '.join(names)}")
    add("--work", nargs="+", choices=works, default=works[:2], metavar="NAME", help=f"of {', '.join(works)}")
    add("--at-once", nargs="+", type=_positive, metavar="N", help="requests in flight (default: 1 16 32 64)")
    add(
        "--one-point",
        type=_positive,
        metavar="N",
        help="requests in flight for long texts and for several workers (default: as --at-once)",
    )
    add("--texts", type=Path, default=corpus.INVENTED / "short.jsonl", metavar="FILE", help="short texts")
    add("--long-texts", type=Path, default=corpus.INVENTED / "long.jsonl", metavar="FILE", help="long texts")
    add("--pair", type=Path, metavar="FOLDER", help="your own sentiment_model.pkl and vectorizer.pkl")


def _add_how(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how")
    add = group.add_argument
    add(
        "--quick", action="store_true", help="about one minute: 1 round, 3 s, 32 at once, 40 answers compared"
    )
    add("--rounds", type=_positive, metavar="N", help="rounds, interleaved and rotated (default: 3)")
    add("--seconds", type=_positive, metavar="N", help="how long one measurement lasts (default: 8)")
    add("--sample", type=_positive, metavar="N", help="answers compared at each start (default: 200)")
    add(
        "--workers",
        nargs="+",
        type=_positive,
        default=[1],
        metavar="N",
        help="worker processes of each server (default: 1); several are measured in turn: 1 2",
    )
    add("--server-cores", type=_cores, metavar="LIST", help="such as 0 or 0,1 (default: one for each worker)")
    add("--load-cores", type=_cores, metavar="LIST", help="such as 1 or 2,3 (default: the one after those)")


def _add_where(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is kept")
    group.add_argument("--json", type=Path, metavar="FILE", help="every measurement")
    group.add_argument("--markdown", type=Path, metavar="FILE", help="the tables as a page")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _cores(text: str) -> frozenset[int]:
    wanted, usable = frozenset(int(part) for part in text.split(",")), os.sched_getaffinity(0)
    if not wanted <= usable:
        msg = f"{text} is not among the cores this process may use ({', '.join(map(str, sorted(usable)))})"
        raise argparse.ArgumentTypeError(msg)
    return wanted
