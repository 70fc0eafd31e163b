"""Plain requests: what is read as one is what the servers' own parsers read; all else is left to them."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable, Iterator

import httptools
import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser
from gunicorn.http.wsgi import create
from hypothesis import example, given
from hypothesis import strategies as st

from textmill.service.messages import Reply, Request
from textmill.web import express, wsgi

BODY = b'{"text":"Good."}'
PLAIN = (
    b"POST /predict HTTP/1.1\r\nHost: localhost:8000\r\nContent-Type: application/json\r\n"
    b"Content-Length: 16\r\nX-Request-ID: a-1\r\n\r\n" + BODY
)

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


def gunicorns(data: bytes) -> Request:
    """The request as gunicorn and our own door for it read it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        request = next(get_parser(Config(), theirs, ("127.0.0.1", 1)))
        _, environ = create(request, theirs, ("127.0.0.1", 1), ("127.0.0.1", 2), Config())
        body = environ["wsgi.input"].read()
        return Request(environ["REQUEST_METHOD"], wsgi._path(environ), wsgi._lookup(environ), body)


class Callbacks:
    """What httptools tells uvicorn's protocol."""

    def __init__(self) -> None:
        self.url = self.body = b""
        self.headers: list[tuple[str, str]] = []
        self.ends = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.ends += 1


def uvicorns(data: bytes) -> Request:
    """The request as uvicorn's parser reads it: exactly one, kept alive, without an upgrade."""
    found = Callbacks()
    parser = httptools.HttpRequestParser(found)
    parser.feed_data(data)
    assert (1, "1.1", True, False) == (
        found.ends,
        parser.get_http_version(),
        parser.should_keep_alive(),
        parser.should_upgrade(),
    )
    names = [name for name, _ in found.headers]
    assert len(names) == len({*names})
    url = httptools.parse_url(found.url)
    assert url.query is None
    return Request(parser.get_method().decode(), url.path.decode(), dict(found.headers), found.body)


def said(request: Request) -> tuple[object, ...]:
    """What a request says; gunicorn leaves out empty values, and a length that is 0."""
    headers = {name: value for name, value in request.headers.items() if value}
    length = int(headers.pop("content-length", "0"))
    return request.method, request.path, request.body, length, headers


def test_a_plain_request_is_read() -> None:
    """Method, path, headers, body and where it came from."""
    headers = {
        "host": "localhost:8000",
        "content-type": "application/json",
        "content-length": "16",
        "x-request-id": "a-1",
    }
    assert Request("POST", "/predict", headers, BODY, "10.0.0.1") == express.read(PLAIN, "10.0.0.1")


@pytest.mark.parametrize("reading", [gunicorns, uvicorns])
@given(data=requests())
@example(data=PLAIN)
@example(data=PLAIN.replace(b"/predict", b"//predict"))
@example(data=PLAIN.replace(b"a-1", b""))
def test_what_is_plain_is_read_as_the_server_reads_it(
    reading: Callable[[bytes], Request], data: bytes
) -> None:
    """No request means one thing here and another there."""
    request = express.read(data)
    if request is not None:
        assert said(reading(data)) == said(request)


@given(st.lists(st.sampled_from([PLAIN, PLAIN.replace(b"16", b"15"), PLAIN[:-1], PLAIN + b"x"]), max_size=8))
def test_a_remembered_head_is_read_anew_with_each_body(sent: list[bytes]) -> None:
    """What came before changes nothing."""
    assert [data == PLAIN for data in sent] == [express.read(data) is not None for data in sent]


@pytest.mark.parametrize(("letters", "plain"), [(900, True), (2000, True), (17_000, False)])
def test_a_long_head_is_read_as_a_short_one_is(letters: int, plain: bool) -> None:
    """It is only not remembered; one over the limit is left to the server."""
    assert plain == (express.read(PLAIN.replace(b"a-1", b"a" * letters)) is not None)


def test_few_heads_are_remembered() -> None:
    """However many there are, and whatever a client puts into them."""
    for number in range(2000):
        express.read(PLAIN.replace(b"a-1", b"%d" % number))
    assert 512 == express._remembered.cache_info().currsize


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
        (b"X-Request-ID: a-1", b"X-HTTP-Method-Override: GET"),
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
    reply = Reply(200, (("content-type", "text/plain"), ("x-request-id", "\xe9")), b"{}")
    for response in answers(express.write(reply, close=close)):
        assert (200, "OK", b"{}") == (response.status, response.reason, response.read())
        assert "\xe9" == response.headers["x-request-id"]
        assert response.headers["date"].endswith("GMT")
        assert close == (response.headers.get("connection") == "close")


def test_the_answer_to_head_has_the_body_s_length_and_no_body() -> None:
    """And nothing behind the blank line."""
    head = express.write(Reply(404, (), b"{}"), close=False, head_only=True)
    assert head.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert head.endswith(b"content-length: 2\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
def test_what_has_no_body_tells_no_length(status: int) -> None:
    """A length in a 304 would be taken for the page's (RFC 9110, 8.6)."""
    assert b"content-length" not in express.write(Reply(status, (("etag", '"a"'),), b""), close=False)
