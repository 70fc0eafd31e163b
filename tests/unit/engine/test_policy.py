"""The engine's decisions: pure, so they are tested without a clock or a thread."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textmill.engine.policy import Backlog, Bounds, Pace, backoff, cut, halves, refuse, retry_after

BOUNDS = Bounds(queue_items=10, queue_characters=1000, batch_items=4, batch_characters=100)
COSTS = st.lists(st.integers(min_value=1, max_value=300), max_size=40)


class TestRefuse:
    """Admission."""

    def test_an_idle_model_takes_any_call(self) -> None:
        """A call that finds nothing waiting is accepted even when it alone exceeds the bounds."""
        assert refuse(Backlog(0, 0), BOUNDS, Pace(1, 1), items=50, characters=9999, patience=0.1) is None

    def test_too_many_texts_are_refused(self) -> None:
        """The bound in texts holds."""
        assert refuse(Backlog(9, 9), BOUNDS, Pace(), items=2, characters=2, patience=9) == "queue-items"

    def test_too_many_characters_are_refused(self) -> None:
        """The bound in characters holds, however few the texts."""
        assert (
            refuse(Backlog(1, 999), BOUNDS, Pace(), items=1, characters=2, patience=9) == "queue-characters"
        )

    def test_work_that_cannot_end_in_time_is_refused_early(self) -> None:
        """A queue that takes longer than the caller waits is not joined."""
        pace = Pace(per_character=0.1, per_batch=1)
        assert refuse(Backlog(1, 50), BOUNDS, pace, items=1, characters=1, patience=4.9) == "too-slow"
        assert refuse(Backlog(1, 50), BOUNDS, pace, items=1, characters=1, patience=5.1) is None


class TestCut:
    """Batches."""

    @given(COSTS)
    def test_the_oldest_text_always_goes(self, costs: list[int]) -> None:
        """Nothing starves: the first position is in every batch."""
        assert cut(costs, BOUNDS)[:1] == ([0] if costs else [])

    @given(COSTS)
    def test_a_batch_keeps_its_bounds(self, costs: list[int]) -> None:
        """Never too many texts, never too many characters unless the oldest alone has them."""
        chosen = cut(costs, BOUNDS)
        assert len(chosen) <= BOUNDS.batch_items
        assert chosen == sorted(set(chosen))
        assert len(chosen) <= 1 or sum(costs[at] for at in chosen) <= BOUNDS.batch_characters

    def test_very_unequal_lengths_do_not_share_a_batch(self) -> None:
        """A short text behind a very long one is not made to wait for it in the same batch."""
        roomy = Bounds(100, 10**7, 64, 10**6)
        assert cut([40_000, 30, 30_000, 25, 20], roomy) == [0, 2]
        assert cut([30, 40_000, 25], roomy) == [0, 2]

    def test_what_arrived_together_is_computed_together(self) -> None:
        """Like texts fill a batch in their order."""
        assert cut([10, 20, 30, 10, 10], BOUNDS) == [0, 1, 2, 3]


@given(st.lists(st.integers(), min_size=2))
def test_halves_lose_nothing_and_end(batch: list[int]) -> None:
    """Both halves are smaller, not empty, and make up the batch: bisection ends."""
    left, right = halves(batch)
    assert [*left, *right] == batch
    assert left and right  # noqa: PT018 - one claim


def test_a_retry_is_advised_when_half_the_backlog_is_gone() -> None:
    """Retry-After grows with the backlog, and stays between a second and a minute."""
    pace = Pace(per_character=0.01, per_batch=1)
    advised = [retry_after(Backlog(1, characters), pace) for characters in (0, 1000, 10**9)]
    assert advised == [1, 5, 60]


def test_the_pace_follows_the_batches() -> None:
    """The first batch sets the pace, later ones move it a fifth of the way."""
    first = Pace().after(100, 1.0)
    assert first.per_character == pytest.approx(0.01)
    assert first.after(100, 2.0).per_character == pytest.approx(0.012)


def test_restarts_come_at_once_and_then_ever_more_slowly() -> None:
    """The first restart does not wait, and none waits over half a minute."""
    assert [backoff(attempt) for attempt in (0, 1, 2, 3, 50)] == [0, 0.5, 1, 2, 30]
