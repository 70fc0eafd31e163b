"""End connections on which an answer is not read: it would stay in memory for as long as the caller likes."""

from __future__ import annotations

import asyncio


class PunctualReaders:
    """Mixed into an HTTP protocol of uvicorn, before it: answers are read in time, or the connection ends.

    Attributes:
        reply_seconds: how long an answer may take that does not fit into the buffers of the system.
    """

    reply_seconds: float = 60.0
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _unread: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """So much is not read that no more is written."""
        super().pause_writing()  # type: ignore[misc]  # of the protocol it is mixed into
        if self._unread is None:
            self._unread = self.loop.call_later(self.reply_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Most of it has been read."""
        self._is_read()
        super().resume_writing()  # type: ignore[misc]  # as above

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody will read it any more."""
        self._is_read()
        super().connection_lost(exc)  # type: ignore[misc]  # as above

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came for long; what is not read by now will not be, and closing would wait for it."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()  # type: ignore[misc]  # as above

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
