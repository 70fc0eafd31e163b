"""Plain requests: what is read as one is what gunicorn's own parser reads; all else is left to it."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser
from gunicorn.http.wsgi import create
from hypothesis import example, given
from hypothesis import strategies as st

from textmill.web import express

BODY = b'{"text":"Good."}'
PLAIN = (
    b"POST /predict HTTP/1.1\r\nHost: localhost:8000\r\nContent-Type: application/json\r\n"
    b"Content-Length: 16\r\nX-Request-ID: a-1\r\n\r\n" + BODY
)
COMPARED = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SCRIPT_NAME", "CONTENT_LENGTH", "CONTENT_TYPE")

names = st.sampled_from([
    "Host",
    "host",
    "Accept",
    "Content-Length",
    "content-type",
    "X-Request-ID",
    "X-Other",
])
names |= st.sampled_from([
    "Transfer-Encoding",
    "Connection",
    "Expect",
    "X_Request_ID",
    "Upgrade",
    "Content-Length ",
])
values = st.sampled_from(["16", "0", "1 6", "+16", "016", "chunked", "close", "keep-alive", "x", "", "a,b"])
values |= st.text(st.characters(max_codepoint=255), max_size=8)
lines = st.lists(st.tuples(names, values, st.sampled_from([": ", ":", " : ", ":\t"])), max_size=5)
paths = st.sampled_from([
    "/predict",
    "/",
    "//",
    "/a/../b",
    "/%2e",
    "/a?b",
    "/a#b",
    "*",
    "http://x/y",
    "/a b",
    "/é",
])


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Requests, many of which are nearly plain."""
    method = draw(st.sampled_from(["GET", "POST", "HEAD", "PUT", "get", "POST "]))
    version = draw(st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2", "http/1.1"]))
    head = [f"{method} {draw(paths)} {version}", "Host: x", *(f"{a}{c}{b}" for a, b, c in draw(lines))]
    body = draw(st.sampled_from([b"", BODY, BODY + b"x", BODY + PLAIN]))
    end = draw(st.sampled_from(["\r\n", "\r\n", "\n"]))
    return end.join([*head, "", ""]).encode("latin-1") + body


def gunicorns(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The environment and the body as gunicorn reads them."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        request = next(get_parser(Config(), theirs, ("127.0.0.1", 1)))
        _, environ = create(request, theirs, ("127.0.0.1", 1), ("127.0.0.1", 2), Config())
        return environ, environ["wsgi.input"].read()


def test_a_plain_request_is_read() -> None:
    """Method, path, headers and body."""
    environ = express.read(PLAIN)
    assert environ is not None
    assert ("POST", "/predict", "application/json") == tuple(
        environ[key] for key in ("REQUEST_METHOD", "PATH_INFO", "CONTENT_TYPE")
    )
    assert "a-1" == environ["HTTP_X_REQUEST_ID"]
    assert BODY == environ["wsgi.input"].read()


@given(requests())
@example(PLAIN)
def test_what_is_plain_is_read_as_gunicorn_reads_it(data: bytes) -> None:
    """No request means one thing here and another there."""
    environ = express.read(data)
    if environ is None:
        return
    expected, body = gunicorns(data)
    assert body == environ["wsgi.input"].read()
    for key in {*COMPARED, *(key for key in {*environ, *expected} if key.startswith("HTTP_"))}:
        ours, theirs = environ.get(key) or "", expected.get(key) or ""
        assert (int(theirs or "0") == int(ours)) if key == "CONTENT_LENGTH" else (theirs == ours), key


@pytest.mark.parametrize(
    "change",
    [
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"/predict", b"/predict?x=1"),
        (b"/predict", b"/pre%64ict"),
        (b"Host: localhost:8000\r\n", b""),
        (b"X-Request-ID: a-1", b"Transfer-Encoding: chunked"),
        (b"X-Request-ID: a-1", b"Content-Length: 16"),
        (b"X-Request-ID: a-1", b"Connection: close"),
        (b"X-Request-ID: a-1", b"Expect: 100-continue"),
        (b"X-Request-ID: a-1", b"X-Forwarded-For: 1.2.3.4"),
        (b"X-Request-ID: a-1", b" folded"),
        (b"X-Request-ID: a-1", b"Accept: a\0b"),
        (b"Content-Length: 16", b"Content-Length: 15"),
        (b"Content-Length: 16", b"Content-Length: 17"),
        (b"Content-Length: 16", b"Content-Length: +16"),
        (b"\r\n\r\n", b"\r\n"),
    ],
    ids=repr,
)
def test_whatever_could_be_misunderstood_is_left_to_the_server(change: tuple[bytes, bytes]) -> None:
    """Another version, other headers, headers twice, bodies of another length."""
    assert express.read(PLAIN.replace(*change)) is None


def answers(data: bytes) -> Iterator[http.client.HTTPResponse]:
    """The answer, read by the standard library's client."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(theirs)
        response.begin()
        yield response


@pytest.mark.parametrize("close", [False, True])
def test_an_answer_can_be_read(close: bool) -> None:
    """Status, headers, date, body, and whether the connection ends."""
    for response in answers(
        express.write("200 OK", (("content-length", "2"), ("x-request-id", "é")), b"{}", close=close)
    ):
        assert (200, "OK", b"{}") == (response.status, response.reason, response.read())
        assert "é" == response.headers["x-request-id"]
        assert response.headers["date"].endswith("GMT")
        assert close == (response.headers.get("connection") == "close")
