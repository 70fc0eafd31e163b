"""The open-loop generator, against a server whose delays are known."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import ClassVar

import pytest

from benchmarks import arrivals

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LAST_REPLY = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"


class Stalling(asyncio.Protocol):
    """Answers at once, except that everything stands still for a while after so many requests."""

    seen = 0
    open: ClassVar[set[Stalling]] = set()

    def __init__(self, stall_after: int, seconds: float, reply: bytes) -> None:
        self.stall_after, self.seconds, self.reply = stall_after, seconds, reply
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment]  # of a stream
        self.open.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.open.discard(self)

    def data_received(self, data: bytes) -> None:
        self.data += data
        if self.data.endswith(b"}"):
            self.data = b""
            Stalling.seen += 1
            if Stalling.seen == self.stall_after:
                time.sleep(self.seconds)  # the whole server, as a full collection or a slow model would
            self.transport.write(self.reply)
            if self.reply is LAST_REPLY:
                self.transport.close()


@contextmanager
def server(stall_after: int = 0, seconds: float = 0.0, reply: bytes = REPLY) -> Iterator[int]:
    """The port of a running server."""
    Stalling.seen = 0
    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(
        loop.create_server(lambda: Stalling(stall_after, seconds, reply), "127.0.0.1", 0)
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_end(listening), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(listening: asyncio.Server) -> None:
    """Close the server and what is still connected."""
    listening.close()
    for connection in list(Stalling.open):
        connection.transport.close()
    while Stalling.open:  # noqa: ASYNC110 - each was told to close
        await asyncio.sleep(0)


def test_every_request_that_was_due_during_a_stall_shows_it() -> None:
    """200 a second and half a second of silence: about a hundred of them waited, evenly up to its length."""
    times = arrivals.schedule(200, 2.0, poisson=False)
    with server(stall_after=100, seconds=0.5) as port:
        found = arrivals.drive(port, "/", [b"{}"], times, 200)
    assert len(times) == len(found.latencies)
    assert 80 <= sum(latency > 0.1 for latency in found.latencies) <= 140
    assert 40 <= sum(latency > 0.3 for latency in found.latencies) <= 80
    assert 0.45 <= max(found.latencies)


def test_nothing_is_dropped_silently() -> None:
    """What has no answer in time is counted as failed."""
    with server() as port:
        pass
    found = arrivals.drive(port, "/", [b"{}"], [0.0, 0.01, 0.02], 100)
    assert (3, 0) == (found.failed, len(found.latencies))


def test_all_are_answered_where_each_connection_serves_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """More requests wait than connections may be open: each that closes makes room for the next."""
    monkeypatch.setattr(arrivals, "CONNECTIONS", 4)
    times = arrivals.schedule(400, 0.5, poisson=False)
    with server(stall_after=50, seconds=0.3, reply=LAST_REPLY) as port:
        found = arrivals.drive(port, "/", [b"{}"], times, 400)
    assert (len(times), 0) == (len(found.latencies), found.failed)
    assert 0.25 <= found.latency(0.99)


def test_answers_a_second_are_counted_until_the_last() -> None:
    """A queue that is worked off after the schedule does not count as kept up: 0.2 s due, 0.7 s taken."""
    times = arrivals.schedule(500, 0.2, poisson=False)
    with server(stall_after=1, seconds=0.7) as port:
        found = arrivals.drive(port, "/", [b"{}"], times, 500)
    assert 0.6 <= found.seconds
    assert found.per_second <= len(times) / 0.6


def test_a_request_that_failed_is_slower_than_all_others() -> None:
    """Leaving it out would make a server that drops requests look quick."""
    found = arrivals.Arrivals(100, latencies=[0.001] * 98, failed=2)
    assert (0.001, math.inf) == (found.latency(0.98), found.latency(0.99))


@pytest.mark.parametrize("poisson", [False, True])
def test_a_schedule_has_its_rate(poisson: bool) -> None:
    """Also where the distances vary."""
    times = arrivals.schedule(1000, 5.0, poisson=poisson)
    assert times == sorted(times)
    assert len(times) == pytest.approx(5000, rel=0.05)
    distances = {round(after - before, 6) for before, after in pairwise(times)}
    assert (len(distances) > 100) == poisson
