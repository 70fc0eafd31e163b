"""What credentials and limits cost: `python -m benchmarks.credentials`, the same server with and without."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import OctKey
from rich.console import Console

from benchmarks import calls, corpus, interpreters, load, machine, measure, meters, models, pages, server
from benchmarks.candidates import CANDIDATES, Candidate
from textmill.security.keys import issue
from textmill.security.store import KeyStore

FRAMEWORKS = ("fastapi", "flask")
HEADINGS = ("server", "asked for", "req/s", "min-max", "of none", "CPU us", "p99 ms")
METHOD = (
    "Sentiment of short texts, POST /predict, one worker; server on core 0, wrk on core 1; the variants take "
    "turns within each round, beginning with another one each time."
)
SECRET = "a shared secret that is only for this benchmark"  # noqa: S105 - it guards nothing
FEW, MANY = 10, 10_000
UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Variant:
    """What the server asks for.

    Attributes:
        settings: as variables.
        headers: what callers bring.
        secured: whether who brings nothing must be refused.
    """

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    secured: bool = True


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement."""

    per_second: float
    cpu_us: float
    p99_ms: float


def main(argv: Sequence[str]) -> int:
    """Measure, print the table, and write the page and the plot."""
    chosen, console = _parser().parse_args(argv), Console()
    with tempfile.TemporaryDirectory() as folder:
        found = _measure(chosen, list(variants(Path(folder))), console)
    rows = [_cells(found, server_name, variant) for server_name, variant in found]
    print(pages.table(HEADINGS, rows))
    if chosen.out:
        facts = machine.facts(["credentials", *argv])
        pages.write(chosen.out, "What credentials and limits cost", facts, {"": (HEADINGS, rows)}, [METHOD])
        middle = {key: _middle(figures).per_second for key, figures in found.items()}
        pages.plot_credentials(chosen.out.with_suffix(".svg"), middle)
    return 0


def variants(folder: Path) -> Iterator[Variant]:
    """Nothing, a key among few and many, a token, a key with a limit that is never reached."""
    yield Variant("nothing", secured=False)
    for count in (FEW, MANY):
        url = f"sqlite:///{folder}/keys-{count}.sqlite"
        key = _store(url, count)
        asking = {"TEXTMILL_SECURITY__AUTH": "required", "TEXTMILL_KEYS__STORE": url}
        yield Variant(f"a key, one of {count:,}", asking, {"X-API-Key": key})
        if count == FEW:
            limited = {**asking, "TEXTMILL_RATES__REQUESTS": "100000000/hour"}
            yield Variant("a key, requests limited", limited, {"X-API-Key": key})
    shared = {"TEXTMILL_SECURITY__AUTH": "required", "TEXTMILL_TOKENS__SECRET": SECRET}
    yield Variant("a token (HS256)", shared, {"Authorization": f"Bearer {_token()}"})


def _store(url: str, count: int) -> str:
    """Make a store with so many keys, and give the last one."""
    now = datetime.now(UTC)
    with closing(KeyStore(url)) as store:
        store.prepare()
        made = [issue(f"caller-{number}", ["predict:*"], pepper=b"", now=now) for number in range(count)]
        for issued in made:
            store.add(issued.key)
    return made[-1].text


def _token() -> str:
    claims = {"sub": "benchmark", "scope": "predict:*", "exp": int(time.time()) + 86_400}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))


Found = dict[tuple[str, str], list[Figure]]


def _measure(chosen: argparse.Namespace, asked: Sequence[Variant], console: Console) -> Found:
    texts, used = corpus.read(corpus.INVENTED / "short.jsonl"), models.prepare(None)
    bodies = models.CACHE / f"bodies-short-{texts.digest}.txt"
    texts.write_bodies(bodies)
    found: Found = {(f"textmill-{name}", one.name): [] for name in FRAMEWORKS for one in asked}
    for round_ in range(chosen.rounds):
        for framework in FRAMEWORKS:
            candidate = next(one for one in CANDIDATES if one.name == f"textmill-{framework}")
            for variant in measure.rotated(asked, round_):
                with _serving(candidate, variant, used) as running:
                    figure = _figure(running, variant, bodies, chosen)
                found[candidate.name, variant.name].append(figure)
                console.print(f"{candidate.name}, {variant.name}: {figure.per_second:,.0f} a second")
    return found


@contextmanager
def _serving(candidate: Candidate, variant: Variant, used: models.Models) -> Iterator[server.Server]:
    port = server.free_port()
    launch = server.Launch(
        argv=interpreters.argv(candidate, port=port, workers=1, models=used.arguments),
        port=port,
        paths=["/predict"],
        environment=used.environment | dict(variant.settings),
        cores=frozenset({0}),
        log=models.CACHE / "logs" / f"credentials-{candidate.name}.log",
        headers=variant.headers,
    )
    with server.serving(launch) as running:
        status, _ = calls.post(port, "/predict", "Who am I?")
        if variant.secured != (status == UNAUTHORIZED):
            msg = f"{candidate.name} answered {status} to a call without credentials ({variant.name})."
            raise SystemExit(msg)
        yield running


def _figure(running: server.Server, variant: Variant, bodies: Path, chosen: argparse.Namespace) -> Figure:
    url = f"http://127.0.0.1:{running.port}/predict"
    drive, tree = load.Drive(url, bodies, threads=1, headers=variant.headers), meters.Tree(running.pid)
    tree.settle()
    with server.pinned(frozenset({1})):
        drive(connections=chosen.at_once, seconds=1)
        before = tree.cpu_seconds()
        outcome = drive(connections=chosen.at_once, seconds=chosen.seconds)
    if outcome.errors:
        msg = f"{outcome.errors} of {outcome.requests} requests failed ({variant.name})."
        raise SystemExit(msg)
    cpu = (tree.cpu_seconds() - before) * 1e6 / outcome.requests
    return Figure(outcome.per_second, cpu, outcome.p99_ms)


def _middle(figures: Sequence[Figure]) -> Figure:
    return Figure(
        statistics.median(one.per_second for one in figures),
        statistics.median(one.cpu_us for one in figures),
        statistics.median(one.p99_ms for one in figures),
    )


def _cells(found: Found, name: str, variant: str) -> list[str]:
    middle, rates = _middle(found[name, variant]), [one.per_second for one in found[name, variant]]
    nothing = _middle(found[name, "nothing"]).per_second
    return [
        name,
        variant,
        f"{middle.per_second:,.0f}",
        f"{min(rates):,.0f}-{max(rates):,.0f}",
        f"{middle.per_second / nothing:.0%}",
        f"{middle.cpu_us:.1f}",
        f"{middle.p99_ms:.2f}",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.credentials", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=3)
    add("--seconds", type=int, default=3, help="how long one measurement lasts (default: 3)")
    add("--at-once", type=int, default=32, help="requests in flight (default: 32)")
    add("--out", type=Path, metavar="FILE.md", help="the page; the plot is written beside it")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
