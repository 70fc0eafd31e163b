"""All four benchmarks, one page and one plot each: `python -m benchmarks.everything --help`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import bare_model, footprint, open_loop, run

USUAL = {
    "closed-loop": "--rounds 3 --seconds 2 --at-once 1 16 32 64 --one-point 32 --workers 1 2 --sample 40",
    "open-loop": "--rounds 3 --seconds 2",
    "footprint": "--rounds 3",
    "bare-model": "--rounds 3",
}
QUICK = {
    "closed-loop": "--rounds 1 --seconds 2 --at-once 32 --workers 1 2 --sample 20",
    "open-loop": "--rounds 1 --seconds 1",
    "footprint": "--rounds 1",
    "bare-model": "--rounds 1 --seconds 0.5",
}
WORKS = "--work sentiment entities sentiment-long entities-long"
INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """Run them one after the other; the status is the first that is not 0."""
    chosen = _parser().parse_args(argv)
    chosen.out.mkdir(parents=True, exist_ok=True)
    statuses = []
    for name in chosen.only:
        started = time.monotonic()
        print(f"\n{name}: {_options(name, quick=chosen.quick)}", flush=True)
        statuses.append(_program(name)(_argv(name, chosen.out, quick=chosen.quick)))
        print(f"{name}: {(time.monotonic() - started) / 60:.1f} minutes", flush=True)
        if statuses[-1] == INTERRUPTED:
            break
    return next((status for status in statuses if status), 0)


def _program(name: str) -> Callable[[Sequence[str]], int]:
    programs = {
        "closed-loop": run.main,
        "open-loop": open_loop.main,
        "footprint": footprint.main,
        "bare-model": bare_model.main,
    }
    return programs[name]


def _argv(name: str, out: Path, *, quick: bool) -> list[str]:
    """The options of one program, and where its page goes: the day in front, so that the newest is last."""
    page = out / f"{datetime.now(UTC).date().isoformat()}-{name}.md"
    options = _options(name, quick=quick).split()
    if name == "closed-loop":
        return [*options, "--markdown", str(page), "--json", str(page.with_suffix(".json"))]
    return [*options, "--out", str(page)]


def _options(name: str, *, quick: bool) -> str:
    options = (QUICK if quick else USUAL)[name]
    return f"{options} {WORKS}" if name == "closed-loop" else options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.everything", description=__doc__)
    add = parser.add_argument
    add(
        "--out", type=Path, required=True, metavar="FOLDER", help="where pages, figures and plots are written"
    )
    add("--quick", action="store_true", help="one short round of each")
    add("--only", nargs="+", choices=list(USUAL), default=list(USUAL), metavar="NAME", help=", ".join(USUAL))
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
