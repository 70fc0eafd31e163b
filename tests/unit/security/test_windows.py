from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from textmill.security.windows import Count, Limit, remaining, used, wait


@st.composite
def counts(draw: st.DrawFn) -> tuple[Limit, Count]:
    """A limit, and a count that keeps it."""
    limit = Limit("requests", draw(st.integers(1, 1000)), draw(st.integers(1, 3600)))
    left = draw(st.floats(0, limit.seconds, exclude_min=True, allow_subnormal=False))
    current = draw(st.integers(0, limit.most))
    previous = draw(st.integers(0, limit.most))
    return limit, Count(previous, current, left)


def later(count: Count, limit: Limit, seconds: float) -> Count:
    """The count after some time without anybody."""
    if seconds < count.left:
        return Count(count.previous, count.current, count.left - seconds)
    left = count.left + limit.seconds - seconds
    return Count(count.current, 0, left) if left > 0 else Count(0, 0, limit.seconds)


@given(counts(), st.integers(1, 1000))
def test_after_the_wait_it_fits(found: tuple[Limit, Count], amount: int) -> None:
    """And a second earlier it does not: the wait is neither too short nor longer than a second too long."""
    limit, count = found
    amount = min(amount, limit.most)
    if used(count, limit) + amount <= limit.most:
        return
    seconds = wait(count, limit, amount)
    assert used(later(count, limit, seconds), limit) + amount <= limit.most
    if seconds > 1:
        assert used(later(count, limit, seconds - 1.01), limit) + amount > limit.most


@given(counts())
def test_what_remains_is_what_fits(found: tuple[Limit, Count]) -> None:
    """So much, and not one more."""
    limit, count = found
    left = remaining(count, limit)
    assert 0 <= left <= limit.most
    assert used(count, limit) + left >= limit.most


def test_what_never_fits_waits_for_a_period() -> None:
    """More than the limit itself."""
    assert 60 == wait(Count(0, 0, 12.0), Limit("texts", 10, 60), 11)


def test_the_period_before_fades() -> None:
    """Half of the period is over: half of what came before still counts."""
    assert 5 + 3 == used(Count(10, 3, 30.0), Limit("requests", 20, 60))
