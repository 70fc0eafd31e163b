"""Connections that are kept, on which plain requests take the short way, and what may happen on them."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.live.running import ONLY_SENTIMENT, TEXT, Server, eventually, gone, running
from tests.live.wire import chunked, dialled, head, read_to_end

JSON = "Content-Type: application/json"
BODY = json.dumps({"text": TEXT}).encode()
READY = head("GET", "/health/ready")
PREDICT = head("POST", "/predict", JSON, f"Content-Length: {len(BODY)}") + BODY
ENTITIES = head("POST", "/ner", JSON, f"Content-Length: {len(BODY)}") + BODY
CHUNKED = head("POST", "/predict", JSON, "Transfer-Encoding: chunked") + chunked(BODY, 7)
QUERY = head("GET", "/health/live?x=1")
LONG = json.dumps({"texts": [f"{TEXT} " * 40] * 8}).encode()
SLOW = head("POST", "/v1/models/entities/predict", JSON, f"Content-Length: {len(LONG)}") + LONG
"""A call that takes long, and is still plain."""
ANSWERS = {READY: b'"ready"', PREDICT: b"positive", ENTITIES: b"Berlin", CHUNKED: b"positive", QUERY: b"pass"}
KEEPALIVE = 2
DRAIN = {
    "TEXTMILL_MODELS__ENTITIES__PATH": "en_core_web_sm",
    "TEXTMILL_MODELS__ENTITIES__EXECUTOR": "process",
    "TEXTMILL_MODELS__ENTITIES__RUNTIME": "native",
    "TEXTMILL_SERVER__DRAIN_GRACE_SECONDS": "0",
    "TEXTMILL_SERVER__DRAIN_SECONDS": "20",
}
"""No grace; and entities in a process of their own, which can be held up."""


class Answers:
    """The answers on one connection, read one after the other."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._read = b""

    def next(self, *, body: bool = True) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one."""
        while b"\r\n\r\n" not in self._read:
            self._more()
        first, *lines = self._take(self._read.index(b"\r\n\r\n") + 4).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        content = self._take(int(headers["content-length"])) if body else b""
        return int(first.split()[1]), headers, content

    def _take(self, size: int) -> bytes:
        while len(self._read) < size:
            self._more()
        taken, self._read = self._read[:size], self._read[size:]
        return taken

    def _more(self) -> None:
        part = self._connection.recv(65536)
        assert part, "the connection has ended"
        self._read += part


@pytest.fixture
def kept(server: Server) -> Iterator[tuple[socket.socket, Answers]]:
    """A connection that has been used once, and its answers."""
    with dialled(server) as connection:
        answers = Answers(connection)
        connection.sendall(READY)
        assert 200 == answers.next()[0]
        yield connection, answers


def test_plain_requests_and_others_take_turns(kept: tuple[socket.socket, Answers]) -> None:
    """Each is answered as what it is, whatever came before it."""
    connection, answers = kept
    for request in (PREDICT, CHUNKED, PREDICT, ENTITIES, QUERY, ENTITIES, CHUNKED, READY, PREDICT):
        connection.sendall(request)
        status, headers, body = answers.next()
        assert (200, True) == (status, ANSWERS[request] in body), request
        assert "the-same-id" == headers["x-request-id"]


def test_requests_in_one_packet_are_answered_in_their_order(kept: tuple[socket.socket, Answers]) -> None:
    """Those that wait for a model, those that do not, and those that are not plain."""
    connection, answers = kept
    requests = (PREDICT, READY, ENTITIES, PREDICT, CHUNKED, ENTITIES, QUERY, PREDICT)
    connection.sendall(b"".join(requests))
    for request in requests:
        status, _, body = answers.next()
        assert (200, True) == (status, ANSWERS[request] in body), request


def test_requests_behind_one_that_waits_are_answered_in_their_order(
    kept: tuple[socket.socket, Answers],
) -> None:
    """They arrive while a model computes."""
    connection, answers = kept
    connection.sendall(SLOW)
    connection.sendall(PREDICT)
    connection.sendall(READY)
    connection.sendall(ENTITIES[:30])
    assert 8 == answers.next()[2].count(b'"result"')
    for request in (PREDICT, READY):
        assert ANSWERS[request] in answers.next()[2]
    connection.sendall(ENTITIES[30:])
    assert b"Berlin" in answers.next()[2]


@pytest.mark.parametrize(
    "cut", [1, 16, len(PREDICT) - len(BODY) - 2, len(PREDICT) - len(BODY), len(PREDICT) - 1]
)
def test_a_request_in_two_packets_is_read(kept: tuple[socket.socket, Answers], cut: int) -> None:
    """Wherever it is cut; and the next one may come whole again."""
    connection, answers = kept
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(PREDICT[:cut])
    assert ([], [], []) == select.select([connection], [], [], 0.1)
    connection.sendall(PREDICT[cut:])
    assert b"positive" in answers.next()[2]
    connection.sendall(PREDICT)
    assert b"positive" in answers.next()[2]


def test_head_has_no_body_on_a_kept_connection(kept: tuple[socket.socket, Answers]) -> None:
    """GET's headers, and what comes next is the next answer."""
    connection, answers = kept
    connection.sendall(head("HEAD", "/health/ready"))
    assert 200 == answers.next(body=False)[0]
    connection.sendall(READY)
    assert b'"ready"' in answers.next()[2]


def test_a_slow_reader_gets_every_answer_and_holds_up_nobody(
    server: Server, kept: tuple[socket.socket, Answers]
) -> None:
    """It asks on and on without reading, until the server takes nothing more from it."""
    connection, answers = kept
    document = head("GET", "/openapi.json")
    sent = 0
    while select.select([], [connection], [], 0.5)[1] and sent < 20_000:
        sent += connection.send(document[sent % len(document) :])
    assert 200 == server.post("/predict", {"text": TEXT})[0]
    found = [answers.next() for _ in range(sent // len(document))]
    assert {200} == {status for status, _, _ in found}
    assert 1 == len({body for _, _, body in found})


def test_a_caller_that_leaves_while_it_waits_is_nobody_elses_trouble(server: Server) -> None:
    """Its calls are dropped: a small queue takes new ones soon."""
    for _ in range(12):
        with dialled(server) as connection:
            connection.sendall(READY)
            Answers(connection).next()
            connection.sendall(SLOW)
    assert eventually(lambda: server.post("/ner", {"text": TEXT})[0] == 200, 20)
    assert "Traceback" not in server.output, server.output


@pytest.mark.timeout(60)
def test_sigterm_waits_for_a_kept_connections_answer(framework: str, tmp_path: Path) -> None:
    """Idle connections end; the answer is whole and says that its connection ends; then the server does."""
    with running(tmp_path, framework, settings=DRAIN) as server:
        server.wait_until_ready()
        family, worker = server.family(), server.engine_worker()
        with dialled(server) as idle, dialled(server) as waiting:
            nothing, answers = Answers(idle), Answers(waiting)
            for connection, found in ((waiting, answers), (idle, nothing)):
                connection.sendall(READY)
                assert 200 == found.next()[0]
            worker.suspend()
            waiting.sendall(ENTITIES)
            idle.sendall(READY)
            assert 200 == nothing.next()[0]  # so the call before it has arrived as well
            os.kill(server.process.pid, signal.SIGTERM)
            assert b"" == read_to_end(idle)
            worker.resume()
            status, headers, body = answers.next()
            assert (200, "close", 1) == (status, headers["connection"], body.count(b"Berlin"))
            assert b"" == read_to_end(waiting)
        server.wait_until_gone(20)
        assert eventually(lambda: gone(family), 5)
        assert "Traceback" not in server.output, server.output


def test_a_kept_connection_ends_when_it_is_idle(framework: str, tmp_path: Path) -> None:
    """Counted from its last answer; until then it is there, however many requests it had."""
    settings = {"TEXTMILL_SERVER__KEEPALIVE_SECONDS": str(KEEPALIVE)}
    with running(tmp_path, framework, *ONLY_SENTIMENT, settings=settings) as server:
        server.wait_until_ready()
        with dialled(server) as connection, ThreadPoolExecutor(1) as pool:
            answers = Answers(connection)
            until = time.monotonic() + KEEPALIVE * 1.5
            while time.monotonic() < until:
                connection.sendall(PREDICT)
                assert b"positive" in answers.next()[2]
                assert ([], [], []) == select.select([connection], [], [], KEEPALIVE / 4)
            last = time.monotonic()
            assert b"" == pool.submit(read_to_end, connection).result(KEEPALIVE + 10)
            assert KEEPALIVE / 2 < time.monotonic() - last < KEEPALIVE + 3
