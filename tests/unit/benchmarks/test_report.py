"""One table shows one and two workers, and who shares a core with the load."""

from __future__ import annotations

from pathlib import Path

from benchmarks import summary
from benchmarks.candidates import CANDIDATES, WORKS
from benchmarks.load import Outcome
from benchmarks.models import Models
from benchmarks.plan import Plan, Setup
from benchmarks.report import Report
from benchmarks.results import Case, Results, Sample

SPEEDS = {
    ("guide-fastapi", 1): 100,
    ("guide-fastapi", 2): 150,
    ("textmill-fastapi", 1): 1200,
    ("textmill-fastapi", 2): 1500,
    ("mosec", 1): 600,
}


def results() -> Results:
    """One round of one work; mosec with two workers was not measured."""
    return Results([
        Sample(
            Case(name, "sentiment", workers, 32, 0), Outcome(speed, 1.0, 1.0, 2.0, 3.0, 0), 1.0, 200.0, 0.0
        )
        for (name, workers), speed in SPEEDS.items()
    ])


def report() -> Report:
    """The report on these results, from a machine with two cores."""
    plan = Plan(
        candidates=CANDIDATES,
        works=WORKS[:1],
        concurrencies=(32,),
        one_point=None,
        rounds=1,
        seconds=1,
        warm_up=1,
        setups=(Setup(1, frozenset({0}), frozenset({1})), Setup(2, frozenset({0, 1}), frozenset({1}))),
        models=Models(Path(), Path(), "", own=False),
        bodies={},
        truths={},
    )
    return Report(plan, results(), {}, [])


def test_figures_are_compared_among_those_with_as_many_workers() -> None:
    """With the guide's server of the same framework, and with the strongest rival where it was measured."""
    rows = {(row.candidate, row.workers): row for row in summary.rows(results())}
    assert (12.0, 2.0) == (rows["textmill-fastapi", 1].ratio, rows["textmill-fastapi", 1].of_strongest)
    assert (10.0, None) == (rows["textmill-fastapi", 2].ratio, rows["textmill-fastapi", 2].of_strongest)


def test_the_page_marks_who_shares_a_core_with_the_load(tmp_path: Path) -> None:
    """In the row, and in words below."""
    page = tmp_path / "page.md"
    report().write_markdown(page)
    text = page.read_text()
    assert "| 1 | 32 | textmill-fastapi | 1,200 | 1,200-1,200 | 12.00x | 2.00x |" in text
    assert "| 2* | 32 | textmill-fastapi | 1,500 | 1,500-1,500 | 10.00x | - |" in text
    assert "Workers: 2; server on core 0, 1, load on core 1. They share a core (marked *)" in text
    assert "Workers: 1; server on core 0, load on core 1.\n" in text


def test_there_is_a_plot_for_the_page(tmp_path: Path) -> None:
    """Also where there is one number of requests in flight."""
    report().plot(tmp_path / "page.svg")
    assert "textmill-fastapi" in (tmp_path / "page.svg").read_text()
