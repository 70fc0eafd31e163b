"""Rivals give the right answers, on the cores they were given; each is skipped where it is not installed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import answers, corpus, interpreters, meters, models, server
from benchmarks.candidates import CANDIDATES, WORKS, Candidate

TEXTS = 8


@pytest.mark.parametrize("rival", [one for one in CANDIDATES if one.package], ids=lambda rival: rival.name)
def test_a_rival_answers_as_the_models_do_on_its_own_core(rival: Candidate, tmp_path: Path) -> None:
    """On every work, many at once, so in batches; and all its processes stay on the server's core."""
    if reason := interpreters.missing(rival):
        pytest.skip(reason)
    used = models.prepare(None)
    works = [work for work in WORKS if work.name in rival.works]
    samples = [corpus.read(corpus.INVENTED / f"{work.length}.jsonl").sample(TEXTS) for work in works]
    truths = answers.truths(used, works, samples)
    port, core = server.free_port(), frozenset({min(os.sched_getaffinity(0))})
    launch = server.Launch(
        argv=interpreters.argv(rival, port=port, workers=1),
        port=port,
        paths=sorted({work.path for work in works}),
        environment=used.environment,
        cores=core,
        log=tmp_path / "rival.log",
    )

    with server.serving(launch) as running:
        verdicts = [answers.judge(port, work.path, truths[work.name]) for work in works]
        processes = meters.Tree(running.pid).processes()
        cores = {frozenset(process.cpu_affinity()) for process in processes}

    assert [(TEXTS, 0, "")] * len(works) == [(one.texts, one.wrong, one.example) for one in verdicts]
    assert {core} == cores
    assert len(processes) > 2  # a Rust front and Python workers
