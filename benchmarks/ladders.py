"""What a server did at each rate it was given: rows, and where the knee is."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

from benchmarks.arrivals import Arrivals
from benchmarks.candidates import CANDIDATES, WORKS

Key: TypeAlias = tuple[str, str, float]
"""Work, server, rate."""

LIMIT = next(one.name for one in CANDIDATES if not one.answers)
KNEE_SECONDS = 1.0
"""A server whose 99th percentile is beyond this is far past its knee; higher rates are not tried."""
QUEUE_SECONDS = 0.25
"""A server that needs longer for what is left after the last departure did not keep up with the rate."""
LATE_SECONDS, LATE_SHARE = 0.001, 0.1
"""The generator sent in time when the 99th percentile of its lateness was at most so long, or at most this
share of the latency's, which includes it."""
LIMIT_SECONDS = 0.05
"""The generator read in time when the 99th percentile of the constant answer, at the same rate, was less."""
HEADINGS = (
    "server",
    "due a second",
    "answered a second",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "failed",
    "rounds",
    "late p99 ms",
)


@dataclass(frozen=True, slots=True)
class Point:
    """One server at one rate; medians over the rounds that reached it, in milliseconds.

    Attributes:
        rounds: how many reached it; a round ends where the server is far past its knee.
        left_ms: from the last departure to the last answer.
        held: whether the generator held the rate; if not, the figures say more of it than of the server.
    """

    work: str
    server: str
    rate: float
    rounds: int
    answered: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    failed: int
    left_ms: float
    late_ms: float
    held: bool

    @property
    def beyond(self) -> bool:
        """Whether the server is past its knee."""
        return bool(self.failed) or self.p99_ms >= 1e3 * KNEE_SECONDS or self.left_ms >= 1e3 * QUEUE_SECONDS


def points(tried: Mapping[Key, Sequence[Arrivals]]) -> list[Point]:
    """Sum up the rounds, in the order of works, servers and rates."""
    limit = ceiling(tried)
    return [_point(key, tried[key], limit) for key in sorted(tried, key=_order)]


def ceiling(tried: Mapping[Key, Sequence[Arrivals]]) -> float:
    """Return the highest rate at which the constant answer came in time, or infinity without one."""
    limits = {rate: _middle(rounds, 0.99) for (_, name, rate), rounds in tried.items() if name == LIMIT}
    slow = [rate for rate, p99 in limits.items() if p99 >= LIMIT_SECONDS]
    if not limits:
        return math.inf
    return max((rate for rate in limits if not slow or rate < min(slow)), default=0.0)


def knees(ladder: Sequence[Point]) -> list[str]:
    """Say for each server and work where its knee is, or why it was not found."""
    groups: dict[tuple[str, str], list[Point]] = {}
    for point in ladder:
        groups.setdefault((point.server, point.work), []).append(point)
    return [f"{server}, {work}: {_knee(group)}." for (server, work), group in groups.items()]


def cells(point: Point) -> list[str]:
    """Return the row of a table."""
    latencies = [point.p50_ms, point.p90_ms, point.p99_ms]
    shown = [_number(value) for value in latencies] if point.held else ["not held"] * len(latencies)
    name, counts = f"{point.server}: {point.work}", (str(point.failed), str(point.rounds))
    return [name, f"{point.rate:g}", _number(point.answered), *shown, *counts, _number(point.late_ms)]


def as_json(ladder: Sequence[Point]) -> str:
    """Return every point as JSON, which knows no infinity; null stands for what was never answered."""
    figures = [{name: _finite(value) for name, value in asdict(point).items()} for point in ladder]
    return json.dumps(figures, indent=1) + "\n"


def _point(key: Key, rounds: Sequence[Arrivals], limit: float) -> Point:
    p99, late = _middle(rounds, 0.99), _median(rounds, lambda one: one.late(0.99))
    in_time = late <= max(LATE_SECONDS, LATE_SHARE * p99)
    return Point(
        *key,
        rounds=len(rounds),
        answered=_median(rounds, lambda one: one.per_second),
        p50_ms=1e3 * _middle(rounds, 0.5),
        p90_ms=1e3 * _middle(rounds, 0.9),
        p99_ms=1e3 * p99,
        failed=sum(one.failed for one in rounds),
        left_ms=1e3 * _median(rounds, lambda one: one.left),
        late_ms=1e3 * late,
        held=in_time and key[2] <= limit,
    )


def _middle(rounds: Sequence[Arrivals], share: float) -> float:
    return _median(rounds, lambda one: one.latency(share))


def _median(rounds: Sequence[Arrivals], value: Callable[[Arrivals], float]) -> float:
    return statistics.median(value(one) for one in rounds)


def _knee(ladder: Sequence[Point]) -> str:
    beyond = [point for point in ladder if point.beyond]
    kept = [point.rate for point in ladder if not beyond or point.rate < beyond[0].rate]
    so_far = f"kept up with {kept[-1]:g} a second" if kept else "kept up with no rate"
    if not beyond:
        return f"{so_far}; the ladder ended before its knee"
    if not beyond[0].held:
        return f"{so_far}; the generator did not hold {beyond[0].rate:g}, so this is no knee of the server's"
    most = max(point.answered for point in beyond)
    return f"{so_far}, not with {beyond[0].rate:g}; beyond the knee it answers up to {most:,.0f}"


def _order(key: Key) -> tuple[int, int, float]:
    work, name, rate = key
    return [one.name for one in WORKS].index(work), [one.name for one in CANDIDATES].index(name), rate


def _finite(value: object) -> object:
    return None if isinstance(value, float) and math.isinf(value) else value


def _number(value: float) -> str:
    return f"{value:,.4g}" if math.isfinite(value) else "none"
