"""The gunicorn worker that serves: no thread waits for the first bytes, and heads arrive in time.

gunicorn reads a head with blocking calls that have no total time limit, in threads that are soon used up.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors, wsgi
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn

from textmill.settings import LimitSettings
from textmill.web.prompt import PromptWorker
from textmill.web.slow_bodies import SlowBodies

STATUSES = {
    errors.LimitRequestLine: 414,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
    errors.ExpectationFailed: 417,
}
DRAINED = 65_536
"""Bytes that are read at once from a connection that ends."""
AGAIN = (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK)


class SlowHeads(SlowBodies):
    """Watches the heads that are read; a connection's socket may change, to TLS."""

    def end(self, connection: Any) -> None:
        """End the connection."""
        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


class PunctualWorker(PromptWorker):
    """gunicorn's threads, which wait for nobody's head.

    Attributes:
        head_seconds: how long a head may take, from the connection or from its own first byte.
    """

    head_seconds: float

    def init_process(self) -> None:
        """Become the worker; serves until its end."""
        self._heads = SlowHeads(self.head_seconds)
        _say_no_name()
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        """Let a new connection wait for its first bytes among the polled ones."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in AGAIN:
                raise
            return
        self.nr_conns += 1
        conn = TConn(self.cfg, client, address, listener.getsockname())
        self._await(conn, partial(self.on_pending_socket_readable, conn))

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Go on with a connection, or let it end; called in the polling thread, so without waiting for it.

        gunicorn itself waits here for up to two seconds for a caller that does not close.
        """
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
            return
        try:
            socket.socket.shutdown(conn.sock, socket.SHUT_WR)
            self._await(conn, partial(self._drain, conn))
        except (OSError, ValueError):  # it is closed already
            self.nr_conns -= 1
            conn.close()

    def _await(self, conn: Any, go_on: Callable[[socket.socket], None]) -> None:
        """Poll a connection, for as long as a head may take."""
        conn.sock.setblocking(False)  # noqa: FBT003 - as it is called
        self.poller.register(conn.sock, selectors.EVENT_READ, go_on)
        conn.timeout = time.monotonic() + (self._heads.seconds if self.alive else STOP_KEEPALIVE_LINGER)
        self.pending_conns.append(conn)

    def _drain(self, conn: Any, client: socket.socket) -> None:
        """Read what still comes, until the caller closes too: else the system might cut off the answer."""
        with contextlib.suppress(OSError):
            if socket.socket.recv(client, DRAINED):
                return
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        self.nr_conns -= 1
        conn.close()

    def _cap_keepalive(self, deadline: float) -> None:
        """When the worker stops: what only waits does not hold it up."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def handle(self, conn: Any) -> Any:
        """Read a head and answer it; called in a thread of the pool."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._heads.watch(conn))
            conn.head = stack
            return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose head has arrived."""
        conn.head.close()
        conn.sock.settimeout(self.reply_seconds)  # gunicorn would wait for ever for one who does not read
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            return False

    def handle_error(self, _req: Any, client: socket.socket, _addr: Any, exc: Exception) -> None:
        """Answer what could not be read; what it was is repeated to nobody, for it may hold a key."""
        if isinstance(exc, ssl.SSLError):
            return
        status = _status(exc)
        self.log.warning("A request was answered with %d: %s.", status, type(exc).__name__)
        phrase = HTTPStatus(status).phrase
        head = f"HTTP/1.1 {status} {phrase}\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8"
        with contextlib.suppress(OSError):
            client.sendall(f"{head}\r\ncontent-length: {len(phrase)}\r\n\r\n{phrase}".encode())


def _status(error: Exception) -> int:
    """What an error of gunicorn's parser means."""
    for kind, status in STATUSES.items():
        if isinstance(error, kind):
            return status
    return HTTPStatus.BAD_REQUEST if isinstance(error, errors.ParseException) else 500


def worker(limits: LimitSettings) -> type[PunctualWorker]:
    """The worker whose heads and replies take at most as long as these say."""
    seconds = {"head_seconds": limits.head_seconds, "reply_seconds": limits.reply_seconds}
    return type("Worker", (PunctualWorker,), seconds)


def _say_no_name() -> None:
    """Leave out the name of the server, which gunicorn sends always and has no setting for."""
    named = wsgi.Response.default_headers

    def unnamed(response: Any) -> list[str]:
        return [line for line in named(response) if not line.startswith("Server:")]

    wsgi.Response.default_headers = unnamed
