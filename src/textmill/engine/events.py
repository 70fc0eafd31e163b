"""What the engine tells whoever listens; it knows nothing of metrics or logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

State: TypeAlias = Literal["loading", "ready", "recovering", "failed"]
ShedReason: TypeAlias = Literal["queue-items", "queue-characters", "too-slow"]


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A model became ready, or stopped being it."""

    model: str
    state: State
    reason: str | None = None


class BatchDone(NamedTuple):  # a frozen dataclass takes three times as long to make, for every cheap text
    """A batch ended: how many texts and characters, and the seconds it took."""

    model: str
    items: int
    characters: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Shed:
    """A call was refused before it was accepted."""

    model: str
    items: int
    reason: ShedReason


@dataclass(frozen=True, slots=True)
class Expired:
    """Accepted texts were dropped before they were computed: too late, or nobody waits for them."""

    model: str
    items: int


@dataclass(frozen=True, slots=True)
class Poisoned:
    """The model failed on one text; `error` is the exception's type, never its message."""

    model: str
    error: str


@dataclass(frozen=True, slots=True)
class Renewed:
    """A worker that had grown was replaced by a fresh one."""

    model: str


Event: TypeAlias = StateChanged | BatchDone | Shed | Expired | Poisoned | Renewed
Listener: TypeAlias = Callable[[Event], None]


def ignore(_: Event) -> None:
    """Listen to nothing."""
