"""The rounds: one server at a time, checked, warmed up, measured at every concurrency, stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from benchmarks import answers, interpreters, load, meters, server
from benchmarks.candidates import Candidate
from benchmarks.models import CACHE
from benchmarks.plan import Plan, Setup
from benchmarks.results import Case, Results, Sample, Start

# Enough to reach every path and few enough that a slow server answers some of them in time.
WARM_UP_CONNECTIONS = 4

T = TypeVar("T")

Tell = Callable[[str], None]
"""Called before each measurement with what comes next."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One start of one server."""

    candidate: Candidate
    setup: Setup
    round: int


def run(plan: Plan, results: Results, tell: Tell) -> None:
    """Fill `results`, round by round; an interrupt leaves what was found until then."""
    for round_ in range(plan.rounds):
        for setup in plan.setups:
            for candidate in rotated(plan.candidates, round_):
                if candidate.name not in results.excluded:
                    _visit(plan, Visit(candidate, setup, round_), results, tell)


def rotated(candidates: Sequence[T], by: int) -> list[T]:
    """Return the candidates beginning with another one each round, so that none is always first."""
    first = by % len(candidates)
    return [*candidates[first:], *candidates[:first]]


def _visit(plan: Plan, visit: Visit, results: Results, tell: Tell) -> None:
    name = visit.candidate.name
    tell(f"{name}: starting")
    try:
        with server.pinned(visit.setup.load_cores), server.serving(_launch(plan, visit)) as running:
            start = _check(plan, visit, running)
            results.starts.append(start)
            _exclude_wrong(start, results)
            if name not in results.excluded:
                results.samples.extend(_samples(plan, visit, running, tell))
    except (server.ServerError, load.LoadError) as error:
        results.excluded[name] = str(error)


def _launch(plan: Plan, visit: Visit) -> server.Launch:
    candidate, port = visit.candidate, server.free_port()
    return server.Launch(
        argv=interpreters.argv(
            candidate, port=port, workers=visit.setup.workers, models=plan.models.arguments
        ),
        port=port,
        paths=sorted({work.path for work in plan.works_of(candidate)}),
        environment=plan.models.environment,
        cores=visit.setup.server_cores,
        log=CACHE / "logs" / f"{candidate.name}.log",
    )


def _check(plan: Plan, visit: Visit, running: server.Server) -> Start:
    candidate = visit.candidate
    works = plan.works_of(candidate) if candidate.answers else []
    verdicts = {work.name: answers.judge(running.port, work.path, plan.truths[work.name]) for work in works}
    memory = meters.Tree(running.pid).memory_mb()
    return Start(candidate.name, visit.setup.workers, visit.round, running.ready_seconds, memory, verdicts)


def _exclude_wrong(start: Start, results: Results) -> None:
    for work, verdict in start.verdicts.items():
        if verdict.wrong:
            count = f"{verdict.wrong} of {verdict.texts} answers differ from the model's on {work}"
            results.excluded[start.candidate] = f"{count}; {verdict.example}"


def _samples(plan: Plan, visit: Visit, running: server.Server, tell: Tell) -> Iterator[Sample]:
    """Warm each work up, then measure it with every number of requests in flight."""
    name, setup = visit.candidate.name, visit.setup
    for work in plan.works_of(visit.candidate):
        url = f"http://127.0.0.1:{running.port}{work.path}"
        drive = load.Drive(url, plan.bodies[work.name], len(setup.load_cores))
        with suppress(load.LoadError):  # a slow server may answer nothing in so short a time
            drive(connections=WARM_UP_CONNECTIONS, seconds=plan.warm_up)
        for concurrency in plan.in_flight(work, setup):
            case = Case(name, work.name, setup.workers, concurrency, visit.round)
            tell(f"{name}: {work.name}, {concurrency} at once, round {visit.round + 1}")
            send = partial(drive, connections=concurrency, seconds=plan.seconds * work.patience)
            yield _sample(case, send, running, setup)


def _sample(case: Case, send: Callable[[], load.Outcome], running: server.Server, setup: Setup) -> Sample:
    tree = meters.Tree(running.pid)
    tree.settle()
    memory = meters.PeakMemory(tree)
    start, cpu, busy = time.monotonic(), tree.cpu_seconds(), meters.busy_seconds(setup.server_cores)
    with memory.watching():
        outcome = send()
    cpu, busy = tree.cpu_seconds() - cpu, meters.busy_seconds(setup.server_cores) - busy
    others = (busy - cpu) / (time.monotonic() - start) / len(setup.server_cores)
    return Sample(case, outcome, cpu_ms=cpu / outcome.requests * 1e3, peak_mb=memory.peak_mb, others=others)
