"""Take requests one by one, and deal with all of a tick's together.

After each system call the processor has forgotten much, and Python runs at half its speed.
So the work between reading sockets and writing to them is done in one row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
R = TypeVar("R")


class Row(Generic[T]):
    """Things that wait for the end of one event loop's tick.

    Args:
        deal: is given all of a tick's; it must not raise.
    """

    def __init__(self, deal: Callable[[Sequence[T]], None]) -> None:
        self._deal = deal
        self._waiting: list[T] = []

    def add(self, thing: T) -> None:
        """Let it wait too."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._end)
        self._waiting.append(thing)

    def _end(self) -> None:
        things, self._waiting = self._waiting, []
        self._deal(things)


class Desk(Generic[T, R]):
    """Work that waits for the end of the event loop's tick.

    Args:
        work: deals with one thing, without waiting; what it raises goes to who entered that thing.
    """

    def __init__(self, work: Callable[[T], R]) -> None:
        self._work = work
        self._rows: WeakKeyDictionary[asyncio.AbstractEventLoop, Row[tuple[T, asyncio.Future[R]]]] = (
            WeakKeyDictionary()
        )

    def enter(self, thing: T) -> asyncio.Future[R]:
        """What to await for the result."""
        loop = asyncio.get_running_loop()
        row = self._rows.get(loop)
        if row is None:
            row = self._rows[loop] = Row(self._deal)
        future: asyncio.Future[R] = loop.create_future()
        row.add((thing, future))
        return future

    def _deal(self, waiting: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        for thing, future in waiting:
            if future.cancelled():
                continue
            try:
                future.set_result(self._work(thing))
            except Exception as error:  # noqa: BLE001 - whoever waits for it gets it, and nobody else
                future.set_exception(error)
