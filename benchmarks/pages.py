"""Pages and plots of the benchmarks beside the closed loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from benchmarks.bare_model import Cost
    from benchmarks.footprint import Footprint
    from benchmarks.ladders import Point

Rows: TypeAlias = tuple[Sequence[str], Sequence[Sequence[str]]]

COLOURS = {"guide": "#b5651d", "textmill": "#1f6feb", "mosec": "#2da44e", "bare": "#7f7f7f"}
"""Readable on white and on dark pages."""
DASHED = ("flask", "granian")
"""The second of a kind; its colour is that of the first."""


def write(
    path: Path, title: str, facts: Mapping[str, str], tables: Mapping[str, Rows], remarks: Sequence[str] = ()
) -> None:
    """Write a page with a table under each heading, what to know beside it, and the plot of the same name."""
    parts = [f"# {title}", "\n".join(f"- {name}: {value}" for name, value in facts.items())]
    for heading, (names, rows) in tables.items():
        parts += [f"## {heading}"] if heading else []
        parts.append(table(names, rows))
    parts += ["\n".join(f"- {line}" for line in remarks)] if remarks else []
    parts.append(f"![{title}]({path.with_suffix('.svg').name})")
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    rule = [":--", *["--:"] * (len(names) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (names, rule, *rows))


def plot_open_loop(path: Path, points: Sequence[Point]) -> None:
    """The 99th percentile against the rate, one picture for each work; a cross where a rate was not held."""
    works = list(dict.fromkeys(point.work for point in points))
    figure, axes = _figure(len(works))
    for axis, work in zip(axes, works, strict=True):
        for name in dict.fromkeys(point.server for point in points if point.work == work):
            mine = [one for one in points if (one.work, one.server) == (work, name) if isfinite(one.p99_ms)]
            rates, p99s = [point.rate for point in mine], [point.p99_ms for point in mine]
            axis.plot(rates, p99s, markevery=[point.held for point in mine], **_line(name))
            lost = [point for point in mine if not point.held]
            if lost:
                rates, p99s = [point.rate for point in lost], [point.p99_ms for point in lost]
                axis.plot(rates, p99s, "x", color=_colour(name), label=f"{name}, rate not held")
        axis.set(xscale="log", yscale="log", xlabel="requests a second, arriving", title=work)
        axis.set_ylabel("99th percentile, ms")
    _legend(figure, axes)
    _save(figure, path)


def plot_closed_loop(path: Path, rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> None:
    """One picture for each work: against requests in flight, or bars where there is one number of them."""
    works = [work for work in titles if any(row["work"] == work for row in rows)]
    figure, axes = _figure(len(works))
    for axis, work in zip(axes, works, strict=True):
        mine = [row for row in rows if row["work"] == work]
        many = len({row["concurrency"] for row in mine}) > 1
        (_lines if many else _bars)(axis, mine)
        axis.set_title(work)
    _legend(figure, axes)
    _save(figure, path)


def plot_footprint(path: Path, found: Sequence[Footprint]) -> None:
    """What one worker takes, and what two take."""
    figure, (axis,) = _figure(1)
    for at, one in enumerate(found):
        axis.barh(at - 0.2, one.one_mb, 0.36, color=_colour(one.server))
        axis.barh(at + 0.2, one.two_mb, 0.36, color=_colour(one.server), alpha=0.5, hatch="//")
        axis.text(one.two_mb, at + 0.2, f" {one.second:+.0%}", va="center", fontsize=7)
    axis.set_yticks(range(len(found)), [one.server for one in found])
    axis.invert_yaxis()
    axis.margins(x=0.12)
    axis.set(xlabel="memory of the process tree, MB", title="one worker, and two (hatched)")
    _save(figure, path)


def plot_bare_model(path: Path, costs: Sequence[Cost]) -> None:
    """Microseconds a text, native and compiled."""
    figure, (axis,) = _figure(1)
    colours = {"native": COLOURS["guide"], "compiled": COLOURS["textmill"]}
    works = list(dict.fromkeys(cost.work for cost in costs))
    for cost in costs:
        at = works.index(cost.work) + (-0.2 if cost.kind == "native" else 0.2)
        axis.barh(at, cost.alone, 0.36, color=colours[cost.kind], label=cost.kind)
        axis.plot(
            [cost.together], [at], "|", color="black", markersize=9, label=f"in batches of {cost.batch}"
        )
        axis.text(cost.alone, at, f" {cost.alone:,.0f}", va="center", fontsize=7)
    axis.set_yticks(range(len(works)), works)
    axis.invert_yaxis()
    least, most = min(cost.together for cost in costs), max(cost.alone for cost in costs)
    axis.set(xscale="log", xlabel="microseconds a text, one by one", title="the model alone, one core")
    axis.set_xlim(least / 2, 4 * most)  # room for the figures behind the bars
    _legend(figure, [axis])
    _save(figure, path)


def plot_credentials(path: Path, rates: Mapping[tuple[str, str], float]) -> None:
    """Requests a second for each thing that is asked for."""
    names = list(dict.fromkeys(name for name, _ in rates))
    figure, axes = _figure(len(names))
    for axis, name in zip(axes, names, strict=True):
        mine = {asked: rate for (server, asked), rate in rates.items() if server == name}
        for at, (asked, rate) in enumerate(mine.items()):
            axis.barh(at, rate, 0.7, color=COLOURS["guide" if asked == "nothing" else "textmill"])
            axis.text(rate, at, f" {rate:,.0f}", va="center", fontsize=7)
        axis.set_yticks(range(len(mine)), list(mine))
        axis.invert_yaxis()
        axis.margins(x=0.15)
        axis.set(xlabel="requests a second", title=name)
    _save(figure, path)


def _lines(axis: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    fewest = min(row["workers"] for row in rows)
    for row in (row for row in rows if row["workers"] > fewest):
        label = f"{row['workers']} workers (hollow)"
        axis.plot([row["concurrency"]], [row["per_second"]], **_hollow(row["candidate"]), label=label)
    for name in dict.fromkeys(row["candidate"] for row in rows):
        mine = [row for row in rows if (row["candidate"], row["workers"]) == (name, fewest)]
        flights, rates = [row["concurrency"] for row in mine], [row["per_second"] for row in mine]
        axis.plot(flights, rates, **_line(name))
    axis.set(yscale="log", xlabel="requests in flight", ylabel="requests a second")


def _bars(axis: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    counts = sorted({row["workers"] for row in rows})
    names = list(dict.fromkeys(row["candidate"] for row in rows))
    height = 0.8 / len(counts)
    for row in rows:
        which = counts.index(row["workers"])
        at = names.index(row["candidate"]) + (which - (len(counts) - 1) / 2) * height
        look = {"alpha": 0.5, "hatch": "//"} if which else {}
        axis.barh(at, row["per_second"], height * 0.9, color=_colour(row["candidate"]), **look)
        axis.text(row["per_second"], at, f" {row['per_second']:,.0f}", va="center", fontsize=7)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.margins(x=0.15)
    several = f", workers: {', '.join(map(str, counts))} (hatched)" if len(counts) > 1 else ""
    axis.set(xlabel=f"requests a second, {rows[0]['concurrency']} in flight{several}")


def _figure(count: int) -> tuple[Any, list[Any]]:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "textmill", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
    from matplotlib import pyplot as plt

    down = 1 + (count > 3)
    across = -(-count // down)
    figure, axes = plt.subplots(down, across, figsize=(4.6 * across, 3.6 * down), squeeze=False)
    for spare in axes.flat[count:]:
        spare.remove()
    return figure, list(axes.flat[:count])


def _legend(figure: Any, axes: Sequence[Any]) -> None:
    """One legend for all pictures, below them."""
    pairs = [pair for axis in axes for pair in zip(*axis.get_legend_handles_labels(), strict=True)]
    marks = {label: mark for mark, label in pairs}
    if marks:
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "ncols": min(4, len(marks))}
        figure.legend(marks.values(), marks.keys(), fontsize=8, **place)


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None}, facecolor="white", bbox_inches="tight")


def _line(name: str) -> dict[str, Any]:
    dashed = _dashed(name)
    look = {"linestyle": "--" if dashed else "-", "marker": "s" if dashed else "o", "markersize": 3}
    return {**look, "color": _colour(name), "label": name}


def _dashed(name: str) -> bool:
    return any(part in name for part in DASHED)


def _hollow(name: str) -> dict[str, Any]:
    shape = {"linestyle": "", "marker": "s" if _dashed(name) else "o", "markersize": 7}
    return {**shape, "markerfacecolor": "none", "markeredgecolor": _colour(name)}


def _colour(name: str) -> str:
    return COLOURS[name.partition("-")[0]]
