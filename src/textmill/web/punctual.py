"""The gunicorn worker that serves: no thread waits for the first bytes, and heads arrive in time.

gunicorn reads a head with blocking calls that have no total time limit, in threads that are soon used up.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import time
from functools import partial
from typing import Any

from gunicorn.http import wsgi
from gunicorn.workers.gthread import TConn

from textmill.web.prompt import PromptWorker
from textmill.web.slow_bodies import SlowBodies

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
        conn.timeout = time.monotonic() + self._heads.seconds
        self.pending_conns.append(conn)
        self.poller.register(client, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: Any) -> Any:
        """Read a head and answer it; called in a thread of the pool."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._heads.watch(conn))
            conn.head = stack
            return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose head has arrived."""
        conn.head.close()
        return super().handle_request(req, conn)


def worker(seconds: float) -> type[PunctualWorker]:
    """The worker whose heads take at most so long."""
    return type("Worker", (PunctualWorker,), {"head_seconds": seconds})


def _say_no_name() -> None:
    """Leave out the name of the server, which gunicorn sends always and has no setting for."""
    named = wsgi.Response.default_headers

    def unnamed(response: Any) -> list[str]:
        return [line for line in named(response) if not line.startswith("Server:")]

    wsgi.Response.default_headers = unnamed
