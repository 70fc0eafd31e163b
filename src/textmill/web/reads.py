"""End the reading of bodies that arrive too slowly: one timer for all of a loop, instead of one for each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

LOOKS = 10
"""How often a limit's time is looked at: a read ends at most a tenth of it too late."""


class Reads:
    """The reads of one event loop that are going on, and when each began.

    Args:
        seconds: how long one may take.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self.seconds = seconds
        self._begun: dict[asyncio.Task[object], float] = {}
        self._ended: set[asyncio.Task[object]] = set()
        self._looking = False

    @classmethod
    def current(cls, seconds: float) -> Reads:
        """Those of the running loop."""
        loop = asyncio.get_running_loop()
        reads = _reads.get(loop)
        if reads is None or reads.seconds != seconds:
            reads = _reads[loop] = cls(loop, seconds)
        return reads

    async def within(self, read: Awaitable[T]) -> T | None:
        """What was read, or None where it took too long."""
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("Bodies are read in a task.")
        self._begun[task] = self._loop.time()
        if not self._looking:
            self._look()
        try:
            return await read
        except asyncio.CancelledError:
            if task not in self._ended or task.uncancel():
                raise
            return None
        finally:
            del self._begun[task]
            self._ended.discard(task)

    def _look(self) -> None:
        """End what is overdue; look again later, as long as anything is read."""
        now = self._loop.time()
        for task, begun in self._begun.items():
            if now - begun > self.seconds and task not in self._ended:
                self._ended.add(task)
                task.cancel()
        self._looking = bool(self._begun)
        if self._looking:
            self._loop.call_later(self.seconds / LOOKS, self._look)


_reads: WeakKeyDictionary[asyncio.AbstractEventLoop, Reads] = WeakKeyDictionary()
