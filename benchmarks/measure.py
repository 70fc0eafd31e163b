"""The rounds: one server at a time, checked, warmed up, measured at every concurrency, stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from benchmarks import answers, load, meters, server
from benchmarks.candidates import Candidate
from benchmarks.models import CACHE
from benchmarks.plan import Plan
from benchmarks.results import Case, Results, Sample, Start

# Enough to reach every path and few enough that a slow server answers some of them in time.
WARM_UP_CONNECTIONS = 4

Tell = Callable[[str], None]
"""Called before each measurement with what comes next."""


def run(plan: Plan, results: Results, tell: Tell) -> None:
    """Fill `results`, round by round; an interrupt leaves what was found until then."""
    for round_ in range(plan.rounds):
        for candidate in rotated(plan.candidates, round_):
            if candidate.name not in results.excluded:
                _visit(plan, candidate, round_, results, tell)


def rotated(candidates: Sequence[Candidate], by: int) -> list[Candidate]:
    """Return the candidates beginning with another one each round, so that none is always first."""
    first = by % len(candidates)
    return [*candidates[first:], *candidates[:first]]


def _visit(plan: Plan, candidate: Candidate, round_: int, results: Results, tell: Tell) -> None:
    tell(f"{candidate.name}: starting")
    try:
        with server.serving(_launch(plan, candidate)) as running:
            start = _check(plan, candidate, running, round_)
            results.starts.append(start)
            _exclude_wrong(start, results)
            if candidate.name not in results.excluded:
                for case in _cases(plan, candidate, round_):
                    tell(f"{case.candidate}: {case.work}, {case.concurrency} at once, round {round_ + 1}")
                    results.samples.append(_sample(plan, running, case))
    except (server.ServerError, load.LoadError) as error:
        results.excluded[candidate.name] = str(error)


def _launch(plan: Plan, candidate: Candidate) -> server.Launch:
    port = server.free_port()
    return server.Launch(
        argv=candidate.argv(port=port, workers=plan.workers, models=plan.models.arguments),
        port=port,
        paths=sorted({work.path for work in plan.works_of(candidate)}),
        environment=plan.models.environment,
        cores=plan.server_cores,
        log=CACHE / "logs" / f"{candidate.name}.log",
    )


def _check(plan: Plan, candidate: Candidate, running: server.Server, round_: int) -> Start:
    works = plan.works_of(candidate) if candidate.answers else []
    verdicts = {work.name: answers.judge(running.port, work.path, plan.truths[work.name]) for work in works}
    return Start(
        candidate.name, round_, running.ready_seconds, meters.Tree(running.pid).memory_mb(), verdicts
    )


def _exclude_wrong(start: Start, results: Results) -> None:
    for work, verdict in start.verdicts.items():
        if verdict.wrong:
            count = f"{verdict.wrong} of {verdict.texts} answers differ from the model's on {work}"
            results.excluded[start.candidate] = f"{count}; {verdict.example}"


def _cases(plan: Plan, candidate: Candidate, round_: int) -> Iterator[Case]:
    for work in plan.works_of(candidate):
        for concurrency in plan.concurrencies:
            yield Case(candidate.name, work.name, concurrency, round_)


def _sample(plan: Plan, running: server.Server, case: Case) -> Sample:
    work, tree = plan.work(case.work), meters.Tree(running.pid)
    drive = load.Drive(
        f"http://127.0.0.1:{running.port}{work.path}", plan.bodies[work.name], len(plan.load_cores)
    )
    drive(connections=min(case.concurrency, WARM_UP_CONNECTIONS), seconds=plan.warm_up)
    tree.settle()
    memory = meters.PeakMemory(tree)
    start, cpu, busy = time.monotonic(), tree.cpu_seconds(), meters.busy_seconds(plan.server_cores)
    with memory.watching():
        outcome = drive(connections=case.concurrency, seconds=plan.seconds * work.patience)
    cpu, busy = tree.cpu_seconds() - cpu, meters.busy_seconds(plan.server_cores) - busy
    others = (busy - cpu) / (time.monotonic() - start) / len(plan.server_cores)
    tree.settle()
    return Sample(case, outcome, cpu_ms=cpu / outcome.requests * 1e3, peak_mb=memory.peak_mb, others=others)
