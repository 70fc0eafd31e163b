"""What was found: plain values that are shown as tables and kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.answers import Verdict
from benchmarks.load import Outcome


@dataclass(frozen=True, slots=True)
class Case:
    """Who was measured, doing what, with how many workers and requests in flight, in which round."""

    candidate: str
    work: str
    workers: int
    concurrency: int
    round: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement.

    Attributes:
        cpu_ms: CPU time of the server's process tree per answered request.
        peak_mb: highest memory of the tree during it, as proportional set size.
        others: the share of the server's cores that worked for somebody else; the kernel's own work counts.
    """

    case: Case
    outcome: Outcome
    cpu_ms: float
    peak_mb: float
    others: float


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a server: how long until it answered, its memory after the check, and its answers."""

    candidate: str
    workers: int
    round: int
    ready_seconds: float
    memory_mb: float
    verdicts: Mapping[str, Verdict]


@dataclass(slots=True)
class Results:
    """Everything found so far; complete after the last round, and usable before.

    Attributes:
        excluded: why a candidate is out, by its name; its figures are not shown.
    """

    samples: list[Sample] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    excluded: dict[str, str] = field(default_factory=dict)
