"""A gunicorn worker that answers at once what needs no waiting.

gunicorn hands every request to a thread and every connection back, which costs far more than a cheap answer.
Here the polling thread answers a plain request itself, unless the answer has to wait for a model: then a
thread waits and sends it. What is not plain goes gunicorn's own way.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from textmill.service.messages import Headers
from textmill.web import express
from textmill.web.flask import Later


class Answer:
    """What a WSGI app answers: it is given to the app as `start_response`."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: Headers = ()

    def __call__(self, status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
        """See PEP 3333."""
        self.status, self.headers = status, tuple(headers)

    def bytes(self, parts: Iterable[bytes], *, close: bool) -> bytes:
        """As it is sent."""
        return express.write(self.status, self.headers, b"".join(parts), close=close)


class PromptWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's threads, without a thread for what needs none."""

    def run(self) -> None:
        """Poll until the worker's end."""
        self.wsgi.impatient_thread = threading.get_ident()
        super().run()

    def on_client_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """A kept connection has something to read; called in the polling thread."""
        if conn.is_http2 or self.cfg.is_ssl:
            super().on_client_socket_readable(conn, client)
            return
        data = _arrived(client)
        environ = express.read(data) if data else None
        if environ is None:
            conn.parser.unreader.unread(data)
            super().on_client_socket_readable(conn, client)
            return
        self._answer(conn, environ | {"REMOTE_ADDR": conn.client[0] if conn.client else ""})

    def _answer(self, conn: Any, environ: dict[str, Any]) -> None:
        answer = Answer()
        try:
            parts = self.wsgi(environ, answer)
        except Later as later:
            self._hand_over(conn, self._finish, later, answer)
            return
        except Exception:  # nothing may end the polling thread
            self.log.exception("A request failed; its connection is closed.")
            self._drop(conn)
            return
        kept = bool(self.alive)  # asked once: what the answer says of its connection is done with it
        data = answer.bytes(parts, close=not kept)
        rest = data[_sent(conn.sock, data) :]
        if rest or not kept:
            self._hand_over(conn, self._send, rest, kept)
            return
        conn.set_timeout()
        self.keepalived_conns.remove(conn)  # they stand in the order in which they expire
        self.keepalived_conns.append(conn)

    def _drop(self, conn: Any) -> None:
        self.poller.unregister(conn.sock)
        self.keepalived_conns.remove(conn)
        self.nr_conns -= 1
        conn.close()

    def _hand_over(self, conn: Any, work: Any, *arguments: Any) -> None:
        """Let a thread of the pool go on with a connection, until it is polled again."""
        self.poller.unregister(conn.sock)
        self.keepalived_conns.remove(conn)
        going = self.tpool.submit(work, conn, *arguments)
        going.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _finish(self, conn: Any, later: Later, answer: Answer) -> bool:
        """Wait for an answer and send it; called in a thread of the pool."""
        parts = later.answer()
        kept = bool(self.alive)
        return self._send(conn, answer.bytes(parts, close=not kept), kept)

    def _send(self, conn: Any, data: bytes, kept: bool) -> bool:  # noqa: FBT001 - a pool calls it by position
        """Send what is left, however slowly it is read; whether the connection is kept."""
        conn.sock.settimeout(self.cfg.timeout)
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
