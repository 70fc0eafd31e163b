"""More work than fits: some is done, the rest is refused at once, and the server stays responsive."""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.running import Server, command, exchange
from tests.live.scheduling import longest, waited
from textmill.contracts.problems import Problem

CLIENTS = 64
SECONDS = 4
LIVE_SECONDS = 0.1
POLL_SECONDS = 0.05
REPOSITORY = Path(__file__).parents[2]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Poll:
    """One health check: its status, how long it took, and how much of that others had the CPU."""

    status: int
    seconds: float
    waited: float

    @property
    def own(self) -> float:
        """The seconds that are the server's own doing, on a machine that it shares with other programs."""
        return self.seconds - self.waited


def watch_liveness(server: Server, flood: subprocess.Popen[bytes]) -> list[Poll]:
    """Every health check while the flood lasts."""
    found = []
    pids = [each.pid for each in server.family() if "textmill.engine.worker" not in command(each)]
    before = waited(pids)
    with contextlib.closing(server.connect()) as connection:
        while flood.poll() is None:
            started = time.perf_counter()
            status, *_ = exchange(connection, "GET", "/health/live")
            seconds = time.perf_counter() - started
            after = waited(pids)
            found.append(Poll(status, seconds, longest(before, after)))
            time.sleep(max(0.0, POLL_SECONDS - seconds))
            before = waited(pids)
    return found


@pytest.mark.timeout(60)
def test_a_flood_is_shed_and_liveness_stays_quick(server: Server, tmp_path: Path) -> None:
    """Only 200, 429 and 503; each refusal says when to return; `/health/live` answers within 100 ms."""
    words = [sys.executable, "-m", "tests.live.flood", str(server.port), str(CLIENTS), str(SECONDS)]
    seen = tmp_path / "answers.json"
    with seen.open("wb") as out, subprocess.Popen(words, cwd=REPOSITORY, stdout=out) as flood:
        polls = watch_liveness(server, flood)
    assert 0 == flood.returncode
    answers = json.loads(seen.read_text(encoding="utf-8"))
    counts = Counter(status for status, *_ in answers)
    slowest = max(polls, key=lambda poll: poll.own)
    logger.info("%s; %d health checks, the slowest %s", counts, len(polls), slowest)

    assert {200} < set(counts) <= {200, 429, 503}
    for status, retry_after, media_type, body in answers:
        if status != 200:
            assert "application/problem+json" == media_type
            assert int(retry_after) >= 1
            assert (status, int(retry_after)) == (Problem.model_validate_json(body).status, int(retry_after))
    assert {200} == {poll.status for poll in polls}
    assert len(polls) > SECONDS / POLL_SECONDS / 2
    assert slowest.own < LIVE_SECONDS, (slowest, counts)
