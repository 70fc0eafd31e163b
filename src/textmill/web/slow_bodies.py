"""End the reading of bodies that take too long, on servers that would wait forever.

gunicorn's threads read a body with a blocking call that has no total time limit. One watcher thread shuts the
reading side of connections that are overdue, which ends the call.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Read:
    """One read in progress: until when it may take, and whether it was ended."""

    until: float
    ended: bool = False


class SlowBodies:
    """Watches the reads in progress.

    Args:
        seconds: how long one body may take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._reads: dict[Any, Read] = {}
        self._lock = threading.Lock()
        self._watcher: threading.Thread | None = None

    @contextlib.contextmanager
    def watch(self, connection: Any) -> Iterator[Read]:
        """Limit what is read inside; without a connection it cannot be limited."""
        read = Read(time.monotonic() + self.seconds)
        if connection is None:
            yield read
            return
        self._ensure_watcher()
        self._reads[connection] = read
        try:
            yield read
        finally:
            self._reads.pop(connection, None)

    def end(self, connection: Any) -> None:
        """End a read that takes too long; the answer can still be sent."""
        socket.socket.shutdown(connection, socket.SHUT_RD)  # TLS's own would forget how to encrypt the answer

    def _ensure_watcher(self) -> None:
        if self._watcher is not None and self._watcher.is_alive():
            return
        with self._lock:
            if self._watcher is None or not self._watcher.is_alive():
                self._watcher = threading.Thread(target=self._run, name="textmill-slow-bodies", daemon=True)
                self._watcher.start()

    def _run(self) -> None:
        while True:
            time.sleep(min(0.5, self.seconds / 2))
            now = time.monotonic()
            for connection, read in list(self._reads.items()):
                if now > read.until:
                    read.ended = True
                    with contextlib.suppress(OSError):
                        self.end(connection)
