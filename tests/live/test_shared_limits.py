"""Limits that several worker processes share over a real Redis, and what is left of them when it dies."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.live.running import ONLY_SENTIMENT, TEXT, Server, eventually, running
from tests.redis_server import PASSWORD, redis_server

LIMIT = 6


def statuses(server: Server, calls: int) -> Counter[int]:
    """Of so many calls, each on a connection of its own, so that both workers see some."""
    return Counter(server.post("/predict", {"text": TEXT})[0] for _ in range(calls))


def test_workers_share_a_limit_and_go_on_without_the_store(tmp_path: Path, framework: str) -> None:
    """Just the limit together; alone, each its own, and readiness stays; no password is shown anywhere."""
    with redis_server(tmp_path) as redis:
        settings = {
            "TEXTMILL_RATES__REQUESTS": f"{LIMIT}/hour",
            "TEXTMILL_RATES__STORE": redis.url,
            "TEXTMILL_RATES__STORE_PASSWORD": PASSWORD,
        }
        flags = ("--workers", "2", *ONLY_SENTIMENT)
        with running(tmp_path, framework, *flags, settings=settings) as server:
            server.wait_until_ready()
            assert {200: LIMIT, 429: 10} == statuses(server, LIMIT + 10)
            redis.stop()
            assert eventually(lambda: statuses(server, 5)[200] > 0, 20)
            assert 0 < statuses(server, 5 * LIMIT)[200] <= 2 * LIMIT
            assert 200 == server.get("/health/ready")[0]
            assert "counts for itself" in server.output
            assert PASSWORD not in server.output
            assert "Traceback" not in server.output
