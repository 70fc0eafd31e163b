"""End connections whose request line and headers take too long, or are too long; uvicorn limits neither.

A caller that sends a byte now and then would hold a connection, one that never ends a header the memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakKeyDictionary

LARGEST = 65_536
"""Bytes of a head at most."""
LOOKS = 10
"""How often a limit's time is looked at: a connection ends at most a tenth of it too late."""


class Closing(Protocol):
    """Something that can be closed."""

    def close_late_head(self) -> None:
        """Its head has not arrived in time."""
        ...


class Heads:
    """The heads that one event loop waits for, and since when; one timer for all of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._begun: dict[Closing, float] = {}
        self._looking = False

    @classmethod
    def current(cls, loop: asyncio.AbstractEventLoop, seconds: float) -> Heads:
        """Those of a loop."""
        heads = _heads.get(loop)
        if heads is None:
            heads = _heads[loop] = cls(loop, seconds)
        return heads

    def begin(self, connection: Closing) -> None:
        """A head is awaited; where one is already, its time goes on."""
        self._begun.setdefault(connection, self._loop.time())
        if not self._looking:
            self._looking = True
            self._loop.call_later(self._seconds / LOOKS, self._look)

    def end(self, connection: Closing) -> None:
        """It has arrived, or nobody waits for it any more."""
        self._begun.pop(connection, None)

    def _look(self) -> None:
        until = self._loop.time() - self._seconds
        for connection, begun in list(self._begun.items()):  # in the order in which they began
            if begun > until:
                break
            self.end(connection)
            connection.close_late_head()
        self._looking = bool(self._begun)
        if self._looking:
            self._loop.call_later(self._seconds / LOOKS, self._look)


_heads: WeakKeyDictionary[asyncio.AbstractEventLoop, Heads] = WeakKeyDictionary()


class PunctualHeads:
    """Mixed into an HTTP protocol of uvicorn, before it: heads arrive in time, or the connection ends.

    A protocol that answers without uvicorn's own parser calls `head_arrived` itself.

    Attributes:
        head_seconds: how long a head may take, from the connection or from its own first byte.
    """

    head_seconds: float = 10.0
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    cycle: Any
    send_400_response: Callable[[str], None]
    _heads: Heads
    _head_awaited = False
    _head_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        """A caller has connected."""
        super().connection_made(transport)  # type: ignore[misc]  # of the protocol it is mixed into
        self._heads = Heads.current(self.loop, self.head_seconds)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has gone."""
        self.head_arrived()
        super().connection_lost(exc)  # type: ignore[misc]  # as above

    def data_received(self, data: bytes) -> None:
        """Something came; between two requests it begins a head, also where the parser skips it."""
        if self.cycle is None or self.cycle.response_complete:
            self._await_head()
        if not self._head_awaited:
            super().data_received(data)  # type: ignore[misc]  # as above
            return
        room = LARGEST - self._head_size
        self._head_size += len(data[:room])
        super().data_received(data[:room])  # type: ignore[misc]  # as above
        if self.transport.is_closing():
            return
        if self._is_too_long():
            self.send_400_response("The request line and headers are too long.")
        elif len(data) > room:
            self.data_received(data[room:])

    def on_message_begin(self) -> None:
        """The parser sees a request line begin."""
        self._await_head()
        super().on_message_begin()  # type: ignore[misc]  # as above

    def on_headers_complete(self) -> None:
        """The parser has seen a head's end."""
        self.head_arrived()
        super().on_headers_complete()  # type: ignore[misc]  # as above

    def _is_too_long(self) -> bool:
        return self._head_awaited and self._head_size >= LARGEST

    def _await_head(self) -> None:
        if not self._head_awaited:
            self._head_awaited = True
            self._head_size = 0
            self._heads.begin(self)

    def head_arrived(self) -> None:
        """No head is awaited."""
        if self._head_awaited:
            self._head_awaited = False
            self._heads.end(self)

    def close_late_head(self) -> None:
        """End the connection, once what was asked before is answered."""
        self._head_awaited = False
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
        else:
            self.cycle.keep_alive = False
