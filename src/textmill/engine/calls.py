"""One call to the engine and its texts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeAlias

from textmill.errors import EngineError
from textmill.runtimes.base import Result

Outcome: TypeAlias = Result | EngineError
"""What became of one text."""


class Call:
    """Some texts that were accepted together; its future gets one outcome a text, in their order."""

    __slots__ = ("_lock", "_open", "_outcomes", "deadline", "future")

    def __init__(self, size: int, deadline: float) -> None:
        self.future: Future[list[Outcome]] = Future()
        self.deadline = deadline
        self._outcomes: list[Outcome | None] = [None] * size
        self._open = size
        self._lock = threading.Lock()

    def expired(self, now: float) -> bool:
        """Whether computing it is pointless: nobody waits any more, or it is too late."""
        return self.future.cancelled() or now >= self.deadline

    def settled(self, index: int) -> bool:
        """Whether one text has its outcome."""
        return self._outcomes[index] is not None

    def settle(self, index: int, outcome: Outcome) -> None:
        """Record one text's outcome; the last one completes the future. A second outcome is ignored."""
        with self._lock:
            if self._outcomes[index] is not None:
                return
            self._outcomes[index] = outcome
            self._open -= 1
            if self._open:
                return
        if self.future.set_running_or_notify_cancel():
            self.future.set_result([outcome for outcome in self._outcomes if outcome is not None])


@dataclass(slots=True)
class Item:
    """One text on its way; `crashes` counts the workers that died with it."""

    call: Call
    index: int
    text: str
    explain: bool = False
    crashes: int = 0

    @property
    def cost(self) -> int:
        """Its characters."""
        return len(self.text)

    @property
    def settled(self) -> bool:
        """Whether it has its outcome."""
        return self.call.settled(self.index)

    def settle(self, outcome: Outcome) -> None:
        """Hand the outcome to the call."""
        self.call.settle(self.index, outcome)


def items_of(call: Call, texts: Sequence[str], *, explain: bool = False) -> list[Item]:
    """The items of a call."""
    return [Item(call, index, text, explain) for index, text in enumerate(texts)]
