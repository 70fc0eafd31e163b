"""Bytes that no client sends by accident, to each real server: refused, or read in one way only."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.live.running import HOST, ONLY_SENTIMENT, Server, running

SERVERS = (("fastapi", "uvicorn"), ("flask", "gunicorn"), ("fastapi", "granian"), ("flask", "granian"))
HEAD_SECONDS = 1.5
QUIET = 0.25
"""After so long without a byte a connection that is still open is taken for kept."""

BODY = b'{"text":"hi there"}'
INNER = b"GET /problems/text-empty HTTP/1.1\r\nHost: x\r\n\r\n"
"""What an attacker would smuggle; its answer cannot be mistaken."""
MARK = b"/problems/text-empty"
GET = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked"
LENGTH = b"Content-Length: 19"
NOTHING = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back on one connection."""

    raw: bytes
    ended: bool

    @property
    def statuses(self) -> list[int]:
        """Of every answer, in order."""
        return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3}) ", self.raw)]


def say(server: Server, data: bytes) -> Answers:
    """Send bytes, and listen until the end or until nothing more comes."""
    found, ended = b"", False
    with socket.create_connection((HOST, server.port), timeout=10) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        try:
            connection.settimeout(10)
            while part := connection.recv(65_536):
                found += part
                connection.settimeout(QUIET)
            ended = True
        except TimeoutError:
            ended = False
        except ConnectionError:
            ended = True
    return Answers(found, ended)


def post(*headers: bytes, body: bytes = BODY + INNER, line: bytes = b"POST /predict HTTP/1.1") -> bytes:
    """A call with these headers, and another request behind it."""
    return b"\r\n".join([line, b"Host: x", b"Content-Type: application/json", *headers, b"", body])


@pytest.fixture(scope="module", params=SERVERS, ids="-".join)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Each server, ready; in the end nothing of a stack trace stands in its log."""
    framework, name = request.param
    settings = {
        "TEXTMILL_LIMITS__HEAD_SECONDS": str(HEAD_SECONDS),
        "TEXTMILL_LIMITS__BODY_SECONDS": "1",
    }
    folder = tmp_path_factory.mktemp(name)
    with running(folder, framework, "--server", name, *ONLY_SENTIMENT, settings=settings) as server:
        server.wait_until_ready()
        yield server
        assert "Traceback" not in server.output, server.output


REFUSED: Mapping[str, bytes] = {
    "a line without a path": b"GET\r\n\r\n",
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100 + b"\r\n\r\n",
    "an endless header": GET + b"X: " + b"a" * 900_000 + b"\r\n\r\n",
    "an endless path": b"GET /" + b"a" * 900_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "very many headers": GET + b"".join(b"X%d: 1\r\n" % each for each in range(50_000)) + b"\r\n",
    "a method with a sign": b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a version to come": b"GET / HTTP/3.7\r\nHost: x\r\n\r\n",
    "no chunk": post(CHUNKED, body=b"zz\r\nabc\r\n0\r\n\r\n" + INNER),
    "a negative chunk": post(CHUNKED, body=b"-1\r\nabc\r\n0\r\n\r\n" + INNER),
    "a chunk beyond 64 bits": post(CHUNKED, body=b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n" + INNER),
    "a chunk without its end": post(CHUNKED, body=b"2\r\n{}XX0\r\n\r\n" + INNER),
    "two lengths": post(LENGTH, b"Content-Length: 20"),
    "a list of lengths": post(b"Content-Length: 19, 20"),
    "a length with a sign": post(b"Content-Length: +19"),
    "a negative length": post(b"Content-Length: -19"),
    "a length in hex": post(b"Content-Length: 0x13"),
    "a length with a space": post(b"Content-Length: 1 9"),
    "a length with an underscore": post(b"Content-Length: 1_9"),
    "length, then chunks": post(b"Content-Length: 5", CHUNKED, body=NOTHING + INNER),
    "chunks, then length": post(CHUNKED, b"Content-Length: 5", body=NOTHING + INNER),
    "an unknown coding": post(b"Transfer-Encoding: xchunked", LENGTH),
    "chunks that are not last": post(b"Transfer-Encoding: chunked, identity", body=NOTHING + INNER),
    "chunks and identity": post(b"Transfer-Encoding: identity", LENGTH),
    "chunks of HTTP/1.0": post(CHUNKED, body=NOTHING + INNER, line=b"POST /predict HTTP/1.0"),
    "chunks behind a control": post(b"Transfer-Encoding: \x0bchunked", LENGTH),
    "a space before the colon": post(b"Content-Length : 19"),
    "a space before the other colon": post(b"Transfer-Encoding : chunked", LENGTH),
    "a folded header": post(b"X-A: b\r\n Content-Length: 5", LENGTH),
    "a folded coding": post(b"Transfer-Encoding:\r\n chunked", LENGTH),
    "a return inside a header": post(b"X-A: b\rTransfer-Encoding: chunked", LENGTH),
    "a feed that hides a coding": post(b"X-A: b\nTransfer-Encoding: chunked", LENGTH),
    "a NUL inside a header": post(b"X-A: b\0c", LENGTH),
    "a header without a name": post(b": v", LENGTH),
    "a header without a colon": post(b"novalue", LENGTH),
    "a path of bytes": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path without a slash": b"GET health/live HTTP/1.1\r\nHost: x\r\n\r\n",
}
"""What must not be understood, by anybody."""

UNDERSTOOD: Mapping[str, bytes] = {
    "the same length twice": post(LENGTH, LENGTH),
    "chunked twice": post(CHUNKED, CHUNKED, body=NOTHING + INNER),
    "packed chunks": post(b"Transfer-Encoding: gzip, chunked", body=NOTHING + INNER),
    "feeds alone": post(LENGTH, body=b"").replace(b"\r\n", b"\n") + BODY + INNER,
    "two requests": post(LENGTH),
}
"""What some servers take and others refuse; there is one way to read it."""


@pytest.mark.parametrize("shape", REFUSED)
def test_what_is_malformed_is_refused_once_and_ends(served: Server, shape: str) -> None:
    """One answer of the 400s (501 for a coding nobody knows), the connection's end, and nothing smuggled."""
    found = say(served, REFUSED[shape])
    assert found.ended, found
    assert MARK not in found.raw
    assert len(found.statuses) <= 1, found
    assert all(400 <= status < 500 or status == 501 for status in found.statuses), found


@pytest.mark.parametrize("shape", UNDERSTOOD)
def test_what_may_be_understood_is_read_in_one_way(served: Server, shape: str) -> None:
    """Refused with the connection's end, or both requests answered, each once."""
    found = say(served, UNDERSTOOD[shape])
    first, *rest = found.statuses
    assert first < 500
    if rest:
        assert [200] == rest
        assert 1 == found.raw.count(b'"code":"text-empty"')
    else:
        assert found.ended
        assert MARK not in found.raw


ELSEWHERE = (
    *("//health/live", "/health//live", "/health/./live", "/v1/../health/live", "/%2e%2e/health/live"),
    *("/v1/%2e%2e/health/live", "/health/live/", "/health/live.", "/health/live..", "/health/live%00"),
    *("/health/live%20", "/health\\live", "/health%5clive", "/health/live;x=1", "/%zz", "/%", "/%ff%fe"),
    *("/v1/models/..%2f..%2fetc%2fpasswd", "/docs/../../etc/passwd", "/docs/%2e%2e%2fpage.html", "/docs/.."),
    *("/v1/models/%00", "/docs/%2e%2e%2f%2e%2e%2fservice.py", "*", "/health/live%0d%0aX: y"),
)
"""Paths that are no operation's, whatever a server or a proxy may think they are the same as."""


SPELLINGS = ("/health%2flive", "/health/%6cive", "/health/live?x=%zz", "http://a.example/health/live")


@pytest.mark.parametrize("path", ELSEWHERE)
def test_a_path_that_is_almost_one_is_none(served: Server, path: str) -> None:
    """Nothing is merged, cut or climbed."""
    found = say(served, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert found.statuses[0] in (400, 404), found
    assert b"root:" not in found.raw


@pytest.mark.parametrize("path", SPELLINGS)
def test_another_spelling_of_a_path_is_the_same_operation(served: Server, path: str) -> None:
    """Percent signs are decoded once, before anything is decided; the target's host is not looked at."""
    found = say(served, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert [200] == found.statuses
    twice = path.replace("%", "%25")
    if twice != path and "?" not in path:
        assert [404] == say(served, f"GET {twice} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).statuses


INJECTED = (
    *(b"X-Request-ID: a\tSet-Cookie: evil=1", b"X-Request-ID: a%0d%0aSet-Cookie: evil=1"),
    *(b"X-Request-ID: a\xe5\x98\x8a\xe5\x98\x8dSet-Cookie: evil=1", b"X-Request-ID: " + b"a" * 129),
    *(b"X-Request-Timeout: 1\tSet-Cookie: evil=1", b"Origin: https://evil=1"),
    *(b"SCRIPT_NAME: /evil=1", b"SCRIPT-NAME: /evil=1", b"PATH_INFO: /evil=1", b"PATH-INFO: /evil=1"),
    *(b"X-Forwarded-Proto: evil=1\r\nX-Forwarded-Ssl: off", b"Forwarded: for=evil=1", b"Host: evil=1"),
    *(
        b"If-None-Match: evil=1",
        b"X-Api-Key: evil=1\tSet-Cookie: a",
        b"Expect: evil=1",
        b"Traceparent: evil=1",
    ),
)


@pytest.mark.parametrize("header", INJECTED, ids=range(len(INJECTED)))
def test_no_header_is_repeated_in_an_answer(served: Server, header: bytes) -> None:
    """Neither as a header of its own nor inside another one; and none changes what is read."""
    found = say(served, GET + header + b"\r\n\r\n")
    assert found.statuses[0] in (200, 400, 417), found
    assert b"evil=1" not in found.raw
    assert b"a" * 129 not in found.raw
    assert b"set-cookie" not in found.raw.lower()


EVERYTHING = {
    **REFUSED,
    **UNDERSTOOD,
    "200": GET + b"\r\n",
    "200 of a model": post(LENGTH, body=BODY),
    "HEAD": b"HEAD /docs HTTP/1.1\r\nHost: x\r\n\r\n",
    "404": b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
    "405": b"DELETE /predict HTTP/1.1\r\nHost: x\r\n\r\n",
    "408": post(LENGTH, body=b"{"),
    "413": post(b"Content-Length: 99999999", body=b"{" * 3_000_000),
    "415": b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    "422": post(b"Content-Length: 2", body=b"{}"),
    "a request, then nonsense": GET + b"\r\n\x00nonsense\r\n\r\n",
    "very many requests": (GET + b"\r\n") * 5000,
    "CONNECT": b"CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "h2c": GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    "a web socket": GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n",
}
NAMES = re.compile(
    rb"(?im)^(server|via|x-powered-by): *\S|uvicorn|gunicorn|granian|starlette|werkzeug|hyper\b"
)
TRACES = re.compile(rb"Traceback|\.py\b|line \d+, in ")


def test_no_answer_names_the_server_or_shows_its_inside(served: Server) -> None:
    """Every kind of answer: the contract's, the framework's, the server's own errors."""
    for shape, data in EVERYTHING.items():
        found = say(served, data)
        answered_head = found.raw.split(b"\r\n\r\n", 1)[0]
        assert NAMES.search(answered_head) is None, (shape, answered_head)
        assert TRACES.search(found.raw) is None, (shape, found)
        assert not [status for status in found.statuses if status >= 500 and status != 501], (shape, found)


def drop(connections: list[socket.socket], data: bytes) -> list[socket.socket]:
    """Send some bytes on each connection; those that are still open."""
    still: list[socket.socket] = []
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.sendall(data)
            still.append(connection)
    return still


@pytest.mark.parametrize("drip", [b"X-A: b\r\n", b"a", b"\r\n"], ids=["headers", "letters", "empty lines"])
def test_slow_heads_are_ended_while_others_are_served(served: Server, drip: bytes) -> None:
    """More than there are threads, each never idle for long; silent ones too."""
    begun = time.monotonic()
    connections = [socket.create_connection((HOST, served.port), timeout=30) for _ in range(300)]
    everybody = list(connections)
    try:
        if drip != b"\r\n":
            drop(connections, b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-B: ")
        dripping, silent = connections[::2], connections[1::2]
        served_meanwhile = 0
        while time.monotonic() - begun < HEAD_SECONDS * 2 + 3 and dripping:
            assert 200 == served.get("/health/live")[0]
            served_meanwhile += 1
            dripping = drop(dripping, drip)
            time.sleep(0.2)
        assert served_meanwhile > 3
        assert not dripping, f"{len(dripping)} of 150 connections are still open"
        assert all(ended(each) for each in silent)
    finally:
        for each in everybody:
            each.close()


def ended(connection: socket.socket) -> bool:
    """Whether the server has closed it, or does in the time it has for that."""
    connection.settimeout(HEAD_SECONDS * 2 + 3)
    try:
        while connection.recv(65_536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def test_after_an_answer_the_next_head_is_limited_too(served: Server) -> None:
    """A kept connection on which a second head never ends."""
    with socket.create_connection((HOST, served.port), timeout=30) as connection:
        connection.sendall(GET + b"\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /health/live HT")
        begun = time.monotonic()
        assert ended(connection)
        assert time.monotonic() - begun < HEAD_SECONDS * 2 + 2
