"""One model's way through the engine: its queue, its loop, its worker."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Literal

from textmill.engine.bisection import attempt, compute
from textmill.engine.calls import Call, Item, Outcome, items_of
from textmill.engine.events import (
    BatchDone,
    Expired,
    Listener,
    Poisoned,
    Renewed,
    Shed,
    State,
    StateChanged,
    ignore,
)
from textmill.engine.executors import BatchError, WorkerLostError
from textmill.engine.inline import is_cheap
from textmill.engine.memory import freeze
from textmill.engine.placement import Place, Placed, check_golden, place
from textmill.engine.policy import Backlog, Bounds, Pace, backoff, refuse, retry_after
from textmill.engine.queue import Queue
from textmill.engine.renewal import LOOK_SECONDS, Growth, Successor
from textmill.errors import (
    DeadlineExceededError,
    ModelError,
    ModelNotReadyError,
    OverloadedError,
    PredictionError,
    ShuttingDownError,
)
from textmill.runtimes.base import ModelInfo, ModelSpec, Result

logger = logging.getLogger(__name__)

HEARTBEAT = 0.25
"""Seconds after which an idle loop looks around: is the worker still there?"""
MAX_CRASHES = 2
LOAD_ATTEMPTS = 3
LOADING_RETRY_SECONDS = 2


@dataclass(frozen=True, slots=True)
class LaneOptions:
    """How a lane works."""

    bounds: Bounds
    wait_seconds: float = 0.0
    stuck_seconds: float = 60.0
    place: Place | Literal["auto"] = "auto"
    growth: float = 0.1


def place_by_measure(spec: ModelSpec, options: LaneOptions) -> Placed:
    """Load a model where it computes best."""
    return place(spec, options.place, stuck_seconds=options.stuck_seconds)


class Lane:
    """Loads one model on a thread of its own, then computes what is submitted, in batches.

    Args:
        clock: monotonic seconds; deadlines are measured with it.
        listener: is told what happens; it must not raise, block, or call the lane.
        load: loads the model and decides where it computes; by default `placement.place`.
    """

    def __init__(
        self,
        spec: ModelSpec,
        options: LaneOptions,
        *,
        clock: Callable[[], float] = time.monotonic,
        listener: Listener = ignore,
        load: Callable[[ModelSpec, LaneOptions], Placed] = place_by_measure,
    ) -> None:
        self.spec = spec
        self.state: State = "loading"
        self.reason: str | None = None
        self._options = options
        self._clock = clock
        self._tell = listener
        self._place = load
        self._placed: Placed | None = None
        self._pace = Pace()
        self._queue = Queue(options.bounds)
        self._running = Backlog(0, 0)
        self._busy_since: float | None = None
        self._closing = False
        self._growth = Growth(options.growth)
        self._successor: Successor | None = None
        self._looked = 0.0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._supervise, name=f"textmill-{spec.name}", daemon=True)

    # What others ask.

    @property
    def info(self) -> ModelInfo | None:
        """The model card, once loaded."""
        return self._placed.info if self._placed else None

    @property
    def place(self) -> Place | None:
        """Where it computes, once loaded."""
        return self._placed.place if self._placed else None

    @property
    def worker_pid(self) -> int | None:
        """The process id of its worker, where it has one."""
        return getattr(self._placed.executor, "pid", None) if self._placed else None

    @property
    def backlog(self) -> Backlog:
        """What waits and runs."""
        waiting = self._queue.backlog
        return Backlog(waiting.items + self._running.items, waiting.characters + self._running.characters)

    def stuck(self) -> bool:
        """Whether the batch in flight has run for too long, or the loop is gone."""
        since = self._busy_since
        overdue = since is not None and self._clock() - since > self._options.stuck_seconds
        return overdue or (self.state != "failed" and not self._closing and not self._thread.is_alive())

    def not_ready(self) -> ModelNotReadyError:
        """What to tell a caller while no work is accepted."""
        if self.state == "failed":
            return ModelNotReadyError(f"Model {self.spec.name!r} could not be loaded; see the server's log.")
        return ModelNotReadyError(
            f"Model {self.spec.name!r} is still loading.", retry_after=LOADING_RETRY_SECONDS
        )

    def start(self) -> None:
        """Begin to load, and return at once."""
        self._thread.start()

    def compute_now(self, texts: Sequence[str], *, explain: bool = False) -> Sequence[Outcome] | None:
        """The answers, where the model is cheap enough to compute in the caller's thread; else None."""
        placed, characters = self._placed, sum(map(len, texts))
        if placed is None or not self._is_free() or not is_cheap(texts, self._pace, explain=explain):
            return None
        started = self._clock()
        try:
            found: Sequence[Outcome] | None = attempt(placed.executor, texts, explain=explain)
            if found is None:
                parts = compute(placed.executor, texts, explain=explain)
                found = [self._outcome(result) for _, result in parts]
        except WorkerLostError:  # closed meanwhile: `submit` says so
            return None
        self._tell(BatchDone(self.spec.name, len(texts), characters, self._clock() - started))
        return found

    def submit(
        self, texts: Sequence[str], deadline: float, *, explain: bool = False
    ) -> Future[list[Outcome]]:
        """Accept some texts, or raise at once.

        Args:
            texts: at least one.
            deadline: when the answer becomes worthless, on the lane's clock.

        Raises:
            ModelNotReadyError, OverloadedError, ShuttingDownError: nothing was accepted.
        """
        characters = sum(map(len, texts))
        call = Call(len(texts), deadline)
        with self._changed:
            self._admit(len(texts), characters, deadline)
            self._queue.add(items_of(call, texts, explain=explain), characters)
            self._changed.notify_all()
        return call.future

    def close(self, patience: float) -> None:
        """Finish what was accepted, for at most `patience` seconds, then stop and give everything back."""
        until = self._clock() + patience
        with self._changed:
            while self.backlog.items and self._clock() < until and self._thread.is_alive():
                self._changed.wait(min(HEARTBEAT, max(0.0, until - self._clock())))
            self._closing = True
            left = self._queue.clear()
            self._changed.notify_all()
        for item in left:
            item.settle(ShuttingDownError("The server stopped before this text was computed."))
        if self._thread.is_alive() and self.state != "loading":
            self._thread.join(timeout=max(HEARTBEAT * 2, until - self._clock()))
        if self._placed:
            self._placed.executor.close()

    # Admission, with the lock held.

    def _admit(self, items: int, characters: int, deadline: float) -> None:
        if self._closing:
            raise ShuttingDownError("This server is shutting down; send the request again.", retry_after=1)
        if self.state in ("loading", "failed"):
            raise self.not_ready()
        patience = deadline - self._clock()
        bounds = self._options.bounds
        reason = refuse(
            self.backlog, bounds, self._pace, items=items, characters=characters, patience=patience
        )
        if reason:
            self._tell(Shed(self.spec.name, items, reason))
            raise OverloadedError(
                f"Too much work is waiting for model {self.spec.name!r}; send the request again later.",
                retry_after=retry_after(self.backlog, self._pace),
            )

    def _is_free(self) -> bool:
        """Whether callers may compute; a running batch may hold the model for as long as it takes."""
        return (
            self.place == "inline" and self.state == "ready" and not self._closing and not self._running.items
        )

    # The loop, on the lane's own thread.

    def _supervise(self) -> None:
        """Keep the loop running: a bug in it must not end the model's service."""
        loaded = self._load()
        while loaded and not self._closing:
            try:
                self._loop()
            except Exception:
                logger.exception("The loop of model %r failed and starts again.", self.spec.name)
        for owner in (self._placed and self._placed.executor, self._successor):
            if owner:
                owner.close()

    def _load(self) -> bool:
        """Load the model for the first time; a worker that dies meanwhile is tried again."""
        failure: Exception = RuntimeError("it was never tried")
        for trial in range(LOAD_ATTEMPTS):
            try:
                self._placed = self._place(self.spec, self._options)
            except WorkerLostError as error:
                failure = error
                self._pause(backoff(trial))
            except ModelError as error:
                self._become("failed", str(error))
                return False
            else:
                self._pace = self._placed.pace
                freeze()
                self._become("ready")
                return True
        self._become("failed", str(failure))
        return False

    def _loop(self) -> None:
        while not self._closing:
            if not self._worker_alive():
                self._recover()
                continue
            self._renew()
            batch = self._next_batch()
            if batch:
                self._compute(batch)

    def _worker_alive(self) -> bool:
        return self._placed is not None and self._placed.executor.alive()

    def _next_batch(self) -> list[Item]:
        """Wait for work, at most a heartbeat long, and take it."""
        with self._changed:
            if not self._queue:
                self._changed.wait(HEARTBEAT)
            if self._options.wait_seconds and self._queue:
                self._wait_for_more()
            taken = self._queue.take(self._clock())
            self._running = Backlog(len(taken.batch), sum(item.cost for item in taken.batch))
        self._drop(taken.dropped)
        return taken.batch

    def _wait_for_more(self) -> None:
        until = self._clock() + self._options.wait_seconds
        while len(self._queue) < self._options.bounds.batch_items and not self._closing:
            left = until - self._clock()
            if left <= 0 or not self._changed.wait(left):
                return

    def _drop(self, items: Sequence[Item]) -> None:
        if not items:
            return
        for item in items:
            item.settle(DeadlineExceededError("The text was not computed before its deadline."))
        self._tell(Expired(self.spec.name, len(items)))

    def _compute(self, batch: list[Item]) -> None:
        started = self._busy_since = self._clock()
        try:
            self._resolve(batch)
        except WorkerLostError as error:
            logger.warning("%s", error)
            self._requeue(batch)
        else:
            seconds, characters = self._clock() - started, self._running.characters
            self._pace = self._pace.after(characters, seconds)
            self._tell(BatchDone(self.spec.name, len(batch), characters, seconds))
        finally:
            self._busy_since = None
            with self._changed:
                self._running = Backlog(0, 0)
                self._changed.notify_all()

    def _resolve(self, batch: Sequence[Item]) -> None:
        """Compute a batch and settle its texts; those that want reasons run apart from those that do not."""
        if self._placed is None:
            raise WorkerLostError("The model is not loaded.")
        for explain in (False, True):
            part = [item for item in batch if item.explain is explain]
            if part:
                texts = [item.text for item in part]
                for place, result in compute(self._placed.executor, texts, explain=explain):
                    part[place].settle(self._outcome(result))

    def _outcome(self, result: Result | BatchError) -> Outcome:
        return self._poisoned(str(result)) if isinstance(result, BatchError) else result

    def _poisoned(self, error: str) -> PredictionError:
        self._tell(Poisoned(self.spec.name, error))
        return PredictionError(f"Model {self.spec.name!r} failed on this text ({error}).")

    def _requeue(self, batch: Sequence[Item]) -> None:
        """After the loss of a worker: try every unfinished text once more, alone."""
        again = []
        for item in batch:
            if item.settled:
                continue
            item.crashes += 1
            if item.crashes >= MAX_CRASHES:
                item.settle(self._poisoned("WorkerLost"))
            else:
                again.append(item)
        with self._changed:
            self._queue.put_back(again)

    def _renew(self) -> None:
        """Let a fresh worker take over from one that has grown."""
        if self._placed is None or self._clock() - self._looked < LOOK_SECONDS:
            return
        self._looked = self._clock()
        if self._successor is None:
            resident = self._placed.executor.resident()
            if resident is not None and self._growth.exceeded(resident):
                self._successor = Successor(self._placed.executor.twin(), self._placed.golden)
        elif self._successor.done:
            fresh, self._successor = self._successor.take(), None
            self._growth = Growth(self._options.growth)
            if fresh is not None:
                self._placed.executor.close()
                self._placed = replace(self._placed, executor=fresh)
                self._tell(Renewed(self.spec.name))

    def _recover(self) -> None:
        """Replace a lost worker, however long it takes; its answers must be the old ones."""
        self._become("recovering", "its worker process was lost")
        attempt = 0
        while not self._closing and not self._restart():
            attempt += 1
            with self._changed:
                expired = self._queue.drop_expired(self._clock())
            self._drop(expired)
            self._pause(backoff(attempt))

    def _restart(self) -> bool:
        if self._placed is None:
            return False
        executor = self._placed.executor
        try:
            executor.load()
            check_golden(executor, self._placed.golden)
        except (ModelError, WorkerLostError) as error:
            executor.close()
            self._become("recovering", str(error))
            return False
        self._become("ready")
        return True

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if not self._closing:
                self._changed.wait(seconds)

    def _become(self, state: State, reason: str | None = None) -> None:
        changed = (state, reason) != (self.state, self.reason)
        self.state, self.reason = state, reason
        if changed:
            self._tell(StateChanged(self.spec.name, state, reason))
