"""The bounded queue of one model."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from textmill.engine.calls import Item
from textmill.engine.policy import SCAN, Backlog, Bounds, cut


@dataclass(frozen=True, slots=True)
class Take:
    """What leaves the queue together: a batch to compute, and items that nobody waits for."""

    batch: list[Item]
    dropped: list[Item]


class Queue:
    """Items that wait, oldest first. Not thread-safe: its lane holds the lock."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._items: deque[Item] = deque()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def backlog(self) -> Backlog:
        """What waits."""
        return Backlog(len(self._items), self._characters)

    def add(self, items: Sequence[Item], characters: int) -> None:
        """Put items at the end."""
        self._items.extend(items)
        self._characters += characters

    def put_back(self, items: Sequence[Item]) -> None:
        """Put items at the front again, in their order."""
        self._items.extendleft(reversed(items))
        self._characters += sum(item.cost for item in items)

    def take(self, now: float) -> Take:
        """Take the next batch, and drop what is expired on the way."""
        window = [self._items.popleft() for _ in range(self._window())]
        self._characters -= sum(item.cost for item in window)
        dropped = [item for item in window if item.call.expired(now)]
        live = [item for item in window if not item.call.expired(now)] if dropped else window
        chosen = self._choose(live)
        if len(chosen) < len(live):
            taken = set(chosen)
            self.put_back([item for position, item in enumerate(live) if position not in taken])
        return Take([live[position] for position in chosen], dropped)

    def clear(self) -> list[Item]:
        """Remove everything."""
        items = list(self._items)
        self._items.clear()
        self._characters = 0
        return items

    def drop_expired(self, now: float) -> list[Item]:
        """Remove everything that is expired."""
        dropped = [item for item in self._items if item.call.expired(now)]
        if dropped:
            self._items = deque(item for item in self._items if not item.call.expired(now))
            self._characters = sum(item.cost for item in self._items)
        return dropped

    def _window(self) -> int:
        return min(len(self._items), SCAN * self.bounds.batch_items)

    def _choose(self, live: list[Item]) -> list[int]:
        """A text that a worker died with goes alone, so that only the guilty one dies again."""
        if live and live[0].crashes:
            return [0]
        healthy = [position for position, item in enumerate(live) if not item.crashes]
        costs = [live[position].cost for position in healthy]
        return [healthy[position] for position in cut(costs, self.bounds)]
