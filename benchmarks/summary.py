"""From samples to rows: medians over the rounds, and what they are worth beside the rival's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.candidates import CANDIDATES
from benchmarks.results import Results, Sample, Start

STRONGEST = "mosec"
"""The rival that every server is compared with beside its own."""
LIMIT = next(candidate.name for candidate in CANDIDATES if not candidate.answers)
RIVALS = {candidate.name: candidate.rival for candidate in CANDIDATES}


@dataclass(frozen=True, slots=True)
class Row:
    """One server at one work and concurrency; medians over the rounds unless said otherwise.

    Attributes:
        slowest, fastest: the least and the most requests a second in a round.
        ratio: requests a second divided by the rival's, or None where there is no rival's figure.
        of_strongest: the same for the strongest rival.
        of_limit: requests a second divided by the limit's, or None where the limit was not measured.
        peak_mb: the highest memory of all rounds.
        errors: of all rounds.
    """

    work: str
    workers: int
    concurrency: int
    candidate: str
    per_second: float
    slowest: float
    fastest: float
    ratio: float | None
    of_strongest: float | None
    of_limit: float | None
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    peak_mb: float
    errors: int


@dataclass(frozen=True, slots=True)
class Beginning:
    """A server's starts: medians over the rounds; answers counted over all rounds."""

    candidate: str
    workers: int
    ready_seconds: float
    memory_mb: float
    compared: int
    alone: int


Group = tuple[str, int, int, str]
"""Work, workers, concurrency, candidate."""


def rows(results: Results) -> list[Row]:
    """Return a row per work, concurrency and server, in the order they were measured; no excluded server."""
    groups: dict[Group, list[Sample]] = {}
    for sample in results.samples:
        case = sample.case
        if case.candidate not in results.excluded:
            group = (case.work, case.workers, case.concurrency, case.candidate)
            groups.setdefault(group, []).append(sample)
    speeds = {group: _median(samples, _per_second) for group, samples in groups.items()}
    return [_row(group, groups[group], speeds) for group in sorted(groups, key=_order)]


def beginnings(results: Results) -> Iterator[Beginning]:
    """Give each server's starts in the order of the candidates; also an excluded server's."""
    for candidate in CANDIDATES:
        mine = [start for start in results.starts if start.candidate == candidate.name]
        for workers in sorted({start.workers for start in mine}):
            yield _beginning([start for start in mine if start.workers == workers])


def others(results: Results) -> tuple[float, float]:
    """Return the median and the highest share of the server's cores that others used."""
    shares = [sample.others for sample in results.samples] or [0.0]
    return median(shares), max(shares)


def _order(group: Group) -> tuple[str, int, int, int]:
    work, workers, concurrency, name = group
    return work, workers, concurrency, [candidate.name for candidate in CANDIDATES].index(name)


def _row(group: Group, samples: Sequence[Sample], speeds: Mapping[Group, float]) -> Row:
    work, workers, concurrency, candidate = group

    def beside(other: str) -> float | None:
        speed = speeds.get((work, workers, concurrency, other))
        return speeds[group] / speed if speed else None

    every = [_per_second(sample) for sample in samples]
    return Row(
        *group,
        per_second=speeds[group],
        slowest=min(every),
        fastest=max(every),
        ratio=beside(RIVALS[candidate] or ""),
        of_strongest=beside(STRONGEST),
        of_limit=beside(LIMIT),
        p50_ms=_median(samples, lambda sample: sample.outcome.p50_ms),
        p99_ms=_median(samples, lambda sample: sample.outcome.p99_ms),
        cpu_ms=_median(samples, lambda sample: sample.cpu_ms),
        peak_mb=max(sample.peak_mb for sample in samples),
        errors=sum(sample.outcome.errors for sample in samples),
    )


def _beginning(starts: Sequence[Start]) -> Beginning:
    verdicts = [verdict for start in starts for verdict in start.verdicts.values()]
    return Beginning(
        starts[0].candidate,
        starts[0].workers,
        ready_seconds=median(start.ready_seconds for start in starts),
        memory_mb=median(start.memory_mb for start in starts),
        compared=sum(verdict.texts for verdict in verdicts),
        alone=sum(verdict.alone for verdict in verdicts),
    )


def _per_second(sample: Sample) -> float:
    return sample.outcome.per_second


def _median(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    return median(value(sample) for sample in samples)
