"""The model with no server around it: `python -m benchmarks.bare_model`, microseconds a text on one core."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import corpus, machine, pages, server
from benchmarks.candidates import WORKS
from textmill.runtimes.base import Runtime
from textmill.runtimes.registry import DEFAULT_MODELS, load

HEADINGS = ("work", "computed by", "one by one, us a text", "texts a second", "in batches of 32, us a text")
SECONDS = 1.0
BATCH = 32


def main(argv: Sequence[str]) -> int:
    """Measure, and print or write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bare_model", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=Path, default=corpus.INVENTED / "short.jsonl")
    parser.add_argument("--long-texts", type=Path, default=corpus.INVENTED / "long.jsonl")
    parser.add_argument("--out", type=Path, metavar="FILE.md")
    chosen = parser.parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    rows = []
    with server.pinned(frozenset({0})):
        for work in WORKS:
            texts = corpus.read(chosen.texts if work.length == "short" else chosen.long_texts).texts
            spec = DEFAULT_MODELS["sentiment" if work.path == "/predict" else "entities"]
            for kind in ("native", "compiled"):
                runtime = load(replace(spec, runtime=kind))
                alone, together = (_microseconds(runtime, texts, size, chosen.rounds) for size in (1, BATCH))
                rows.append([work.name, kind, f"{alone:,.1f}", f"{1e6 / alone:,.0f}", f"{together:,.1f}"])
    text = pages.table(HEADINGS, rows)
    print(text)
    if chosen.out:
        facts = machine.facts(["bare_model", *argv])
        head = "\n".join(f"- {name}: {value}" for name, value in facts.items())
        chosen.out.write_text(f"# The bare model, with no HTTP\n\n{head}\n\n{text}\n", encoding="utf-8")
    return 0


def _microseconds(runtime: Runtime, texts: Sequence[str], size: int, rounds: int) -> float:
    """The median over the rounds of the time a text takes."""
    return statistics.median(_round(runtime, texts, size) for _ in range(rounds))


def _round(runtime: Runtime, texts: Sequence[str], size: int) -> float:
    done, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < SECONDS or not done:
        at = done % max(1, len(texts) - size)
        runtime.predict(texts[at : at + size])
        done += size
    return 1e6 * spent / done


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
