"""Load a model where it computes best: in the caller, on a thread, or in a process of its own."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from textmill.engine.executors import BatchError, Executor, LocalExecutor, ProcessExecutor
from textmill.engine.policy import Pace
from textmill.errors import ModelInvalidError
from textmill.runtimes.base import ModelInfo, ModelSpec, Result
from textmill.runtimes.registry import is_heavy

Place: TypeAlias = Literal["inline", "thread", "process"]

INLINE_SECONDS = 0.0003
"""Below this a text costs less than handing it to another thread and back."""
PROCESS_SECONDS = 0.002
"""Above this a text holds the interpreter so long that web requests and health checks would feel it."""
ROUNDS = 3

PROBES = (
    "Tim Cook opened a new shop in Berlin on Monday.",
    "I love this product, but the battery could be better!",
    "It was, all in all, a long and rather uneventful journey through the mountains of northern Italy.",
)
"""What every model is tried with: warm-up, measurement, and the golden example."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A model that is loaded, warm, and known to work.

    Attributes:
        golden: its answers to `PROBES`; after a restart it must give them again.
        seconds: the measured time of one short text alone.
    """

    executor: Executor
    place: Place
    info: ModelInfo
    golden: Sequence[Result]
    pace: Pace
    seconds: float


def choose(wanted: Place | Literal["auto"], seconds: float) -> Place:
    """Where a model belongs that needs so long for a short text."""
    if wanted != "auto":
        return wanted
    if seconds < INLINE_SECONDS:
        return "inline"
    return "process" if seconds > PROCESS_SECONDS else "thread"


def place(spec: ModelSpec, wanted: Place | Literal["auto"], *, stuck_seconds: float) -> Placed:
    """Load a model, measure it, and move it once if it belongs elsewhere.

    Raises:
        ModelError: the model cannot be served.
        WorkerLostError: its process died while loading.
    """
    guess: Place = ("process" if is_heavy(spec) else "thread") if wanted == "auto" else wanted
    first = _load(spec, guess, stuck_seconds)
    better = choose(wanted, first.seconds)
    if (better == "process") == (guess == "process"):
        return Placed(first.executor, better, first.info, first.golden, first.pace, first.seconds)
    first.executor.close()
    return _load(spec, better, stuck_seconds)


def probe(executor: Executor) -> Sequence[Result]:
    """The model's answers to the probes.

    Raises:
        ModelInvalidError: it fails on them.
    """
    try:
        return executor.run(PROBES)
    except BatchError as error:
        raise ModelInvalidError(
            f"The model loads, but fails on a plain English sentence with {error}. Try it by hand: "
            "textmill predict MODEL 'Some text'"
        ) from error


def check_golden(executor: Executor, golden: Sequence[Result]) -> None:
    """Make sure that a model which was loaded again gives its old answers.

    Raises:
        ModelInvalidError: it does not.
    """
    if list(probe(executor)) != list(golden):
        raise ModelInvalidError("After its restart the model answers differently; was its file replaced?")


def _load(spec: ModelSpec, where: Place, stuck_seconds: float) -> Placed:
    executor: Executor
    if where == "process":
        executor = ProcessExecutor(spec, stuck_seconds=stuck_seconds)
    else:
        executor = LocalExecutor(spec)
    info = executor.load()
    golden = probe(executor)
    seconds = _measure(executor)
    pace = Pace().after(sum(map(len, PROBES)), seconds * len(PROBES))
    return Placed(executor, where, info, golden, pace, seconds)


def _measure(executor: Executor) -> float:
    """The median time of one probe alone, in seconds."""
    times = []
    for text in PROBES * ROUNDS:
        started = time.perf_counter()
        executor.run([text])
        times.append(time.perf_counter() - started)
    return statistics.median(times)
