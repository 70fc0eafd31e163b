"""All benchmarks, one page and one plot each: `python -m benchmarks.everything --help`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

MODULES = {
    "closed-loop": "benchmarks.run",
    "open-loop": "benchmarks.open_loop",
    "footprint": "benchmarks.footprint",
    "bare-model": "benchmarks.bare_model",
    "credentials": "benchmarks.credentials",
}
WORKS = "--work sentiment entities sentiment-long entities-long --workers 1 2"
USUAL = {
    "closed-loop": f"--seconds 2 --at-once 1 16 32 64 --one-point 32 --sample 40 {WORKS}",
    "open-loop": "--seconds 1.5",
    "footprint": "--server guide-fastapi textmill-fastapi guide-flask textmill-flask",
    "bare-model": "--seconds 1",
    "credentials": "--seconds 3",
}
QUICK = {
    "closed-loop": f"--seconds 1 --at-once 32 --sample 20 {WORKS}",
    "open-loop": "--seconds 1",
    "footprint": USUAL["footprint"],
    "bare-model": "--seconds 0.5",
    "credentials": "--seconds 1",
}
ROUNDS, QUICK_ROUNDS = 3, 1
INTERRUPTED = 130


def main(argv: Sequence[str]) -> int:
    """Run them one after the other; the status is the first that is not 0."""
    chosen, statuses = parser().parse_args(argv), []
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name in chosen.only:
        command, started = ["-m", MODULES[name], *options(name, chosen)], time.monotonic()
        print(f"\n$ python {' '.join(command)}", flush=True)
        statuses.append(_status([sys.executable, *command]))
        print(f"{name}: {(time.monotonic() - started) / 60:.1f} minutes", flush=True)
        if statuses[-1] == INTERRUPTED:
            break
    return next((status for status in statuses if status), 0)


def options(name: str, chosen: argparse.Namespace) -> list[str]:
    """Return the options of one program; its page has the day in front of its name."""
    words = (QUICK if chosen.quick else USUAL)[name].split()
    rounds = chosen.rounds or (QUICK_ROUNDS if chosen.quick else ROUNDS)
    page = chosen.out / f"{datetime.now(UTC).date().isoformat()}-{name}.md"
    if name == "closed-loop":
        kept = ["--markdown", str(page), "--json", str(page.with_suffix(".json"))]
    else:
        kept = ["--out", str(page)]
    return [*words, "--rounds", str(rounds), *kept]


def parser() -> argparse.ArgumentParser:
    """Return what the command line may say."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.everything", description=__doc__)
    add, names = made.add_argument, list(MODULES)
    add("--out", type=Path, required=True, metavar="FOLDER", help="for the pages, figures and plots")
    add("--quick", action="store_true", help="one short round of each")
    add("--rounds", type=int, metavar="N", help="interleaved rounds (default: 3; 1 with --quick)")
    add("--only", nargs="+", choices=names, default=names, metavar="NAME", help=f"of {', '.join(names)}")
    return made


def _status(command: Sequence[str]) -> int:
    """Run a program in a process of its own: threads of one must not slow the next."""
    with subprocess.Popen(command) as program:  # noqa: S603 - our own programs
        try:
            return program.wait()
        except KeyboardInterrupt:  # the program has heard it too, and stops its servers
            program.wait()
            return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
