"""What engine and worker process say to each other, pickled over a private socket pair.

The engine sends a `ModelSpec` once, then batches (`Run`); the worker answers each with one of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textmill.runtimes.base import ModelInfo, Result


@dataclass(frozen=True, slots=True)
class Run:
    """A batch to compute, with reasons or without."""

    texts: list[str]
    explain: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is loaded."""

    info: ModelInfo


@dataclass(frozen=True, slots=True)
class Failed:
    """The model cannot be loaded; the message is meant for the operator."""

    message: str


@dataclass(frozen=True, slots=True)
class Ran:
    """A batch's results, in the order of its texts."""

    results: Sequence[Result]


@dataclass(frozen=True, slots=True)
class Raised:
    """The model raised on a batch; only the exception's type, since its message may hold a text."""

    error: str
