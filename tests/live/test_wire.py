"""What arrives slowly, in pieces, too large or half: one clear answer, and nobody else notices."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from tests.live.running import TEXT, Server, eventually
from tests.live.wire import chunked, dialled, head, read_answer, read_to_end

BODY = json.dumps({"text": TEXT}).encode()
JSON = "Content-Type: application/json"
BODY_SECONDS = 1.5
REPLY_SECONDS = 1.5
MORE_THAN_BUFFERS = 12
"""So many megabytes and more no system keeps for a connection."""
LIMIT = 1_000_000
LARGE = b'{"text":"' + b"a" * LIMIT + b'"}'


def drip(connection: socket.socket, stop: threading.Event) -> None:
    """Send a byte now and then, so that the connection never is idle, until told to stop."""
    connection.sendall(head("POST", "/predict", JSON, "Content-Length: 1000"))
    while not stop.wait(0.2):
        try:
            connection.sendall(b" ")
        except OSError:
            return


@pytest.fixture
def slow(server: Server) -> Iterator[socket.socket]:
    """A connection on which a body drips."""
    stop = threading.Event()
    with dialled(server) as connection:
        dripping = threading.Thread(target=drip, args=(connection, stop))
        dripping.start()
        yield connection
        stop.set()
        dripping.join()


def test_a_slow_body_is_given_up_while_others_are_served(server: Server, slow: socket.socket) -> None:
    """408 after `limits.body_seconds`, the same on both servers; meanwhile other calls are answered."""
    started = time.monotonic()
    served = 0
    while time.monotonic() - started < BODY_SECONDS * 0.8:
        assert 200 == server.post("/predict", {"text": TEXT})[0]
        served += 1
    status, headers, body = read_answer(slow)
    seconds = time.monotonic() - started
    assert served > 3
    assert (408, "application/problem+json") == (status, headers["content-type"])
    assert {
        "type": "/problems/body-timeout",
        "title": "Body too slow",
        "status": 408,
        "detail": "The body did not arrive in time; send it in one go, or a smaller one.",
        "code": "body-timeout",
        "request_id": "the-same-id",
    } == json.loads(body)
    assert BODY_SECONDS - 0.3 < seconds < BODY_SECONDS + 2


def test_many_slow_bodies_do_not_hold_up_the_others(server: Server) -> None:
    """More of them than a small thread pool has threads."""
    connections = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(64)]
    for connection in connections:
        connection.sendall(head("POST", "/predict", JSON, "Content-Length: 1000") + b"{")
    try:
        assert 200 == server.post("/predict", {"text": TEXT})[0]
        assert 200 == server.get("/health/live")[0]
        assert [408] * 64 == [read_answer(connection)[0] for connection in connections]
    finally:
        for connection in connections:
            connection.close()


def test_slow_readers_are_ended_while_others_are_served(server: Server) -> None:
    """Who asks for much and reads nothing: the connection ends, with less than was asked for."""
    path = "/docs/swagger-ui-bundle.js"
    size = len(server.ask("GET", path)[2])
    started = time.monotonic()
    connections = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(8)]
    try:
        for connection in connections:
            connection.sendall(head("GET", path, "X-Other: 1") * MORE_THAN_BUFFERS)
        while time.monotonic() - started < REPLY_SECONDS * 2 + 1:
            assert 200 == server.post("/predict", {"text": TEXT})[0]
        found = [len(read_to_end(connection)) for connection in connections]
    finally:
        for connection in connections:
            connection.close()
    assert [] == [length for length in found if length >= size * MORE_THAN_BUFFERS]


def test_a_caller_that_leaves_breaks_nothing(server: Server) -> None:
    """Whether it closes politely or resets, while it sends and while it waits."""
    whole = head("POST", "/ner", JSON, f"Content-Length: {len(BODY)}") + BODY
    for sent in (whole, whole[:-5], whole[:20], b""):
        for reset in (False, True):
            with dialled(server) as connection:
                connection.sendall(sent)
                if reset:
                    now = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
    assert eventually(lambda: server.post("/ner", {"text": TEXT})[0] == 200, 10)
    assert "Traceback" not in server.output, server.output


def test_head_has_no_body(server: Server) -> None:
    """The status and headers of GET, and then the end."""
    with dialled(server) as connection:
        connection.sendall(head("HEAD", "/health/ready", "Connection: close"))
        answer = read_to_end(connection)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n")
    assert 1 == answer.count(b"\r\n\r\n")


def assert_the_end_is_clean(connection: socket.socket) -> None:
    """After a 413: the connection has ended, or the next request on it is answered as what it is."""
    try:
        connection.sendall(head("GET", "/problems/body-timeout", "Connection: close"))
    except OSError:
        return
    rest = read_to_end(connection)
    assert not rest or rest.startswith(b"HTTP/1.1 200"), rest
    assert rest.count(b"HTTP/1.1 ") <= 1


def test_a_body_over_the_limit_is_refused_cleanly(server: Server) -> None:
    """413, and the rest of the body is never taken for the next request."""
    with dialled(server) as connection:
        connection.sendall(head("POST", "/predict", JSON, f"Content-Length: {len(LARGE)}") + LARGE)
        status, _, body = read_answer(connection)
        assert (413, "body-too-large") == (status, json.loads(body)["code"])
        assert_the_end_is_clean(connection)


def test_a_body_that_only_says_it_is_huge_is_refused(server: Server) -> None:
    """Without waiting for what never comes for longer than a slow body."""
    with dialled(server) as connection:
        connection.sendall(head("POST", "/predict", JSON, "Content-Length: 99999999999") + b"{")
        assert read_answer(connection)[0] in (408, 413)


def test_a_body_in_chunks_is_read(server: Server) -> None:
    """Several at a time, on a connection that stays usable."""
    request = head("POST", "/ner", JSON, "Transfer-Encoding: chunked") + chunked(BODY, 7)
    with dialled(server) as connection:
        for _ in range(3):
            connection.sendall(request)
            status, _, body = read_answer(connection)
            assert 200 == status
            assert ["Tim Cook", "Apple", "Berlin"] == [each["text"] for each in json.loads(body)["entities"]]


def test_a_body_in_chunks_is_limited(server: Server) -> None:
    """413 although no length was announced."""
    request = head("POST", "/predict", JSON, "Transfer-Encoding: chunked") + chunked(LARGE, 50_000)
    with dialled(server) as connection:
        connection.sendall(request)
        status, _, body = read_answer(connection)
        assert (413, "body-too-large") == (status, json.loads(body)["code"])
        assert_the_end_is_clean(connection)


def test_a_slow_body_in_chunks_is_given_up(server: Server) -> None:
    """408, as with a length."""
    with dialled(server) as connection:
        connection.sendall(head("POST", "/predict", JSON, "Transfer-Encoding: chunked") + b"5\r\n{")
        assert 408 == read_answer(connection)[0]


@pytest.mark.parametrize(
    "smuggled",
    [("Content-Length: 5", "Transfer-Encoding: chunked"), ("Content-Length: 5", "Content-Length: 6")],
    ids=["both-framings", "two-lengths"],
)
def test_a_request_with_two_lengths_is_never_answered_twice(
    server: Server, smuggled: tuple[str, str]
) -> None:
    """What one server in front takes for a body is not taken for a request here."""
    inner = head("GET", "/health/live")
    with dialled(server) as connection:
        connection.sendall(head("POST", "/predict", JSON, *smuggled) + b"0\r\n\r\n" + inner)
        connection.shutdown(socket.SHUT_WR)
        assert b"pass" not in read_to_end(connection)
