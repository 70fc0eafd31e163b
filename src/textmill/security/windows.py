"""Sliding windows, as plain arithmetic: how much is used, how much is left, how long to wait.

A window counts what came in the present period, and of the period before it the part that still reaches into
the last `seconds`: as if it had come evenly. So a limit holds at every moment, for two numbers a caller.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Limit(NamedTuple):
    """So much in such a time.

    Attributes:
        name: what is counted, as callers see it.
        most: how much.
        seconds: in which time.
    """

    name: str
    most: int
    seconds: int


class Count(NamedTuple):
    """What was counted.

    Attributes:
        previous: in the period before the present one.
        current: in the present period.
        left: seconds until it ends.
    """

    previous: int
    current: int
    left: float


def used(count: Count, limit: Limit) -> int:
    """How much of a limit is used now."""
    return math.floor(count.previous * count.left / limit.seconds) + count.current


def remaining(count: Count, limit: Limit) -> int:
    """How much is left now; it holds at least until the period's end."""
    return max(0, limit.most - used(count, limit))


def wait(count: Count, limit: Limit, amount: int) -> int:
    """Whole seconds after which so much more fits, if nobody else comes; at least 1.

    What never fits waits for a whole period, which is as good as any time.
    """
    room = limit.most - amount
    if room < 0:
        return limit.seconds
    if count.current <= room:
        seconds = count.left - _fade(count.previous, room - count.current, limit)
    else:
        seconds = count.left + limit.seconds - _fade(count.current, room, limit)
    return max(1, math.ceil(seconds))


def _fade(counted: int, room: int, limit: Limit) -> float:
    """With how many seconds left of a period one counted in it before takes no more than the room.

    A little less than the exact moment, at which rounding decides.
    """
    return min(limit.seconds, (room + 1) * limit.seconds / counted * (1 - 1e-9)) if counted else limit.seconds
