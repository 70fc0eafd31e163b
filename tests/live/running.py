"""The real server, started as its users start it, and never left behind."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from textmill.runtimes.registry import DEFAULT_MODELS

HOST = "127.0.0.1"
ONLY_SENTIMENT = ("--model", f"sentiment={DEFAULT_MODELS['sentiment'].path}")
"""The small model alone: a server that is ready in about a second."""
TEXT = "Tim Cook loves the new Apple store in Berlin!"
JSON = {"Content-Type": "application/json"}
START_SECONDS = 60.0
PAUSE = 0.02
"""Between two looks at another process; nothing is ever waited for by time alone."""

Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True, slots=True)
class Server:
    """A server process, from outside."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def output(self) -> str:
        """Everything it wrote to standard error so far."""
        return self.log.read_text(encoding="utf-8")

    def connect(self, timeout: float = 30) -> http.client.HTTPConnection:
        """A connection of its own, which the caller closes."""
        return http.client.HTTPConnection(HOST, self.port, timeout=timeout)

    def ask(self, method: str, path: str, body: object = None, headers: Mapping[str, str] = JSON) -> Answer:
        """One request on a new connection."""
        with contextlib.closing(self.connect()) as connection:
            return exchange(connection, method, path, body, headers)

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a GET."""
        status, _, content = self.ask("GET", path)
        return status, json.loads(content)

    def post(self, path: str, body: object) -> tuple[int, Any]:
        """Status and JSON of a POST."""
        status, _, content = self.ask("POST", path, body)
        return status, json.loads(content)

    def family(self) -> list[psutil.Process]:
        """The server's processes, the first one included."""
        main = psutil.Process(self.process.pid)
        return [main, *main.children(recursive=True)]

    def engine_worker(self) -> psutil.Process:
        """The process in which the entities are computed."""
        return next(each for each in self.family() if "textmill.engine.worker" in command(each))

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Until every model is ready."""

        def ready() -> bool:
            assert self.process.poll() is None, self.output
            with contextlib.suppress(OSError):
                return self.get("/health/ready")[0] == 200
            return False

        assert eventually(ready, seconds), self.output

    def wait_until_gone(self, seconds: float) -> int:
        """The exit code."""
        return self.process.wait(timeout=seconds)


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: object = None,
    headers: Mapping[str, str] = JSON,
) -> Answer:
    """One request on a connection; the body is JSON unless it is bytes."""
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    connection.request(method, path, raw, dict(headers))
    answer = connection.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def command(process: psutil.Process) -> list[str]:
    """The words of its command line; none where it has just gone."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def eventually(happened: Any, seconds: float) -> bool:
    """Whether something becomes true in time."""
    until = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > until:
            return False
        time.sleep(PAUSE)
    return True


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them runs any more (a zombie does not)."""
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes)


@contextlib.contextmanager
def running(
    folder: Path,
    framework: str,
    *flags: str,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A started server, not yet ready; its whole process group is killed in the end."""
    log = folder / "stderr.txt"
    words = [sys.executable, "-m", "textmill", "serve", "--framework", framework, "--port", "0", *flags]
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=os.environ | dict(settings or {}),
            stdin=subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        yield Server(process, _port(process, log), log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the server says it listens on."""
    found: list[int] = []

    def announced() -> bool:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        match = re.search(r"https?://127\.0\.0\.1:(\d+)", log.read_text(encoding="utf-8"))
        found.extend([int(match[1])] if match else [])
        return bool(found)

    assert eventually(announced, START_SECONDS), log.read_text(encoding="utf-8")
    return found[0]
