"""Run the benchmark: `python -m benchmarks.run --help`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

if __package__ is None:  # started as `python benchmarks/run.py`
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmarks import load, machine, measure, options
from benchmarks.plan import Plan
from benchmarks.report import Report
from benchmarks.results import Results

# The widest table; a pipe has no width of its own.
WIDTH = 132


def main(argv: Sequence[str]) -> int:
    """Measure, show, and keep; the exit status is 1 when a server was excluded, 130 after Ctrl-C."""
    chosen, console = options.parse(argv), Console()
    console.width = max(console.width, WIDTH)
    load.require_wrk()
    with console.status("Preparing models, texts and right answers"):
        plan, texts = options.plan(chosen, console.print)
    results = Results()
    complete = _measure(plan, results, console)
    report = Report(plan, results, machine.facts(["run", *argv]), texts)
    report.show(console)
    if chosen.json:
        report.write_json(chosen.json)
    if chosen.markdown:
        report.write_markdown(chosen.markdown)
        report.plot(chosen.markdown.with_suffix(".svg"))
    return (1 if results.excluded else 0) if complete else 130


def _measure(plan: Plan, results: Results, console: Console) -> bool:
    """Fill the results behind a progress bar; return whether all rounds were run."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task("", total=plan.measurements)

        def tell(what: str) -> None:
            progress.update(task, description=what, completed=len(results.samples))

        try:
            measure.run(plan, results, tell)
        except KeyboardInterrupt:
            console.print("Interrupted; the servers are stopped. What was measured until then:")
            return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
