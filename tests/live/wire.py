"""Requests as bytes on a socket, for what no HTTP client sends: slow, wrong or half of a request."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from tests.live.running import HOST, Server


@contextlib.contextmanager
def dialled(server: Server) -> Iterator[socket.socket]:
    """A connection."""
    with socket.create_connection((HOST, server.port), timeout=30) as connection:
        yield connection


def head(method: str, path: str, *headers: str) -> bytes:
    """A request's line and headers."""
    lines = (f"{method} {path} HTTP/1.1", "Host: textmill", "X-Request-ID: the-same-id", *headers)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunked(body: bytes, size: int) -> bytes:
    """A body in chunks."""
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def read_to_end(connection: socket.socket) -> bytes:
    """Everything until the server closes; a reset counts as an end."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            found += part
    return found


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One answer, as long as its Content-Length says."""
    with connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        headers: dict[str, str] = {}
        while line := stream.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return status, headers, stream.read(int(headers.get("content-length", 0)))
