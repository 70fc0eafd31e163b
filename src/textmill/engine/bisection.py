"""Compute a batch so that a text which makes the model fail fails alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textmill.engine.executors import BatchError, Executor
from textmill.engine.policy import halves
from textmill.runtimes.base import Result


def attempt(executor: Executor, texts: Sequence[str], *, explain: bool = False) -> Sequence[Result] | None:
    """All results together, as is usual; None where the batch raises and is for `compute`.

    Raises:
        WorkerLostError: the worker is gone.
    """
    try:
        return _run(executor, texts, explain=explain)
    except BatchError:
        return None


def compute(
    executor: Executor, texts: Sequence[str], *, explain: bool = False, first: int = 0
) -> Iterator[tuple[int, Result | BatchError]]:
    """Each text's place with its result or its error; a batch that raises is halved until the text is found.

    Args:
        first: the place of the first text.

    Raises:
        WorkerLostError: the worker is gone; what was yielded before stands.
    """
    try:
        results = _run(executor, texts, explain=explain)
    except BatchError as error:
        if len(texts) == 1:
            yield first, error
            return
        for half in halves(texts):
            yield from compute(executor, half, explain=explain, first=first)
            first += len(half)
    else:
        yield from enumerate(results, first)


def _run(executor: Executor, texts: Sequence[str], *, explain: bool) -> Sequence[Result]:
    results = executor.run(texts, explain=explain)
    if len(results) != len(texts):
        raise BatchError("WrongNumberOfResults")
    return results
