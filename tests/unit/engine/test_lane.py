"""One model's lane, with a fake worker whose timing the tests decide."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from tests.fakes import BOUNDS, KILLER, POISON, SPEC, FakeExecutor, answer, placing
from textmill.engine.calls import Outcome
from textmill.engine.events import BatchDone, Event, Expired, Poisoned, Renewed, Shed, StateChanged
from textmill.engine.lane import Lane, LaneOptions
from textmill.engine.renewal import SETTLING
from textmill.errors import (
    DeadlineExceededError,
    ModelInvalidError,
    ModelNotReadyError,
    OverloadedError,
    PredictionError,
    ShuttingDownError,
)
from textmill.runtimes.base import Explained

LONG = 30.0


class Clock:
    """Real time, plus what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class Bench:
    """A lane on a fake worker, with what it told."""

    def __init__(self, options: LaneOptions, executor: FakeExecutor, load: Any) -> None:
        self.events: list[Event] = []
        self.clock = Clock()
        self.executor = executor
        self.lane = Lane(SPEC, options, clock=self.clock, listener=self.events.append, load=load)

    def submit(self, *texts: str, seconds: float = LONG, explain: bool = False) -> Future[list[Outcome]]:
        return self.lane.submit(texts, self.clock() + seconds, explain=explain)

    def occupy(self) -> Future[list[Outcome]]:
        """Keep the worker busy until its gate opens."""
        self.executor.gate.clear()
        self.executor.entered.clear()
        future = self.submit("occupying")
        assert self.executor.entered.wait(5)
        return future

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def eventually(claim: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for a claim to become true."""
    until = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < until, f"it did not become true within {seconds} s"
        time.sleep(0.005)


@pytest.fixture
def make() -> Iterator[Callable[..., Bench]]:
    """Build benches, and close them in the end."""
    benches: list[Bench] = []

    def build(options: LaneOptions | None = None, *, place: Any = "thread", start: bool = True) -> Bench:
        executor = FakeExecutor()
        bench = Bench(options or LaneOptions(BOUNDS), executor, placing(executor, place))
        benches.append(bench)
        if start:
            bench.lane.start()
            eventually(lambda: bench.lane.state == "ready")
        return bench

    yield build
    for bench in benches:
        bench.executor.gate.set()
        bench.lane.close(1)


def test_every_text_gets_its_own_answer_in_order(make: Callable[..., Bench]) -> None:
    """A call of several texts is answered text by text."""
    bench = make()
    assert bench.submit("a", "bbb", "cc").result(5) == [answer("a"), answer("bbb"), answer("cc")]


def test_a_batch_is_what_arrived_while_the_last_one_ran(make: Callable[..., Bench]) -> None:
    """Greedy batching: no timer, everything that waits goes together."""
    bench = make()
    first = bench.occupy()
    waiting = [bench.submit(text) for text in ("b", "c", "d")]
    bench.executor.gate.set()
    assert [future.result(5) for future in (first, *waiting)]
    assert bench.executor.batches == [["occupying"], ["b", "c", "d"]]


def test_the_guilty_text_alone_gets_the_error(make: Callable[..., Bench]) -> None:
    """A batch that raises is halved down to the text that does it."""
    bench = make()
    bench.occupy()
    waiting = [bench.submit(text) for text in ("b", POISON, "c", "d")]
    bench.executor.gate.set()
    good, bad, *more = [future.result(5)[0] for future in waiting]
    assert [good, *more] == [answer("b"), answer("c"), answer("d")]
    assert isinstance(bad, PredictionError)
    assert POISON not in str(bad)
    assert bench.told(Poisoned) == [Poisoned("fake", "ValueError")]


def test_more_than_the_queue_holds_is_shed_with_a_retry_hint(make: Callable[..., Bench]) -> None:
    """Overload is answered at once; what was accepted is still computed."""
    bench = make()
    accepted = [bench.occupy(), *(bench.submit("x") for _ in range(BOUNDS.queue_items - 1))]
    with pytest.raises(OverloadedError) as shed:
        bench.submit("one too many")
    assert shed.value.retry_after == 1
    assert bench.told(Shed) == [Shed("fake", 1, "queue-items")]
    bench.executor.gate.set()
    assert all(future.result(5) for future in accepted)


def test_a_text_whose_deadline_has_passed_is_never_computed(make: Callable[..., Bench]) -> None:
    """It is dropped before the batch forms."""
    bench = make()
    bench.occupy()
    late = bench.submit("too late", seconds=5)
    bench.clock.ahead = 6
    bench.executor.gate.set()
    assert isinstance(late.result(5)[0], DeadlineExceededError)
    assert bench.executor.batches == [["occupying"]]
    assert bench.told(Expired) == [Expired("fake", 1)]


def test_a_text_that_nobody_waits_for_is_never_computed(make: Callable[..., Bench]) -> None:
    """A cancelled call is dropped like an expired one."""
    bench = make()
    bench.occupy()
    gone = bench.submit("gone")
    gone.cancel()
    kept = bench.submit("kept")
    bench.executor.gate.set()
    assert kept.result(5) == [answer("kept")]
    assert bench.executor.batches == [["occupying"], ["kept"]]


def test_a_lost_worker_is_replaced_and_its_texts_are_computed(make: Callable[..., Bench]) -> None:
    """The death of a worker loses no accepted text."""
    bench = make()
    future = bench.occupy()
    bench.executor.kill()
    bench.executor.gate.set()
    assert future.result(5) == [answer("occupying")]
    states = [event.state for event in bench.told(StateChanged) if isinstance(event, StateChanged)]
    assert states == ["ready", "recovering", "ready"]


def test_an_idle_lane_notices_that_its_worker_is_gone(make: Callable[..., Bench]) -> None:
    """Nobody has to send a request for the worker to be replaced."""
    bench = make()
    bench.executor.broken_loads = 1
    bench.executor.kill()
    eventually(lambda: bench.lane.state == "recovering")
    eventually(lambda: bench.lane.state == "ready")
    assert bench.executor.loads == 3


def test_a_text_that_kills_workers_is_found(make: Callable[..., Bench]) -> None:
    """After two dead workers the text gets an error; its neighbours get their answers."""
    bench = make()
    bench.occupy()
    waiting = [bench.submit(text) for text in ("b", KILLER, "c")]
    bench.executor.gate.set()
    before, killer, after = [future.result(5)[0] for future in waiting]
    assert [before, after] == [answer("b"), answer("c")]
    assert isinstance(killer, PredictionError)


def test_a_cheap_model_computes_in_its_callers_thread(make: Callable[..., Bench]) -> None:
    """Inline: the answer is there at once, with no thread and no future in between."""
    bench = make(place="inline")
    assert [answer("a"), answer("bc")] == bench.lane.compute_now(["a", "bc"])


def test_a_bad_text_fails_alone_in_its_callers_thread(make: Callable[..., Bench]) -> None:
    """Its neighbours in the same call get their answers."""
    bench = make(place="inline")
    before, poisoned, after = bench.lane.compute_now(["a", POISON, "b"]) or []
    assert [answer("a"), answer("b")] == [before, after]
    assert isinstance(poisoned, PredictionError)


def test_what_is_not_inline_is_not_computed_at_once(make: Callable[..., Bench]) -> None:
    """Another thread or process computes it."""
    assert make(place="thread").lane.compute_now(["a"]) is None


def test_reasons_are_given_to_those_who_ask(make: Callable[..., Bench]) -> None:
    """Also where both kinds wait together."""
    bench = make()
    bench.occupy()
    plain, explained = bench.submit("b"), bench.submit("b", explain=True)
    bench.executor.gate.set()
    assert [answer("b")] == plain.result(5)
    assert [Explained(answer("b"), ())] == explained.result(5)


def test_a_long_text_never_computes_inline(make: Callable[..., Bench]) -> None:
    """What would hold the caller's event loop goes to the lane's own thread."""
    bench = make(place="inline")
    bench.executor.gate.clear()
    assert bench.lane.compute_now(["x" * 9_000_000]) is None
    future = bench.submit("x" * 9_000_000)
    assert not future.done()
    bench.executor.gate.set()
    assert future.result(5)


def test_a_model_that_still_loads_refuses_with_a_hint(make: Callable[..., Bench]) -> None:
    """Before it is ready nothing is accepted."""
    bench = make(start=False)
    with pytest.raises(ModelNotReadyError) as refused:
        bench.submit("a")
    assert refused.value.retry_after == 2


def test_a_model_that_cannot_be_loaded_is_reported_and_refuses() -> None:
    """The lane fails for good, with the reason."""

    def load(*_: object) -> Any:
        raise ModelInvalidError("it has no classes")

    bench = Bench(LaneOptions(BOUNDS), FakeExecutor(), load)
    bench.lane.start()
    eventually(lambda: bench.lane.state == "failed")
    assert bench.events == [StateChanged("fake", "failed", "it has no classes")]
    with pytest.raises(ModelNotReadyError, match="could not be loaded"):
        bench.submit("a")
    bench.lane.close(1)


def test_closing_finishes_what_was_accepted(make: Callable[..., Bench]) -> None:
    """Drain: accepted texts are computed, later ones refused."""
    bench = make()
    accepted = [bench.submit("x" * size) for size in range(1, 7)]
    bench.lane.close(5)
    assert [future.result(0)[0] for future in accepted] == [answer("x" * size) for size in range(1, 7)]
    with pytest.raises(ShuttingDownError):
        bench.submit("late")


def test_closing_does_not_wait_for_ever(make: Callable[..., Bench]) -> None:
    """What is not computed in time is answered with an error, not left hanging."""
    bench = make()
    bench.occupy()
    waiting = bench.submit("never computed")
    bench.lane.close(0.2)
    assert isinstance(waiting.result(0)[0], ShuttingDownError)


def test_a_stuck_batch_shows(make: Callable[..., Bench]) -> None:
    """Liveness: a batch that runs longer than allowed is told, an idle lane is not stuck."""
    bench = make(LaneOptions(BOUNDS, stuck_seconds=5))
    assert not bench.lane.stuck()
    future = bench.occupy()
    bench.clock.ahead = 6
    assert bench.lane.stuck()
    bench.executor.gate.set()
    future.result(5)
    eventually(lambda: not bench.lane.stuck())


def test_a_worker_that_has_grown_is_replaced_while_it_works(make: Callable[..., Bench]) -> None:
    """The fresh one takes over between two batches; nothing is refused or lost."""
    bench = make()
    bench.executor.bytes = 100_000_000

    def looked() -> bool:
        bench.clock.ahead += 3
        bench.submit("something, so that the loop turns").result(5)
        if bench.executor.looks > SETTLING:
            bench.executor.bytes = 200_000_000
        return bool(bench.told(Renewed))

    eventually(looked, seconds=30)
    (fresh,) = bench.executor.twins
    assert not bench.executor.alive()
    assert bench.submit("a").result(5) == [answer("a")]
    assert fresh.batches[-1] == ["a"]


def test_waiting_for_a_fuller_batch_is_opt_in(make: Callable[..., Bench]) -> None:
    """With a wait, texts that arrive one after the other share a batch."""
    bench = make(LaneOptions(BOUNDS, wait_seconds=1.0))
    futures = [bench.submit(text) for text in ("a", "b", "c", "d")]
    assert all(future.result(5) for future in futures)
    assert bench.executor.batches == [["a", "b", "c", "d"]]


def test_batches_are_told(make: Callable[..., Bench]) -> None:
    """Listeners learn how many texts and characters a batch had."""
    bench = make()
    bench.submit("ab", "c").result(5)
    eventually(lambda: bool(bench.told(BatchDone)))
    (done,) = bench.told(BatchDone)
    assert isinstance(done, BatchDone)
    assert (done.items, done.characters) == (2, 3)
