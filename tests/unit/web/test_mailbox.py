"""Waking coroutines from threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

from textmill.web.mailbox import Mailbox


def test_no_wake_up_is_lost_under_contention() -> None:
    """Thousands of futures completed by several threads wake every one of their waiters."""

    async def wait_for_all(futures: list[Future[int]]) -> int:
        mailbox = Mailbox.current()
        waiters = [mailbox.waiter(future) for future in futures]
        with ThreadPoolExecutor(4) as pool:
            for future in futures:
                pool.submit(future.set_result, 1)
            await asyncio.wait_for(asyncio.gather(*waiters), timeout=20)
        return sum(future.result() for future in futures)

    assert asyncio.run(wait_for_all([Future() for _ in range(5_000)])) == 5_000


def test_a_closed_loop_is_no_error() -> None:
    """A future that ends after its loop has gone disturbs nobody."""
    future: Future[int] = Future()

    async def leave() -> None:
        Mailbox.current().waiter(future)

    asyncio.run(leave())
    future.set_result(1)
