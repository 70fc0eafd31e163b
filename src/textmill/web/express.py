"""Plain requests, read and answered without a general HTTP parser and without a framework.

Only what cannot be misunderstood is plain: HTTP/1.1, a simple path, well-known headers, each once, a body of
known length that has arrived. Whatever else there is goes to the server's own parser, which knows it all.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from textmill.service.messages import BODILESS, Headers, Reply, Request

MOST = 16_384
"""Bytes of a plain request at most."""
REMEMBERED = 1024
"""Bytes of a head that is remembered, because a client's next request is likely to have the same one."""
END = b"\r\n\r\n"
LINE = re.compile(rb"(GET|HEAD|POST) (/[A-Za-z0-9/._-]*) HTTP/1\.1")
HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9-]*):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?[ \t]*")
DIGITS = re.compile(r"[0-9]{1,6}")
KNOWN = frozenset({
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "host",
    "if-none-match",
    "origin",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-api-key",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-request-timeout",
})
"""Headers that say nothing of how the request is to be read."""


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before a body, and how long the body is."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    length: int


def read(data: bytes, peer: str | None = None) -> Request | None:
    """The one plain request that these bytes are, or None where they are not."""
    end = data.find(END) + len(END)
    if end < len(END) or len(data) > MOST:
        return None
    head = (_remembered if end <= REMEMBERED else _head)(data[:end])
    if head is None or len(data) - end != head.length:
        return None
    return Request(head.method, head.path, head.headers, data[end:], peer)


def write(reply: Reply, *, close: bool, head_only: bool = False) -> bytes:
    """The bytes of an answer.

    Args:
        close: whether the connection ends with it.
        head_only: it answers a HEAD, so its body is only measured.
    """
    start, length = _start(reply.status, int(time.time())), len(reply.body)
    last = "connection: close\r\n" if close else ""
    size = "" if reply.status in BODILESS else f"content-length: {length}\r\n"
    head = f"{start}{_lines(reply.headers)}{size}{last}\r\n".encode("latin-1")
    return head if head_only else head + reply.body


def _head(raw: bytes) -> Head | None:
    """The head of a plain request, with the blank line behind it."""
    first, *lines = raw[: -len(END)].split(b"\r\n")
    line = LINE.fullmatch(first)
    headers = _headers(lines)
    if line is None or headers is None or "host" not in headers:
        return None
    length = headers.get("content-length", "0")
    if headers.get("connection", "keep-alive").lower() != "keep-alive" or not DIGITS.fullmatch(length):
        return None
    return Head(line[1].decode("ascii"), line[2].decode("ascii"), headers, int(length))


_remembered = lru_cache(512)(_head)


def _headers(lines: list[bytes]) -> dict[str, str] | None:
    """Well-known headers by their names, or None where there is another, or one twice."""
    found: dict[str, str] = {}
    for line in lines:
        header = HEADER.fullmatch(line)
        if header is None:
            return None
        name = header[1].decode("ascii").lower()
        if name not in KNOWN or name in found:
            return None
        found[name] = (header[2] or b"").decode("ascii")
    return found


def _lines(headers: Headers) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers])


@lru_cache(32)
def _start(status: int, seconds: int) -> str:
    """The first line of an answer, and the date."""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ndate: {formatdate(seconds, usegmt=True)}\r\n"
