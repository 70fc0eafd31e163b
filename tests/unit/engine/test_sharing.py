"""Models that are loaded before a fork."""

from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.connection import Connection
from typing import Any

import pytest

from tests.fakes import BOUNDS
from textmill.engine import sharing
from textmill.engine.lane import LaneOptions
from textmill.engine.placement import PROBES, Placed
from textmill.engine.sharing import adopt, load_shared
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.registry import DEFAULT_MODELS

OPTIONS = LaneOptions(BOUNDS)
SPEC = DEFAULT_MODELS["sentiment"]


@pytest.fixture(scope="module")
def placed() -> Placed:
    """The packaged classifier."""
    return load_shared({"sentiment": (SPEC, OPTIONS)})["sentiment"]


def test_a_fork_answers_with_the_shared_model(placed: Placed) -> None:
    """In a child process, which loads nothing."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def ask(answer: Connection[Any, Any]) -> None:
        mine = adopt(placed, SPEC, OPTIONS)
        answer.send((mine is placed, list(mine.executor.run(PROBES))))

    child = context.Process(target=ask, args=(theirs,))
    child.start()
    assert ours.poll(30)
    assert (True, list(placed.golden)) == ours.recv()
    child.join(10)
    assert 0 == child.exitcode


def test_a_model_that_hangs_in_a_fork_is_loaded_anew(placed: Placed, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, after the self-test's time."""
    monkeypatch.setattr(sharing, "SELF_TEST_SECONDS", 0.2)
    released = threading.Event()
    monkeypatch.setattr(placed.executor, "run", lambda *_, **__: released.wait(30))
    mine = adopt(placed, SPEC, OPTIONS)
    released.set()
    assert "process" == mine.place
    assert list(placed.golden) == list(mine.executor.run(PROBES))
    mine.executor.close()


def test_what_cannot_be_loaded_is_left_to_the_workers() -> None:
    """They report it; what must run in a process of its own is left to them too."""
    missing = ModelSpec("missing", "missing.skops")
    apart = LaneOptions(BOUNDS, place="process")
    assert {} == load_shared({"missing": (missing, OPTIONS), "apart": (SPEC, apart)})
