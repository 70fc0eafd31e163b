"""The queue of one model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from textmill.engine.calls import Call, Item
from textmill.engine.policy import Backlog, Bounds
from textmill.engine.queue import Queue

BOUNDS = Bounds(queue_items=100, queue_characters=10_000, batch_items=4, batch_characters=1_000)


def item(size: int, *, deadline: float = 10.0, crashes: int = 0) -> Item:
    """A text of some size."""
    return Item(Call(1, deadline), 0, "x" * size, crashes=crashes)


def filled(items: list[Item]) -> Queue:
    """A queue with these items."""
    queue = Queue(BOUNDS)
    queue.add(items, sum(one.cost for one in items))
    return queue


@given(st.lists(st.tuples(st.integers(1, 2000), st.booleans(), st.booleans()), max_size=60))
def test_nothing_is_lost_and_the_count_holds(shapes: list[tuple[int, bool, bool]]) -> None:
    """Every item leaves exactly once, in a batch or dropped, and the backlog ends at nothing."""
    items = [item(size, deadline=0 if late else 10, crashes=int(crashed)) for size, late, crashed in shapes]
    queue, left = filled(items), []
    while queue:
        taken = queue.take(now=5)
        assert taken.batch or taken.dropped
        assert len(taken.batch) <= BOUNDS.batch_items
        left += [*taken.batch, *taken.dropped]
        assert queue.backlog.characters == sum(one.cost for one in items if one not in left)
    assert sorted(map(id, left)) == sorted(map(id, items))
    assert queue.backlog == Backlog(0, 0)


def test_the_late_are_dropped_and_not_computed() -> None:
    """Deadlines are looked at when a batch is taken."""
    late, good = item(1, deadline=1), item(2)
    taken = filled([late, good]).take(now=5)
    assert ([good], [late]) == (taken.batch, taken.dropped)


def test_a_text_that_a_worker_died_with_goes_alone() -> None:
    """Otherwise its neighbours would be blamed with it."""
    suspect, healthy = item(1, crashes=1), item(2)
    queue = filled([suspect, healthy])
    assert [suspect] == queue.take(now=0).batch
    assert [healthy] == queue.take(now=0).batch


def test_what_is_put_back_goes_first() -> None:
    """In its old order."""
    first, second, third = item(1), item(2), item(3)
    queue = filled([third])
    queue.put_back([first, second])
    assert [first, second, third] == queue.take(now=0).batch
