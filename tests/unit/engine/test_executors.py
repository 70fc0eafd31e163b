"""Executors with a real model, and the fake held to the same promises."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.fakes import FakeExecutor
from textmill.engine.executors import Executor, LocalExecutor, ProcessExecutor, WorkerLostError
from textmill.errors import ModelError
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.registry import DEFAULT_MODELS

SPEC = DEFAULT_MODELS["sentiment"]
MISSING = ModelSpec("missing", "no-such-model.skops")

MAKERS: dict[str, Callable[[], Executor]] = {
    "local": lambda: LocalExecutor(SPEC),
    "process": lambda: ProcessExecutor(SPEC, stuck_seconds=30),
    "fake": FakeExecutor,
}


@pytest.fixture(params=MAKERS)
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Each kind of executor, not loaded yet."""
    made = MAKERS[request.param]()
    yield made
    made.close()


def test_it_is_alive_from_its_loading_to_its_closing(executor: Executor) -> None:
    """And it can be loaded again."""
    assert not executor.alive()
    assert executor.load().labels
    assert executor.alive()
    executor.close()
    assert not executor.alive()
    assert executor.load().task == "classification"
    assert executor.alive()


def test_it_answers_every_text_in_order(executor: Executor) -> None:
    """One result a text, as plain numbers."""
    executor.load()
    together = executor.run(["I love it.", "I hate it, it is awful."])
    assert together == [executor.run(["I love it."])[0], executor.run(["I hate it, it is awful."])[0]]
    assert together[0] != together[1]


def test_without_a_worker_it_says_so(executor: Executor) -> None:
    """A batch before loading, or after closing, is a lost worker."""
    with pytest.raises(WorkerLostError):
        executor.run(["a"])


@pytest.mark.parametrize("make", [LocalExecutor, lambda spec: ProcessExecutor(spec, stuck_seconds=30)])
def test_a_model_that_cannot_be_loaded_is_told_alike(make: Callable[[ModelSpec], Executor]) -> None:
    """The reason crosses the process border."""
    executor = make(MISSING)
    with pytest.raises(ModelError, match="There is no model at 'no-such-model"):
        executor.load()
    assert not executor.alive()


def test_a_killed_process_is_a_lost_worker_and_can_be_replaced() -> None:
    """The next batch says so at once; a new load gives a new process with the same answers."""
    executor = ProcessExecutor(SPEC, stuck_seconds=30)
    executor.load()
    before, first = executor.run(["fine"]), executor.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    with pytest.raises(WorkerLostError, match="it died"):
        executor.run(["fine"])
    executor.load()
    assert executor.pid != first
    assert executor.run(["fine"]) == before
    executor.close()


def test_a_child_does_not_see_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold secrets, and a model's process needs none."""
    monkeypatch.setenv("TEXTMILL_TOKENS__SECRET", "c4n4ry")
    executor = ProcessExecutor(SPEC, stuck_seconds=30)
    executor.load()
    seen = psutil.Process(executor.pid).environ()
    executor.close()
    assert "PYTHONPATH" in seen
    assert [] == [name for name in seen if name.startswith("TEXTMILL_")]


def test_a_silent_process_is_stopped() -> None:
    """A worker that hangs is killed after its time, and told as lost."""
    executor = ProcessExecutor(SPEC, stuck_seconds=0.5)
    executor.load()
    assert executor.pid is not None
    os.kill(executor.pid, signal.SIGSTOP)
    with pytest.raises(WorkerLostError, match="was silent for"):
        executor.run(["fine"])
    assert not executor.alive()
