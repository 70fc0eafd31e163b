"""The worker process: loads one model, then computes batches until its engine is gone.

Started as `python -m textmill.engine.worker DESCRIPTOR` with the descriptor of a connected socket.
"""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

from textmill.engine.memory import freeze
from textmill.engine.wire import Failed, Loaded, Raised, Ran, Run
from textmill.errors import TextmillError
from textmill.runtimes.base import ModelSpec, Runtime, answer
from textmill.runtimes.registry import load

NICENESS = 5
"""Below the web processes, so that health checks and refusals are answered while all CPUs compute."""


def main(descriptor: int) -> None:
    """Serve one engine until its end of the socket closes."""
    os.nice(NICENESS)
    # Ctrl-C and SIGTERM reach the whole process group; the engine drains and then closes the socket.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with Connection(descriptor) as connection:
        try:
            runtime = _load(connection)
            while runtime is not None:
                connection.send(_run(runtime, connection.recv()))
        except (EOFError, OSError):
            return


def _load(connection: Connection[Any, Any]) -> Runtime | None:
    spec: ModelSpec = connection.recv()
    try:
        runtime = load(spec)
    except TextmillError as error:
        connection.send(Failed(str(error)))
    except Exception as error:  # noqa: BLE001 - a library may raise anything; the operator must see it
        connection.send(Failed(f"The model {spec.name!r} cannot be loaded: {type(error).__name__}: {error}"))
    else:
        freeze()
        connection.send(Loaded(runtime.info))
        return runtime
    return None


def _run(runtime: Runtime, batch: Run) -> Ran | Raised:
    try:
        return Ran(answer(runtime, batch.texts, explain=batch.explain))
    except Exception as error:  # noqa: BLE001 - the engine finds the text; its message may hold it
        return Raised(type(error).__name__)


if __name__ == "__main__":
    main(int(sys.argv[1]))
