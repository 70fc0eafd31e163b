"""The engine's decisions, as pure functions of state and time.

Cost is counted in characters: it is known before any work, and the models' time grows with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from textmill.engine.events import ShedReason

T = TypeVar("T")

SMALL = 512
"""Costs up to this many characters count as alike: a batch's fixed cost outweighs their difference."""
SPREAD = 4
"""Longer texts share a batch only with texts at most this many times longer or shorter."""
SCAN = 4
"""How many times a full batch to look ahead for texts of a like length."""
SMOOTHING = 0.2
"""The weight of the newest batch in the measured pace."""
MAX_RETRY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may wait and what may run together."""

    queue_items: int
    queue_characters: int
    batch_items: int
    batch_characters: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a model has been lately: seconds a character, and seconds a batch."""

    per_character: float = 0.0
    per_batch: float = 0.0

    def after(self, characters: int, seconds: float) -> Pace:
        """The pace with one more batch taken into account; the first batch counts in full."""
        weight = SMOOTHING if self.per_batch else 1.0
        return replace(
            self,
            per_character=_blend(self.per_character, seconds / max(characters, 1), weight),
            per_batch=_blend(self.per_batch, seconds, weight),
        )


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is waiting and running for one model."""

    items: int
    characters: int

    def seconds(self, pace: Pace) -> float:
        """How long the backlog will take at that pace."""
        return self.characters * pace.per_character

    def exceeded_by(self, bounds: Bounds, *, items: int, characters: int) -> ShedReason | None:
        """Which bound of the queue the newcomers would break."""
        if self.items + items > bounds.queue_items:
            return "queue-items"
        if self.characters + characters > bounds.queue_characters:
            return "queue-characters"
        return None


def _blend(old: float, new: float, weight: float) -> float:
    return old + weight * (new - old)


def refuse(
    backlog: Backlog, bounds: Bounds, pace: Pace, *, items: int, characters: int, patience: float
) -> ShedReason | None:
    """Decide whether a call must be shed, and why; None accepts it.

    A call that finds nothing waiting is always accepted, whatever its size: the limits of a call are
    checked before, and a bound smaller than one call would refuse it forever.

    Args:
        backlog: what waits and runs already.
        patience: seconds until the call's deadline.
    """
    if backlog.items == 0:
        return None
    if reason := backlog.exceeded_by(bounds, items=items, characters=characters):
        return reason
    return "too-slow" if backlog.seconds(pace) > patience else None


def retry_after(backlog: Backlog, pace: Pace) -> int:
    """Whole seconds until the backlog should be half gone, between 1 and 60."""
    return max(1, min(MAX_RETRY_SECONDS, math.ceil(backlog.seconds(pace) / 2)))


def cut(costs: Sequence[int], bounds: Bounds) -> list[int]:
    """Choose the next batch from the waiting texts' costs, oldest first.

    The oldest text always goes, so nothing starves; others join while they are of a like length and the
    batch has room.

    Returns:
        Positions in `costs`, ascending.
    """
    if not costs:
        return []
    chosen, room = [0], bounds.batch_characters - costs[0]
    low, high = _alike(costs[0])
    for position in range(1, min(len(costs), SCAN * bounds.batch_items)):
        if len(chosen) == bounds.batch_items:
            break
        if low <= costs[position] <= high and costs[position] <= room:
            chosen.append(position)
            room -= costs[position]
    return chosen


def _alike(cost: int) -> tuple[int, int]:
    """The range of costs that may share a batch with this one."""
    if cost <= SMALL:
        return 0, SMALL * 2
    return cost // SPREAD, cost * SPREAD


def halves(batch: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    """Split a batch that failed, to find the text that made it fail."""
    middle = len(batch) // 2
    return batch[:middle], batch[middle:]


def backoff(attempt: int) -> float:
    """Seconds to wait before the n-th restart of a worker in a row (0 for the first)."""
    return 0.0 if attempt == 0 else min(30.0, 0.5 * 2.0 ** (attempt - 1))
