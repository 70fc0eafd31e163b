"""Pages and plots of the benchmarks beside the closed loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from benchmarks.footprint import Footprint
    from benchmarks.open_loop import Point

Rows: TypeAlias = tuple[Sequence[str], Sequence[Sequence[str]]]

COLOURS = {"guide": "#b5651d", "textmill": "#1f6feb", "bare": "#7f7f7f"}
"""Readable on white and on dark pages."""


def write(path: Path, title: str, facts: Mapping[str, str], tables: Mapping[str, Rows]) -> None:
    """Write a page with a table under each heading, and the plot of the same name."""
    parts = [f"# {title}", "\n".join(f"- {name}: {value}" for name, value in facts.items())]
    for heading, (names, rows) in tables.items():
        parts += [f"## {heading}"] if heading else []
        parts.append(table(names, rows))
    parts.append(f"![{title}]({path.with_suffix('.svg').name})")
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    rule = [":--", *["--:"] * (len(names) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (names, rule, *rows))


def plot_open_loop(path: Path, points: Sequence[Point]) -> None:
    """The 99th percentile against the rate, one picture for each work."""
    works = list(dict.fromkeys(point.work for point in points))
    figure, axes = _figure(len(works))
    for axis, work in zip(axes, works, strict=True):
        for name in dict.fromkeys(point.server for point in points if point.work == work):
            mine = [point for point in points if (point.work, point.server) == (work, name)]
            line = "-" if name.endswith("fastapi") else "--"
            rates, p99s = [point.rate for point in mine], [point.p99_ms for point in mine]
            axis.plot(rates, p99s, line, marker="o", markersize=3, color=_colour(name), label=name)
        axis.set(xscale="log", yscale="log", xlabel="requests a second, arriving", title=work)
        axis.set_ylabel("99th percentile, ms")
        axis.legend(fontsize=7)
    _save(figure, path)


def plot_closed_loop(path: Path, rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> None:
    """Requests a second against requests in flight, one picture for each work."""
    works = [work for work in titles if any(row["work"] == work for row in rows)]
    figure, axes = _figure(len(works))
    for axis, work in zip(axes, works, strict=True):
        for name in dict.fromkeys(row["candidate"] for row in rows if row["work"] == work):
            mine = [row for row in rows if (row["work"], row["candidate"]) == (work, name)]
            line = "--" if "flask" in name or "granian" in name else "-"
            flights, rates = [row["concurrency"] for row in mine], [row["per_second"] for row in mine]
            axis.plot(flights, rates, line, marker="o", markersize=3, color=_colour(name), label=name)
        axis.set(yscale="log", xlabel="requests in flight", ylabel="requests a second", title=work)
        axis.legend(fontsize=7)
    _save(figure, path)


def plot_footprint(path: Path, found: Sequence[Footprint]) -> None:
    """What the first worker takes, and what the second adds."""
    figure, (axis,) = _figure(1)
    names = [one.server for one in found]
    colours = [_colour(name) for name in names]
    axis.barh(names, [one.one_mb for one in found], color=colours, label="first worker")
    seconds = [one.two_mb - one.one_mb for one in found]
    lefts = [one.one_mb for one in found]
    axis.barh(names, seconds, left=lefts, color=colours, alpha=0.5, hatch="//", label="second worker")
    axis.set(xlabel="memory of the process tree, MB")
    axis.legend(fontsize=7)
    _save(figure, path)


def _figure(count: int) -> tuple[Any, list[Any]]:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "textmill", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, count, figsize=(4.6 * count, 3.6), squeeze=False)
    return figure, list(axes[0])


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None}, facecolor="white")


def _colour(name: str) -> str:
    return COLOURS.get(name.partition("-")[0], "#2da44e")
