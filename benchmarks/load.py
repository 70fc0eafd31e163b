"""The load: wrk, closed loop, with the texts in turn."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SCRIPT = Path(__file__).with_name("load.lua")
MARK = "RESULT "
FAILURES = ("refused", "unsent", "unread", "bad_status", "timeouts")

# Slower answers count as timeouts; wrk's own default of 2 s would hide the slow candidates' latency.
TIMEOUT_SECONDS = 120


class LoadError(Exception):
    """The load generator failed, or nothing was answered."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What wrk saw. Latencies are those of answered requests."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: int

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def require_wrk() -> str:
    """Return where wrk is.

    Raises:
        SystemExit: it is not installed; the message says how to get it.
    """
    found = shutil.which("wrk")
    if found is None:
        msg = "The load generator wrk is not installed. Install it with: apt-get install wrk"
        raise SystemExit(msg)
    return found


@dataclass(frozen=True, slots=True)
class Drive:
    """A load that is ready to go.

    Attributes:
        bodies: a file with one JSON body per line.
        threads: how many cores the load may use.
        headers: of every request, besides the type of its body.
    """

    url: str
    bodies: Path
    threads: int
    headers: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *, connections: int, seconds: int) -> Outcome:
        """Keep `connections` requests in flight for `seconds`, and return what came back.

        Raises:
            LoadError: wrk failed, or not one request was answered in time.
        """
        threads = min(self.threads, connections)
        command = [
            *(require_wrk(), "--threads", str(threads), "--connections", str(connections)),
            *("--duration", f"{seconds}s", "--timeout", f"{TIMEOUT_SECONDS}s", "--script", str(SCRIPT)),
            *(part for name, value in self.headers.items() for part in ("--header", f"{name}: {value}")),
            *(self.url, "--", str(self.bodies)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        return _outcome(done, seconds)


def _outcome(done: subprocess.CompletedProcess[str], seconds: int) -> Outcome:
    line = next((line for line in done.stdout.splitlines() if line.startswith(MARK)), None)
    if done.returncode or line is None:
        msg = f"wrk ended with status {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
        raise LoadError(msg)
    found = json.loads(line.removeprefix(MARK))
    if not found["requests"]:
        msg = f"Not one request was answered in {seconds} s. Give it more time with --seconds."
        raise LoadError(msg)
    errors = sum(found.pop(name) for name in FAILURES)
    return Outcome(**found, errors=errors)
