"""Which cores the server and the load get, and with how many requests in flight a work is measured."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import options
from benchmarks.candidates import CANDIDATES, WORKS
from benchmarks.models import Models
from benchmarks.plan import Plan, Setup


def setups(*argv: str) -> list[tuple[int, set[int], set[int], bool]]:
    """What these options make of a machine's cores."""
    found = options.setups(options.parse(argv))
    return [(one.workers, set(one.server_cores), set(one.load_cores), one.shared) for one in found]


def plan(*, one_point: int | None) -> Plan:
    """A plan with one candidate and four works, for one and two workers."""
    return Plan(
        candidates=CANDIDATES[:1],
        works=WORKS,
        concurrencies=(1, 32),
        one_point=one_point,
        rounds=3,
        seconds=1,
        warm_up=1,
        setups=(Setup(1, frozenset({0}), frozenset({1})), Setup(2, frozenset({0, 1}), frozenset({1}))),
        models=Models(Path(), Path(), "", own=False),
        bodies={},
        truths={},
    )


def test_two_workers_on_two_cores_share_one_with_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be otherwise, and is known, so that the table can say so."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert [(1, {0}, {1}, False), (2, {0, 1}, {1}, True)] == setups("--workers", "1", "2")


def test_with_more_cores_nothing_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load has the core after the server's."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    assert [(1, {0}, {1}, False), (2, {0, 1}, {2}, False)] == setups("--workers", "1", "2")


def test_cores_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """For every number of workers the same."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    named = ("--server-cores", "2,3", "--load-cores", "0")
    assert [(1, {2, 3}, {0}, False), (2, {2, 3}, {0}, False)] == setups("--workers", "1", "2", *named)


def test_a_server_with_no_core_to_itself_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The figures would be the load's."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    with pytest.raises(SystemExit):
        options.parse([])
    assert "needs a core without load" in capsys.readouterr().err


def test_one_point_is_for_long_texts_and_several_workers() -> None:
    """Short texts with one worker keep all: 2 works x 2 and 2 x 1; with two workers 4 works x 1."""
    short, long = WORKS[0], WORKS[3]
    made = plan(one_point=32)
    one, two = made.setups
    assert ((1, 32), (32,), (32,)) == (
        made.in_flight(short, one),
        made.in_flight(long, one),
        made.in_flight(short, two),
    )
    assert 3 * (4 + 2 + 4) == made.measurements
    assert 3 * (8 + 8) == plan(one_point=None).measurements
