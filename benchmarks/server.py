"""One server process on cores of its own: started, waited for, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import calls

START_SECONDS = 180.0
STOP_SECONDS = 20.0
LOG_LINES = 12


class ServerError(Exception):
    """The server did not start; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start one server.

    Attributes:
        paths: the paths that must answer a text before the server counts as ready.
        cores: the cores that it and all its children may use.
        headers: what the calls that find out whether it is ready must bring.
    """

    argv: Sequence[str]
    port: int
    paths: Sequence[str]
    environment: Mapping[str, str]
    cores: frozenset[int]
    log: Path
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and how long it took from its start to the first answer on every path."""

    pid: int
    port: int
    ready_seconds: float


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Run a block on some cores; what it starts inherits them and keeps them."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def serving(launch: Launch) -> Iterator[Server]:
    """Start a server, give it when it answers, and stop it and all its children at the end.

    Raises:
        ServerError: it ended or stayed silent instead of answering.
    """
    start = time.monotonic()
    process = _start(launch)
    try:
        _wait(launch, process, start + START_SECONDS)
        yield Server(process.pid, launch.port, time.monotonic() - start)
    finally:
        _stop(process)


def _start(launch: Launch) -> subprocess.Popen[bytes]:
    launch.log.parent.mkdir(parents=True, exist_ok=True)
    with launch.log.open("wb") as log, pinned(launch.cores):
        # A session of its own: Ctrl-C reaches the benchmark alone, which then stops the whole group.
        return subprocess.Popen(  # noqa: S603 - the commands are ours
            list(launch.argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Not the user's folder, where a textmill.toml may lie.
            cwd=launch.log.parent,
            env={**os.environ, **launch.environment},
            start_new_session=True,
        )


def _wait(launch: Launch, process: subprocess.Popen[bytes], until: float) -> None:
    while not all(calls.answers(launch.port, path, launch.headers) for path in launch.paths):
        if process.poll() is not None:
            raise ServerError(_report(launch, f"ended with status {process.returncode} instead of answering"))
        if time.monotonic() > until:
            raise ServerError(_report(launch, f"did not answer within {START_SECONDS:.0f} s"))
        time.sleep(0.05)


def _report(launch: Launch, what: str) -> str:
    lines = launch.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n  ".join([f"The server {what}. The end of its log:", *lines[-LOG_LINES:]])


def _stop(process: subprocess.Popen[bytes]) -> None:
    _signal(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    # Also when the first process has ended: a child may have outlived it.
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
