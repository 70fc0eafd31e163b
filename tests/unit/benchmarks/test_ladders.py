"""What is said of a server's rates: held or not, and where its knee is."""

from __future__ import annotations

import json
import math

from benchmarks import ladders
from benchmarks.arrivals import Arrivals


def arrived(rate: float, latency: float, *, late: float = 0, failed: int = 0, left: float = 0) -> Arrivals:
    """A rate at which everything took so long, in seconds."""
    return Arrivals(rate, [latency] * 100, [late] * 100, failed, seconds=2.0, left=left)


def ladder(*steps: Arrivals, limit: tuple[Arrivals, ...] = ()) -> list[ladders.Point]:
    """The points of one server, beside the constant answer's."""
    found = {("sentiment", "guide-fastapi", step.rate): [step] for step in steps}
    return ladders.points(found | {("sentiment", ladders.LIMIT, step.rate): [step] for step in limit})


def test_the_knee_is_named_with_the_last_rate_that_was_kept() -> None:
    """A percentile over a second, a request that failed, or a queue that was left at the end."""
    verdict = "kept up with 200 a second, not with 400; beyond the knee it answers up to 50."
    known = f"guide-fastapi, sentiment: {verdict}"
    kept = (arrived(100, 0.01), arrived(200, 0.02))
    assert [known] == ladders.knees(ladder(*kept, arrived(400, 1.5)))
    assert [known] == ladders.knees(ladder(*kept, arrived(400, 0.02, failed=1)))
    assert [known] == ladders.knees(ladder(*kept, arrived(400, 0.2, left=0.3)))


def test_a_ladder_that_ends_too_early_says_so() -> None:
    """No knee is claimed that was not seen."""
    assert "the ladder ended before its knee" in ladders.knees(ladder(arrived(100, 0.01)))[0]


def test_late_departures_show_no_latency() -> None:
    """The figures would say more of the generator than of the server."""
    first, second = ladder(arrived(100, 0.01), arrived(200, 0.01, late=0.005))
    assert (True, False) == (first.held, second.held)
    assert ["not held"] * 3 == ladders.cells(second)[3:6]


def test_a_rate_that_the_generator_did_not_hold_is_nobodys_knee() -> None:
    """Whether the server could have kept up is not known."""
    points = ladder(arrived(100, 0.01), arrived(200, 1.5), limit=(arrived(100, 0.001), arrived(200, 0.2)))
    assert "kept up with 100 a second; the generator did not hold 200" in ladders.knees(points)[0]


def test_no_rate_counts_at_which_the_constant_answer_was_slow_or_not_tried() -> None:
    """The generator may send in time and yet read too late."""
    limit = (arrived(100, 0.001), arrived(200, 0.2))
    points = ladder(arrived(100, 0.01), arrived(200, 0.4), arrived(400, 2.0), limit=limit)
    held = {point.rate: point.held for point in points if point.server == "guide-fastapi"}
    assert {100: True, 200: False, 400: False} == held


def test_medians_are_over_the_rounds_and_failures_add_up() -> None:
    """One slow round does not decide."""
    key = ("sentiment", "guide-fastapi", 100.0)
    rounds = [arrived(100, seconds, failed=1) for seconds in (0.01, 0.5, 0.02)]
    (point,) = ladders.points({key: rounds})
    assert (3, 3, 20.0) == (point.rounds, point.failed, point.p50_ms)


def test_what_was_never_answered_is_null_in_the_figures() -> None:
    """JSON knows no infinity."""
    (point,) = ladders.points({("sentiment", "guide-fastapi", 100.0): [Arrivals(100.0, failed=3)]})
    assert math.isinf(point.p99_ms)
    assert None is json.loads(ladders.as_json([point]))[0]["p99_ms"]
