"""A gunicorn worker that answers plain requests itself.

gunicorn hands every request to a thread and every connection back, which costs far more than a cheap answer.
Here the polling thread answers plain requests itself, unless an answer has to wait for a model: then a
thread waits and sends it. What is not plain goes gunicorn's own way.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from typing import Any, TypeAlias

from gunicorn.workers.gthread import ThreadWorker

from textmill.service.messages import Exchange, Request
from textmill.web import express, wsgi

Answer: TypeAlias = tuple[bytes, bool]
"""What is sent, and whether the connection is kept then."""


class PromptWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's threads, without a thread for what needs none.

    Attributes:
        reply_seconds: how long an answer may take to be read.
    """

    reply_seconds: float
    keepalived_conns: deque[Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._row: list[tuple[Any, Request]] = []

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Read what has arrived, compute all answers in a row, then send them."""
        super().wait_for_and_dispatch_events(timeout)
        row, self._row = self._row, []
        answers = [(conn, self._begin(conn, request)) for conn, request in row]
        kept = {conn for conn, answer in answers if answer is not None and self._is_sent(conn, answer)}
        if kept:  # gunicorn's list of them is in the order in which they expire
            others = [conn for conn in self.keepalived_conns if conn not in kept]
            self.keepalived_conns = deque([*others, *kept])

    def on_client_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """A kept connection has something to read; called in the polling thread."""
        if conn.is_http2 or self.cfg.is_ssl or self.wsgi.is_extended():
            super().on_client_socket_readable(conn, client)
            return
        data = _arrived(client)
        request = express.read(data, conn.client[0] if conn.client else "")
        if request is None:
            conn.parser.unreader.unread(data)
            super().on_client_socket_readable(conn, client)
            return
        self._row.append((conn, request))

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Leave at once; called wherever a signal finds the polling thread.

        gunicorn's own shuts the pool down first, and waits forever for a lock of the pool's where the signal
        comes while the pool is given work. The pool ends with the process.
        """
        super(ThreadWorker, self).handle_quit(sig, frame)

    def _begin(self, conn: Any, request: Request) -> Answer | None:
        """The answer; None where a thread sends it, or nobody gets one."""
        try:
            exchange = self.wsgi.service.begin(request)
            if exchange.future is None:
                return self._finish(request, exchange)
            self._hand_over(conn, self._wait, request, exchange)
        except Exception as error:  # noqa: BLE001 - nothing may end the polling thread
            self.log.warning("A request failed with %s; its connection is closed.", type(error).__name__)
            self._drop(conn)
        return None

    def _finish(self, request: Request, exchange: Exchange) -> Answer:
        reply = self.wsgi.service.finish(exchange)
        kept = bool(self.alive) and not reply.close
        return express.write(reply, close=not kept, head_only=request.method == "HEAD"), kept

    def _is_sent(self, conn: Any, answer: Answer) -> bool:
        """Whether an answer could be sent without waiting, and the connection is kept."""
        data, kept = answer
        rest = data[_sent(conn.sock, data) :]
        if rest or not kept:
            self._hand_over(conn, self._send, rest, kept)
            return False
        conn.set_timeout()
        return True

    def _drop(self, conn: Any) -> None:
        self.poller.unregister(conn.sock)
        self.keepalived_conns.remove(conn)
        self.nr_conns -= 1
        conn.close()

    # What threads of the pool do.

    def _hand_over(self, conn: Any, work: Any, *arguments: Any) -> None:
        """Let a thread go on with a connection, until it is polled again."""
        self.poller.unregister(conn.sock)
        self.keepalived_conns.remove(conn)
        going = self.tpool.submit(work, conn, *arguments)
        going.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _wait(self, conn: Any, request: Request, exchange: Exchange) -> bool:
        """Wait for an answer and send it; whether the connection is kept."""
        wsgi.wait(self.wsgi.service, exchange, conn.sock)
        return self._send(conn, *self._finish(request, exchange))

    def _send(self, conn: Any, data: bytes, kept: bool) -> bool:  # noqa: FBT001 - a pool calls it by position
        """Send what is left, however slowly it is read; whether the connection is kept."""
        conn.sock.settimeout(self.reply_seconds)
        conn.sock.sendall(data)
        return kept


def _arrived(client: socket.socket) -> bytes:
    """What there is to read; empty where the caller has closed the connection."""
    with contextlib.suppress(OSError):
        return client.recv(express.MOST + 1, socket.MSG_DONTWAIT)
    return b""


def _sent(client: socket.socket, data: bytes) -> int:
    """How many bytes could be sent without waiting."""
    try:
        return client.send(data, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return 0
    except OSError:
        return len(data)  # nobody reads it any more; polling will tell
