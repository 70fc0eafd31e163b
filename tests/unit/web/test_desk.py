"""What is gathered in one tick of the event loop, and reads that end in time."""

from __future__ import annotations

import asyncio

import pytest

from textmill.web.desk import Desk
from textmill.web.reads import Reads


def test_things_of_one_tick_are_dealt_with_in_a_row() -> None:
    """In the order in which they came; nobody is woken between them."""
    seen: list[str] = []

    def deal(thing: str) -> str:
        seen.append(thing)
        return thing.upper()

    async def ask(desk: Desk[str, str], thing: str) -> str:
        answer = await desk.enter(thing)
        seen.append(f"{thing} woken")
        return answer

    async def main() -> list[str]:
        desk = Desk[str, str](deal)
        return [*await asyncio.gather(ask(desk, "a"), ask(desk, "b"), ask(desk, "c"))]

    assert ["A", "B", "C"] == asyncio.run(main())
    assert ["a", "b", "c", "a woken", "b woken", "c woken"] == seen


def test_nobody_is_dealt_with_who_has_gone() -> None:
    """A caller that was cancelled while waiting costs nothing."""
    seen: list[int] = []

    async def main() -> None:
        desk = Desk[int, None](seen.append)
        gone, there = desk.enter(1), desk.enter(2)
        gone.cancel()
        await there

    asyncio.run(main())
    assert [2] == seen


def test_one_failure_is_nobody_elses() -> None:
    """Who entered it gets it; those after it get their answers."""

    async def main() -> list[object]:
        desk = Desk[int, float](lambda number: 1 / number)
        entered = [desk.enter(number) for number in (2, 0, 4)]
        return [*await asyncio.gather(*entered, return_exceptions=True)]

    first, failed, last = asyncio.run(main())
    assert (0.5, 0.25) == (first, last)
    assert isinstance(failed, ZeroDivisionError)


def test_one_desk_serves_several_loops() -> None:
    """An app may run in more than one, one after the other."""
    desk = Desk[int, int](lambda number: number + 1)

    async def main() -> int:
        return await desk.enter(1)

    assert [2, 2] == [asyncio.run(main()), asyncio.run(main())]


def test_a_read_that_takes_too_long_ends_without_an_answer() -> None:
    """Others beside it go on."""

    async def main() -> list[str | None]:
        slow: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        reads = Reads.current(0.1)
        both = reads.within(slow), reads.within(asyncio.sleep(0.05, "in time"))
        return [*await asyncio.gather(*both)]

    assert [None, "in time"] == asyncio.run(main())


def test_who_cancels_a_read_is_heard() -> None:
    """Only our own end of a read is no cancellation."""

    async def main() -> None:
        never: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(Reads.current(60).within(never))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
