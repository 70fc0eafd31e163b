"""The open-loop load: requests leave when they should, whether or not earlier ones were answered.

Latency counts from the intended time, so a stall shows in every request that was due during it. wrk and other
generators wait for answers before they send again, which hides exactly that.
"""

from __future__ import annotations

import asyncio
import gc
import math
import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvloop

SPIN_SECONDS = 0.002
"""Before the next departure the loop sleeps until so long before it, and then looks again and again."""
CONNECTIONS = 512
PATIENCE_SECONDS = 10.0


@dataclass(slots=True)
class Arrivals:
    """What came of one rate.

    Attributes:
        rate: requests a second that were due.
        latencies: of answered requests, in seconds from the intended departure.
        lateness: how much later than intended each request left the schedule, in seconds.
        failed: requests with another status, or without an answer in time.
        seconds: from the start to the last answer; longer than the schedule where a queue was left.
        left: from the last departure to the last answer, in seconds; what a queue at the end took.
    """

    rate: float
    latencies: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)
    failed: int = 0
    seconds: float = 0.0
    left: float = 0.0

    @property
    def per_second(self) -> float:
        """Answers a second, until the last came: past its knee, what a server can do."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def latency(self, share: float) -> float:
        """A percentile in seconds; a request that failed was never answered, so it counts as endless."""
        return _percentile([*self.latencies, *[math.inf] * self.failed], share)

    def late(self, share: float) -> float:
        """A percentile of the lateness, in seconds."""
        return _percentile(self.lateness, share)


def schedule(rate: float, seconds: float, *, poisson: bool, seed: int = 0) -> list[float]:
    """Intended departures in seconds from the start."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    times, now = [], 0.0
    while now < seconds:
        times.append(now)
        now += draw.expovariate(rate) if poisson else 1.0 / rate
    return times


def drive(port: int, path: str, bodies: Sequence[bytes], times: Sequence[float], rate: float) -> Arrivals:
    """Send a request at each of these times, and wait for the answers."""
    requests = [_request(path, body) for body in bodies]
    with _no_collection():
        return uvloop.run(_drive(port, requests, times, Arrivals(rate)))


@contextmanager
def _no_collection() -> Iterator[None]:
    """A full collection would make departures late by as much as it takes."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _percentile(values: Sequence[float], share: float) -> float:
    if not values:
        return math.inf
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


async def _drive(port: int, requests: Sequence[bytes], times: Sequence[float], found: Arrivals) -> Arrivals:
    pool = _Pool(port, found)
    start = time.perf_counter() + 0.05
    for number, due in enumerate(times):
        while (left := start + due - time.perf_counter()) > 0:  # noqa: ASYNC110 - it is a clock
            await asyncio.sleep(left - SPIN_SECONDS if left > SPIN_SECONDS else 0)
        found.lateness.append(-left)
        pool.send(start + due, requests[number % len(requests)])
    await pool.drain()
    found.seconds = max(times[-1], pool.last_answer - start)
    found.left = found.seconds - times[-1]
    return found


class _Pool:
    """Kept connections; a request takes an idle one, opens another, or waits for one."""

    def __init__(self, port: int, found: Arrivals) -> None:
        self.port = port
        self.found = found
        self.idle: list[_Connection] = []
        self.connections: set[_Connection] = set()
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.open = 0
        self.busy = 0
        self.last_answer = 0.0
        self.opening: set[asyncio.Task[None]] = set()

    def send(self, due: float, request: bytes) -> None:
        if self.idle:
            self.idle.pop().send(due, request)
            return
        self.waiting.append((due, request))
        self._open()

    def _open(self) -> None:
        if self.open < CONNECTIONS:
            self.open += 1
            task = asyncio.ensure_future(self._connect())
            self.opening.add(task)
            task.add_done_callback(self.opening.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self.port)
        except OSError:
            self.open -= 1
            if self.waiting:
                self.waiting.popleft()
                self.found.failed += 1

    def free(self, connection: _Connection) -> None:
        if self.waiting:
            connection.send(*self.waiting.popleft())
        else:
            self.idle.append(connection)

    def lost(self, connection: _Connection) -> None:
        """Forget a closed connection; where requests still wait, another takes its place."""
        self.open -= 1
        self.connections.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)
        if len(self.waiting) > len(self.opening):
            self._open()

    async def drain(self) -> None:
        until = time.perf_counter() + PATIENCE_SECONDS
        while (self.busy or self.waiting) and time.perf_counter() < until:  # noqa: ASYNC110 - it has an end
            await asyncio.sleep(0.01)
        self.found.failed += self.busy + len(self.waiting)
        self.waiting.clear()
        for connection in list(self.connections):
            connection.due = None
            connection.transport.close()
        while self.connections:  # noqa: ASYNC110 - each was told to close
            await asyncio.sleep(0)


class _Connection(asyncio.Protocol):
    """One request at a time; the answer ends where its length says."""

    def __init__(self, pool: _Pool) -> None:
        self.pool = pool
        self.data = b""
        self.due: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]  # of a stream
        self.pool.connections.add(self)
        self.pool.free(self)

    def send(self, due: float, request: bytes) -> None:
        self.due = due
        self.pool.busy += 1
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.data += data
        head, blank, body = self.data.partition(b"\r\n\r\n")
        if not blank or len(body) < _length(head):
            return
        self.data = b""
        if head.startswith(b"HTTP/1.1 200") and self.due is not None:
            self.pool.last_answer = time.perf_counter()
            self.pool.found.latencies.append(self.pool.last_answer - self.due)
        else:
            self.pool.found.failed += 1
        self._done()
        if b"connection: close" in head.lower():
            self.transport.close()
        else:
            self.pool.free(self)

    def connection_lost(self, _: Exception | None) -> None:
        if self.due is not None:
            self.pool.found.failed += 1
            self._done()
        self.pool.lost(self)

    def _done(self) -> None:
        self.due = None
        self.pool.busy -= 1


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
