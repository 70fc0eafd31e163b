"""Take requests one by one, and deal with all of a tick's together.

After each system call the processor has forgotten much, and Python runs at half its speed.
So the work between reading sockets and writing to them is done in one row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
R = TypeVar("R")


class Desk(Generic[T, R]):
    """Work that waits for the end of the event loop's tick.

    Args:
        work: deals with one thing, without waiting; what it raises goes to who entered that thing.
    """

    def __init__(self, work: Callable[[T], R]) -> None:
        self._work = work
        self._waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, list[tuple[T, asyncio.Future[R]]]] = (
            WeakKeyDictionary()
        )

    def enter(self, thing: T) -> asyncio.Future[R]:
        """What to await for the result."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(loop)
        if waiting is None:
            waiting = self._waiting[loop] = []
        if not waiting:
            loop.call_soon(self._deal, waiting)
        future: asyncio.Future[R] = loop.create_future()
        waiting.append((thing, future))
        return future

    def _deal(self, waiting: list[tuple[T, asyncio.Future[R]]]) -> None:
        batch = waiting[:]
        waiting.clear()
        for thing, future in batch:
            if future.cancelled():
                continue
            try:
                future.set_result(self._work(thing))
            except Exception as error:  # noqa: BLE001 - whoever waits for it gets it, and nobody else
                future.set_exception(error)
