"""Leave without losing a request."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from textmill.service.service import Service


def drain_on_sigterm(service: Service) -> None:
    """On SIGTERM: fail readiness at once, and let the server begin its own shutdown after the grace.

    In between requests are still answered, so that balancers and keep-alive clients can leave. Call it when
    the server has installed its own handler; that one then does the rest.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    servers: Any = signal.getsignal(signal.SIGTERM)
    if not callable(servers):
        return
    grace = service.settings.server.drain_grace_seconds

    def begin(number: int, frame: FrameType | None) -> None:
        service.begin_drain()
        timer = threading.Timer(grace, servers, args=(number, frame))
        timer.daemon = True
        timer.start()

    signal.signal(signal.SIGTERM, begin)


def leave_ctrl_c_to_the_first_process() -> None:
    """In a worker process: do not see Ctrl-C, which a terminal sends to the whole group.

    The first process ends its workers with a second signal; WSGI workers of gunicorn and granian deadlock
    when that one comes while they handle the first. Call it on the main thread, before others begin.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
