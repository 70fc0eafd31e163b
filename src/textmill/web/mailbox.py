"""Wake coroutines from the engine's threads, many with one wake-up of the loop.

`asyncio.wrap_future` wakes the loop once for each future; a batch completes dozens at the same moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from typing import Any
from weakref import WeakKeyDictionary


class Mailbox:
    """The waiters of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._done: list[asyncio.Future[None]] = []

    @classmethod
    def current(cls) -> Mailbox:
        """The mailbox of the running loop."""
        loop = asyncio.get_running_loop()
        mailbox = _mailboxes.get(loop)
        if mailbox is None:
            mailbox = _mailboxes[loop] = cls(loop)
        return mailbox

    def waiter(self, future: Future[Any]) -> asyncio.Future[None]:
        """Something to await that is done once `future` is, whatever became of it."""
        waiter = self._loop.create_future()
        future.add_done_callback(lambda _: self._post(waiter))
        return waiter

    def _post(self, waiter: asyncio.Future[None]) -> None:
        """Called by the engine's threads. The first letter in an empty box rings the bell."""
        with self._lock:
            rings = not self._done
            self._done.append(waiter)
        if rings:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._lock:
            letters, self._done = self._done, []
        for waiter in letters:
            if not waiter.done():
                waiter.set_result(None)


_mailboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Mailbox] = WeakKeyDictionary()
