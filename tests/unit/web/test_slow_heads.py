"""Heads that are awaited: who is closed, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from textmill.web.slow_heads import LARGEST, Heads, PunctualHeads


class Loop:
    """A loop whose time a test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        self.timers.append((self.now + seconds, call))

    def go_on(self, seconds: float) -> None:
        """Let time pass, in small steps."""
        until = self.now + seconds
        while self.now < until:
            self.now += 0.05
            due = [timer for timer in self.timers if timer[0] <= self.now]
            self.timers = [timer for timer in self.timers if timer[0] > self.now]
            for _, call in due:
                call()


class Transport:
    """Knows how it was closed."""

    closed = ""

    def abort(self) -> None:
        self.closed = "aborted"

    def is_closing(self) -> bool:
        return bool(self.closed)


class Cycle:
    """A request that is being answered."""

    response_complete = False
    keep_alive = True


class Parser:
    """A protocol that takes an empty line for the end of a head, and everything else for a part of one."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.cycle: Any = None
        self.fed = 0
        self.answered = ""
        self.began = False

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None: ...

    def data_received(self, data: bytes) -> None:
        self.fed += len(data)
        if data.strip(b"\r\n") and not self.began and self.cycle is None:
            self.began = True
            self.on_message_begin()
        if b"\r\n\r\n" in data and self.began:
            self.began = False
            self.on_headers_complete()

    def on_message_begin(self) -> None: ...

    def on_headers_complete(self) -> None:
        self.cycle = Cycle()

    def send_400_response(self, message: str) -> None:
        self.answered = message
        self.transport.closed = "answered"


class Connection(PunctualHeads, Parser):  # type: ignore[misc]  # as uvicorn's
    head_seconds = 2.0


def connected(loop: Loop) -> Any:
    """A connection, just made."""
    made = Connection(loop)
    made.connection_made(cast("asyncio.Transport", Transport()))
    return made


def test_a_connection_that_says_nothing_is_closed_in_time() -> None:
    """And not before."""
    loop = Loop()
    made = connected(loop)
    loop.go_on(1.9)
    assert not made.transport.closed
    loop.go_on(0.5)
    assert "aborted" == made.transport.closed


def test_a_byte_now_and_then_gains_no_time() -> None:
    """Neither in a header nor in empty lines before the request."""
    for drop in (b"a", b"\r\n"):
        loop = Loop()
        made = connected(loop)
        for _ in range(12):
            made.data_received(drop)
            loop.go_on(0.2)
        assert "aborted" == made.transport.closed


def test_a_request_that_is_answered_has_all_the_time() -> None:
    """And so has an idle connection after it, which another limit ends; a next head has its own time."""
    loop = Loop()
    made = connected(loop)
    made.data_received(b"GET / HTTP/1.1\r\n\r\n")
    loop.go_on(10)
    assert not made.transport.closed
    made.cycle.response_complete = True
    loop.go_on(10)
    assert not made.transport.closed
    made.data_received(b"G")
    loop.go_on(2.5)
    assert "aborted" == made.transport.closed


def test_a_late_head_behind_a_request_does_not_cut_off_its_answer() -> None:
    """The connection ends with it."""
    loop = Loop()
    made = connected(loop)
    made.data_received(b"GET / HTTP/1.1\r\n\r\n")
    made.on_message_begin()
    loop.go_on(2.5)
    assert not made.transport.closed
    assert not made.cycle.keep_alive


def test_a_head_is_not_fed_beyond_its_limit() -> None:
    """In one piece, and in many."""
    for size in (1000, 10 * LARGEST):
        made = connected(Loop())
        for _ in range(2 * LARGEST // size + 1):
            if not made.transport.closed:
                made.data_received(b"a" * size)
        assert "too long" in made.answered
        assert LARGEST == made.fed


def test_a_body_is_fed_whole() -> None:
    """However much comes with the head."""
    made = connected(Loop())
    data = b"POST / HTTP/1.1\r\n\r\n" + b"b" * 5 * LARGEST
    made.data_received(data)
    made.data_received(b"c" * LARGEST)
    assert len(data) + LARGEST == made.fed
    assert not made.answered


def test_the_timer_rests_while_nobody_is_awaited() -> None:
    """One for all, and none for nobody."""
    loop = Loop()
    several = [connected(loop) for _ in range(5)]
    assert 1 == len(loop.timers)
    for each in several:
        each.connection_lost(None)
    loop.go_on(1)
    assert [] == loop.timers
    connected(loop)
    assert 1 == len(loop.timers)
    assert 1 == len(Heads.current(cast("asyncio.AbstractEventLoop", loop), 2.0)._begun)
