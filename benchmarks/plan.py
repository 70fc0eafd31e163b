"""What to measure: the plan of a run, complete before the first server starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.answers import Truth
from benchmarks.candidates import Candidate, Work
from benchmarks.models import Models


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and how long.

    Attributes:
        seconds: how long one measurement lasts.
        bodies: for each work's name the file with the requests' bodies.
        server_cores, load_cores: which cores each side may use; they should not overlap.
    """

    candidates: tuple[Candidate, ...]
    works: tuple[Work, ...]
    concurrencies: tuple[int, ...]
    rounds: int
    seconds: int
    warm_up: int
    workers: int
    server_cores: frozenset[int]
    load_cores: frozenset[int]
    models: Models
    bodies: Mapping[str, Path]
    truths: Mapping[str, Sequence[Truth]]

    def works_of(self, candidate: Candidate) -> list[Work]:
        """Return the works that a candidate takes part in."""
        return [work for work in self.works if work.name in candidate.works]

    def work(self, name: str) -> Work:
        """Return the work of this name."""
        return next(work for work in self.works if work.name == name)

    @property
    def measurements(self) -> int:
        """How many times the clock will run."""
        return self.rounds * len(self.concurrencies) * sum(len(self.works_of(one)) for one in self.candidates)
