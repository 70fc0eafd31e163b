"""SIGTERM under load: what was accepted is answered, and then everything is gone."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.live.running import TEXT, Server, eventually, exchange, gone, running

CLIENTS = 6
GRACE = 1
DRAIN = 25
SETTINGS = {"TEXTMILL_SERVER__DRAIN_SECONDS": str(DRAIN), "TEXTMILL_ENGINE__DEADLINE_SECONDS": "300"}
BEFORE_ANY_BYTE = (ConnectionError, http.client.RemoteDisconnected)
LONG = {"texts": [f"{TEXT} " * 40] * 80}
"""A call that takes longer than the grace, so that it ends in the drain."""


@dataclass(frozen=True, slots=True)
class Balancer:
    """What a balancer knows of the server, and what became of the calls it sent."""

    server: Server
    answers: list[int] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Look at readiness often, until it fails."""
        while not self.left.is_set():
            try:
                status = self.server.get("/health/ready")[0]
            except OSError:
                status = 0
            if status != 200:
                self.left.set()
            time.sleep(0.05)

    def polite(self) -> None:
        """A keep-alive client that sends nothing new once readiness has failed."""
        with contextlib.closing(self.server.connect()) as connection:
            while not self.left.is_set():
                self._send(connection)

    def stubborn(self) -> None:
        """A client that does not look at readiness: it goes on until no new connection is answered."""
        with contextlib.closing(self.server.connect()) as connection:
            while True:
                fresh = connection.sock is None
                try:
                    self._send(connection, raises=fresh and self.left.is_set())
                except BEFORE_ANY_BYTE:
                    return
                if self.lost:
                    return

    def long(self) -> None:
        """One call that is at work when the signal comes, and long after it."""
        with contextlib.closing(self.server.connect()) as connection:
            status, _, body = exchange(connection, "POST", "/v1/models/entities/predict", LONG)
            self.answers.append(status)
            if body.count(b"Berlin") != str(LONG).count("Berlin"):
                self.lost.append("the long answer is not whole")

    def _send(self, connection: http.client.HTTPConnection, *, raises: bool = False) -> None:
        """Any failure is a lost call, except before any byte on a connection made after readiness failed."""
        try:
            status, _, body = exchange(connection, "POST", "/ner", {"text": TEXT})
        except (OSError, http.client.HTTPException) as error:
            if raises and isinstance(error, BEFORE_ANY_BYTE):
                raise
            self.lost.append(repr(error))
            self.left.set()
        else:
            self.answers.append(status)
            if status != 200 or b"Berlin" not in body:
                self.lost.append(f"{status}, readiness failed: {self.left.is_set()}: {body.decode()}")


@contextlib.contextmanager
def under_load(balancer: Balancer) -> Iterator[Future[None]]:
    """Clients of both kinds and the long call, which is given; all of them have ended afterwards."""
    kinds: list[Callable[[], None]] = [balancer.watch]
    kinds += [balancer.polite, balancer.stubborn] * (CLIENTS // 2)
    with ThreadPoolExecutor(len(kinds) + 1) as pool:
        calls = [pool.submit(kind) for kind in kinds]
        try:
            assert eventually(lambda: len(balancer.answers) > CLIENTS, 30)
            long = pool.submit(balancer.long)
            assert eventually(lambda: len(balancer.answers) > 2 * CLIENTS, 30)
            yield long
        finally:
            balancer.left.set()
    for call in (*calls, long):
        call.result(timeout=0)


@pytest.mark.timeout(90)
def test_sigterm_under_load_loses_no_accepted_call(framework: str, tmp_path: Path) -> None:
    """Every accepted call is answered with a whole 200; the server ends in time, and leaves no process."""
    with running(tmp_path, framework, settings=SETTINGS) as server:
        server.wait_until_ready()
        family = server.family()
        balancer = Balancer(server)
        with under_load(balancer) as long:
            os.kill(server.process.pid, signal.SIGTERM)
            started = time.monotonic()
            assert balancer.left.wait(10)
            assert not long.done()
            server.wait_until_gone(GRACE + DRAIN)
            seconds = time.monotonic() - started
        assert [] == balancer.lost
        assert {200} == set(balancer.answers)
        assert GRACE <= seconds < GRACE + DRAIN
        assert "Traceback" not in server.output, server.output
        assert eventually(lambda: gone(family), 5), server.output
