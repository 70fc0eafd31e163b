"""The outcome for readers: the same tables on the terminal and as Markdown, and everything as JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from benchmarks import pages, summary
from benchmarks.plan import Plan
from benchmarks.results import Results
from benchmarks.summary import Row

HEADINGS = (
    "workers",
    "at once",
    "server",
    "req/s",
    "min-max",
    "vs guide",
    "vs mosec",
    "of bare",
    "p50 ms",
    "p99 ms",
    "CPU ms",
    "peak MB",
)

SHARING = " They share a core (marked *): the load takes from it, the more the faster the server is."


@dataclass(frozen=True, slots=True)
class Table:
    """A table that knows neither terminal nor Markdown; `breaks` are the rows after which a line helps."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    breaks: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Report:
    """One run, ready to be shown.

    Attributes:
        facts: what the figures depend on: machine, date, versions, command.
        texts: one line on each set of texts.
    """

    plan: Plan
    results: Results
    facts: Mapping[str, str]
    texts: Sequence[str]

    def show(self, console: Console) -> None:
        """Print the tables and what a reader must know beside them."""
        for table in self._tables():
            console.print(_rich(table))
        for line in self._remarks():
            console.print(line, markup=False, highlight=False)

    def write_markdown(self, path: Path) -> None:
        """Write the report as a page."""
        head = [f"- {name}: {value}" for name, value in self.facts.items()]
        head += [f"- texts: {line}" for line in self.texts]
        tables = [part for table in self._tables() for part in (f"## {table.title}", _markdown(table))]
        remarks = [f"- {line}" for line in self._remarks()]
        parts = [
            "# Benchmark: the guide's servers and textmill",
            "\n".join(head),
            *tables,
            "\n".join(remarks),
            f"![Requests a second against requests in flight]({path.with_suffix('.svg').name})",
        ]
        path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")

    def plot(self, path: Path) -> None:
        """Draw requests a second against requests in flight."""
        rows = [asdict(row) for row in summary.rows(self.results)]
        pages.plot_closed_loop(path, rows, {work.name: work.title for work in self.plan.works})

    def write_json(self, path: Path) -> None:
        """Write every measurement and the rows made of them."""
        found = {
            "facts": dict(self.facts),
            "texts": list(self.texts),
            "rows": [asdict(row) for row in summary.rows(self.results)],
            **asdict(self.results),
        }
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

    def _tables(self) -> Iterator[Table]:
        rows = summary.rows(self.results)
        shared = {setup.workers for setup in self.plan.setups if setup.shared}
        for work in self.plan.works:
            chosen = [row for row in rows if row.work == work.name]
            if chosen:
                yield _work_table(work.title, chosen, shared)
        yield _start_table(self.results)

    def _remarks(self) -> Iterator[str]:
        plan, (usual, most) = self.plan, summary.others(self.results)
        yield f"Rounds: {plan.rounds}, each measurement {plan.seconds} s or more; closed loop (wrk)."
        for setup in plan.setups:
            cores = f"server on core {_cores(setup.server_cores)}, load on core {_cores(setup.load_cores)}"
            yield f"Workers: {setup.workers}; {cores}." + (SHARING if setup.shared else "")
        yield (
            f"Others, the kernel among them, used {max(0, usual):.0%} of the server's cores in the median "
            f"measurement and {max(0, most):.0%} in the worst. Measure again when that was other programs."
        )
        for name, reason in self.results.excluded.items():
            yield f"EXCLUDED {name}: {reason}"


def _work_table(title: str, rows: Sequence[Row], shared: Collection[int]) -> Table:
    ends, count = [], 0
    for _, group in groupby(rows, key=lambda row: (row.workers, row.concurrency)):
        count += len(list(group))
        ends.append(count - 1)
    failed = any(row.errors for row in rows)
    cells = [
        [_workers(row.workers, shared), *_cells(row), *([str(row.errors)] if failed else [])] for row in rows
    ]
    return Table(title, [*HEADINGS, *(["errors"] if failed else [])], cells, frozenset(ends))


def _cells(row: Row) -> list[str]:
    return [
        str(row.concurrency),
        row.candidate,
        _number(row.per_second),
        f"{_number(row.slowest)}-{_number(row.fastest)}",
        _ratio(row.ratio),
        _ratio(row.of_strongest),
        "-" if row.of_limit is None else f"{row.of_limit:.0%}",
        _number(row.p50_ms),
        _number(row.p99_ms),
        f"{row.cpu_ms:.3f}",
        f"{row.peak_mb:.0f}",
    ]


def _start_table(results: Results) -> Table:
    rows = [
        [
            one.candidate,
            str(one.workers),
            f"{one.ready_seconds:.1f}",
            f"{one.memory_mb:.0f}",
            str(one.compared),
            str(one.alone),
            "excluded" if one.candidate in results.excluded else "",
        ]
        for one in summary.beginnings(results)
    ]
    headings = (
        "server",
        "workers",
        "first answers after s",
        "memory MB",
        "answers compared",
        "as without parser",
        "",
    )
    return Table("Start, memory after the check, and answers", headings, rows)


def _workers(count: int, shared: Collection[int]) -> str:
    return f"{count}*" if count in shared else str(count)


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}x"


def _number(value: float) -> str:
    """Show three digits or more, whatever the size."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _cores(cores: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(cores)))


def _rich(table: Table) -> RichTable:
    shown = RichTable(title=table.title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for heading in table.headings:
        shown.add_column(heading, justify="left" if heading == "server" else "right", no_wrap=True)
    for number, row in enumerate(table.rows):
        ours = any(cell.startswith("textmill") for cell in row)
        shown.add_row(*row, end_section=number in table.breaks, style="bold" if ours else None)
    return shown


def _markdown(table: Table) -> str:
    rule = [":--" if heading == "server" else "--:" for heading in table.headings]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (table.headings, rule, *table.rows))
