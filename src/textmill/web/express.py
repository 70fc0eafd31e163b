"""Plain requests, read and answered without a general HTTP parser.

Only what cannot be misunderstood is plain: HTTP/1.1, a simple path, well-known headers, each once, a body of
known length that has arrived. Whatever else there is goes to the server's own parser, which knows it all.
"""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from functools import lru_cache
from io import BytesIO
from typing import Any

from textmill.service.messages import Headers

MOST = 16_384
"""Bytes of a plain request at most."""
LINE = re.compile(rb"(GET|HEAD|POST) (/[A-Za-z0-9/._-]*) HTTP/1\.1")
HEADER = re.compile(rb"([A-Za-z][A-Za-z0-9-]*):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?[ \t]*")
DIGITS = re.compile(r"[0-9]{1,6}")
KNOWN = frozenset({
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_AUTHORIZATION",
    "HTTP_CONNECTION",
    "HTTP_CONTENT_LENGTH",
    "HTTP_CONTENT_TYPE",
    "HTTP_HOST",
    "HTTP_IF_NONE_MATCH",
    "HTTP_ORIGIN",
    "HTTP_TRACEPARENT",
    "HTTP_TRACESTATE",
    "HTTP_USER_AGENT",
    "HTTP_X_API_KEY",
    "HTTP_X_REQUEST_ID",
    "HTTP_X_REQUEST_TIMEOUT",
})
"""Headers, as WSGI names them, that say nothing of how the request is to be read."""


def read(data: bytes) -> dict[str, Any] | None:
    """The WSGI environment of the one plain request that these bytes are, or None where they are not."""
    head, blank, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    line = LINE.fullmatch(first)
    if not blank or line is None or len(data) > MOST:
        return None
    environ = _headers(lines)
    if environ is None or "HTTP_HOST" not in environ:
        return None
    if environ.get("HTTP_CONNECTION", "keep-alive").lower() != "keep-alive":
        return None
    length = environ.pop("HTTP_CONTENT_LENGTH", "0")
    if not DIGITS.fullmatch(length) or len(body) != int(length):
        return None
    if (kind := environ.pop("HTTP_CONTENT_TYPE", None)) is not None:
        environ["CONTENT_TYPE"] = kind
    return environ | {
        "REQUEST_METHOD": line[1].decode("ascii"),
        "PATH_INFO": line[2].decode("ascii"),
        "QUERY_STRING": "",
        "SCRIPT_NAME": "",
        "CONTENT_LENGTH": length,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.url_scheme": "http",
    }


def write(status: str, headers: Headers, body: bytes, *, close: bool) -> bytes:
    """The bytes of an answer.

    Args:
        headers: with the length of the body.
        close: whether the connection ends with it.
    """
    lines = [f"HTTP/1.1 {status}", _date(int(time.time())), *(f"{name}: {value}" for name, value in headers)]
    if close:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _headers(lines: list[bytes]) -> dict[str, str] | None:
    """Well-known headers by WSGI's names for them, or None where there is another, or one twice."""
    found: dict[str, str] = {}
    for line in lines:
        header = HEADER.fullmatch(line)
        if header is None:
            return None
        name = _name(header[1])
        if name is None or name in found:
            return None
        found[name] = (header[2] or b"").decode("ascii")
    return found


@lru_cache(256)
def _name(raw: bytes) -> str | None:
    name = "HTTP_" + raw.decode("ascii").upper().replace("-", "_")
    return name if name in KNOWN else None


@lru_cache(1)
def _date(seconds: int) -> str:
    return f"date: {formatdate(seconds, usegmt=True)}"
