"""What to measure: the plan of a run, complete before the first server starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.answers import Truth
from benchmarks.candidates import Candidate, Work
from benchmarks.models import Models


@dataclass(frozen=True, slots=True)
class Setup:
    """A number of workers, and the cores of the server and of the load."""

    workers: int
    server_cores: frozenset[int]
    load_cores: frozenset[int]

    @property
    def shared(self) -> bool:
        """Whether the load runs on one of the server's cores, so that both are slower than they could be."""
        return bool(self.server_cores & self.load_cores)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and how long.

    Attributes:
        one_point: with so many requests in flight alone are long texts, and several workers, measured;
            None means with all of `concurrencies`.
        seconds: how long one measurement lasts.
        setups: how many workers a server has, and where it and the load run; measured one after the other.
        bodies: for each work's name the file with the requests' bodies.
    """

    candidates: tuple[Candidate, ...]
    works: tuple[Work, ...]
    concurrencies: tuple[int, ...]
    one_point: int | None
    rounds: int
    seconds: int
    warm_up: int
    setups: tuple[Setup, ...]
    models: Models
    bodies: Mapping[str, Path]
    truths: Mapping[str, Sequence[Truth]]

    def works_of(self, candidate: Candidate) -> list[Work]:
        """Return the works that a candidate takes part in."""
        return [work for work in self.works if work.name in candidate.works]

    def work(self, name: str) -> Work:
        """Return the work of this name."""
        return next(work for work in self.works if work.name == name)

    def in_flight(self, work: Work, setup: Setup) -> tuple[int, ...]:
        """Return with how many requests in flight a work is measured."""
        if self.one_point is not None and (work.length == "long" or setup.workers > 1):
            return (self.one_point,)
        return self.concurrencies

    @property
    def measurements(self) -> int:
        """How many times the clock will run."""
        works = [work for one in self.candidates for work in self.works_of(one)]
        return self.rounds * sum(len(self.in_flight(work, setup)) for work in works for setup in self.setups)
