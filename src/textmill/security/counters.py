"""Where counts are kept: in the process, for so many callers and no more."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from limits import parse

from textmill.errors import ConfigurationError
from textmill.security.windows import Count, Limit, used

Clock: TypeAlias = Callable[[], float]

MOST = 20_000
"""Callers counted at once for each kind of limit; beyond, those unseen for longest are forgotten."""


class Charge(NamedTuple):
    """So much, of one caller, to be counted against one limit."""

    limit: Limit
    caller: str
    amount: int


class Taken(NamedTuple):
    """What became of a charge: whether it fits, and the count afterwards."""

    fits: bool
    counted: Count


class Counters(Protocol):
    """Counts callers."""

    def take(self, charges: Sequence[Charge]) -> list[Taken]:
        """Count all charges where all of them fit, else none."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


@dataclass(slots=True)
class Window:
    """One caller's counts; `ends` is the end of the present period."""

    ends: float
    previous: int = 0
    current: int = 0

    def count(self, seconds: int, now: float) -> Count:
        """What is counted now, after the periods that have passed."""
        if now >= self.ends:
            gone = int((now - self.ends) // seconds) + 1
            self.previous = self.current if gone == 1 else 0
            self.current = 0
            self.ends += gone * seconds
            if not self.previous:
                self.ends = now + seconds
        return Count(self.previous, self.current, self.ends - now)


class Local:
    """Counts in this process, for so many callers and no more."""

    def __init__(self, clock: Clock, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._windows: defaultdict[str, dict[tuple[str, Limit], Window]] = defaultdict(dict)
        self._lock = threading.Lock()

    def take(self, charges: Sequence[Charge]) -> list[Taken]:
        now = self._clock()
        with self._lock:
            windows = [self._window(charge, now) for charge in charges]
            counts = [
                window.count(charge.limit.seconds, now)
                for charge, window in zip(charges, windows, strict=True)
            ]
            fits = [
                used(count, charge.limit) + charge.amount <= charge.limit.most
                for charge, count in zip(charges, counts, strict=True)
            ]
            if not all(fits):
                return list(map(Taken, fits, counts))
            for charge, window in zip(charges, windows, strict=True):
                window.current += charge.amount
        return [
            Taken(fits=True, counted=count._replace(current=count.current + charge.amount))
            for charge, count in zip(charges, counts, strict=True)
        ]

    def close(self) -> None:
        self._windows.clear()

    def _window(self, charge: Charge, now: float) -> Window:
        """A caller's counts, the latest of all that are kept."""
        known = self._windows[charge.limit.name]
        key = (charge.caller, charge.limit)
        window = known.pop(key, None)
        if window is None:
            window = Window(now + charge.limit.seconds)
            if len(known) >= self._most:
                del known[next(iter(known))]
        known[key] = window
        return window


def limit(name: str, text: str) -> Limit:
    """A limit as the operator wrote it, such as `100/minute`.

    Raises:
        ConfigurationError: it is no such thing.
    """
    try:
        item = parse(text)
    except ValueError:
        raise ConfigurationError(f"{name} cannot be limited to {text!r}; write it as 100/minute.") from None
    return Limit(name, item.amount, item.get_expiry())
