"""One exchange over WSGI: read the body, hold the thread until the engine is done, answer."""

from __future__ import annotations

import select
import socket
from concurrent.futures import CancelledError
from http import HTTPStatus
from wsgiref.types import WSGIEnvironment

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import get_input_stream

from textmill.service import messages
from textmill.service.service import Service
from textmill.web.slow_bodies import SlowBodies

LOOK_SECONDS = 0.5
"""How often to look whether the caller is still there."""
STATUSES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
CONTENT = {"CONTENT_TYPE": "content-type", "CONTENT_LENGTH": "content-length"}
"""The two headers that CGI keeps apart from the rest."""


class Door:
    """Where requests over WSGI come in: no request object, no context."""

    def __init__(self, service: Service) -> None:
        self._service = service
        limits = service.settings.limits
        self._body_bytes = limits.body_bytes
        self._slow = SlowBodies(limits.body_seconds)

    def begin(self, environ: WSGIEnvironment, path: str | None = None) -> messages.Exchange:
        """Read a request and start what it asks for.

        Args:
            path: below the prefix where textmill is embedded; by default the request's own.
        """
        method = environ["REQUEST_METHOD"]
        request = messages.Request(
            method,
            _path(environ) if path is None else path,
            _lookup(environ),
            self._read(environ),
            environ.get("REMOTE_ADDR"),
        )
        return self._service.begin(request)

    def finish(self, exchange: messages.Exchange, environ: WSGIEnvironment) -> messages.Reply:
        """The reply, after waiting for it where it is not there yet."""
        if exchange.future is not None:
            wait(self._service, exchange, environ.get("gunicorn.socket"))
        return self._service.finish(exchange)

    def _read(self, environ: WSGIEnvironment) -> bytes | None:
        """The body, or a little more than the limit of it; None when it did not arrive in time."""
        stream = get_input_stream(environ)
        with self._slow.watch(environ.get("gunicorn.socket")) as read:
            try:
                body = stream.read(self._body_bytes + 1)
            except (ClientDisconnected, OSError):
                return None
        return None if read.ended else body  # an ended read looks like a short body to gunicorn


def _path(environ: WSGIEnvironment) -> str:
    """The path, of which WSGI shows the bytes as Latin-1."""
    path: str = environ.get("PATH_INFO", "")
    return path if path.isascii() else path.encode("latin-1").decode("utf-8", "replace")


def _lookup(environ: WSGIEnvironment) -> dict[str, str]:
    found = {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key[:5] == "HTTP_"}
    for key, name in CONTENT.items():
        if value := environ.get(key):
            found[name] = value
    return found


def wait(service: Service, exchange: messages.Exchange, connection: socket.socket | None) -> None:
    """Wait for the engine, and look from time to time whether the caller is still there.

    Args:
        connection: to the caller, where the server shows it.
    """
    left = exchange.patience
    while exchange.future is not None and not exchange.future.done() and left > 0:
        try:
            exchange.future.exception(timeout=min(LOOK_SECONDS, left))
        except CancelledError:
            return
        except TimeoutError:
            left -= LOOK_SECONDS
            if connection is not None and _is_left(connection):
                service.abandon(exchange)


def _is_left(connection: socket.socket) -> bool:
    """Whether it was closed from the other side."""
    try:
        readable = select.select([connection], [], [], 0)[0]
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):  # ValueError: a TLS socket cannot peek, a closed one cannot be waited for
        return False
