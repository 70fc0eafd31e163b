"""When a worker is replaced because it has grown."""

from __future__ import annotations

import time

import pytest

from tests.fakes import FakeExecutor, answer
from textmill.engine.placement import PROBES
from textmill.engine.renewal import MINIMUM, REST, SETTLING, Growth, Successor

MB = 1_000_000


def looks(growth: Growth, sizes: list[int]) -> list[bool]:
    """What is decided at each look."""
    return [growth.exceeded(size) for size in sizes]


@pytest.mark.parametrize(("settled", "allowed"), [(100 * MB, MINIMUM), (1000 * MB, 100 * MB)])
def test_growth_over_the_share_and_the_minimum_is_too_much(settled: int, allowed: int) -> None:
    """Whichever of the two is larger."""
    growth = Growth(0.1)
    assert not any(looks(growth, [settled] * REST))
    assert looks(growth, [settled + allowed, settled + allowed + 1]) == [False, True]


def test_a_worker_may_settle_first() -> None:
    """What it takes in its first looks is its own size."""
    growth = Growth(0.1)
    assert not any(looks(growth, [100 * MB, 400 * MB, 500 * MB] + [500 * MB] * (SETTLING + REST)))


def test_replacements_keep_their_distance() -> None:
    """However large it grows."""
    growth = Growth(0.1)
    assert looks(growth, [100 * MB] * SETTLING + [900 * MB] * REST).index(True) == REST


def finished(successor: Successor) -> Successor:
    """Wait for it to load."""
    until = time.monotonic() + 5
    while not successor.done:
        assert time.monotonic() < until
        time.sleep(0.005)
    return successor


def test_a_successor_that_answers_alike_is_taken() -> None:
    """It is loaded, and has been tried."""
    executor = FakeExecutor()
    assert finished(Successor(executor, [answer(text) for text in PROBES])).take() is executor
    assert executor.alive()


def test_a_successor_that_answers_differently_is_not() -> None:
    """The old worker goes on."""
    executor = FakeExecutor()
    assert finished(Successor(executor, [(1.0, 0.0)] * len(PROBES))).take() is None
    assert not executor.alive()


def test_a_successor_that_cannot_be_loaded_is_not() -> None:
    """The old worker goes on."""
    executor = FakeExecutor()
    executor.broken_loads = 1
    assert finished(Successor(executor, [])).take() is None
