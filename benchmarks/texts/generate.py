"""Write `short.jsonl` and `long.jsonl`: `python -m benchmarks.texts.generate`; the same texts every time."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from benchmarks.texts import vocabulary as v

HERE = Path(__file__).parent
SEED = 20261123
SHORT, LONG, SENTENCES_IN_LONG = 400, 80, 10

TEMPLATES = v.paragraphs("""
{person}, {role} of {firm}, said on {weekday} that the {thing} in {place} was {opinion}, after {cause}.

Because {cause}, {firm} stopped work on its {thing} near {place} on {date}, and {consequence}.

Researchers at {firm} studied {study} in {place} for {small} years and found that they {finding}.

The {thing} cost {money}, which {person} of {firm} called {opinion}: "{saying}," the {role} told reporters
in {place}.

In {place}, more than {large} {unit} were counted in {month} {year}, {percent} more than the year before,
according to {firm}.

{firm} will buy {firm} for {money} in a deal that {person}, its {role}, described in {place} as {opinion}.

When {cause} on {weekday} night, {consequence}; {person}, a {role} from {place}, had warned of it in {month}.

{person} won the {year} prize for a book about {study}, which one {role} in {place} found {opinion}.

Critics were divided over the {thing}: {person} thought it {opinion}, while {person} of {firm} called it
{opinion}.

Between {place} and {place}, {large} {unit} were affected by {date}, although {consequence}, as {firm}
reported on {weekday}.

"{saying}," said {person}, {role} at {firm}, as {consequence} and the {thing} moved to {place}.

The court in {place} ordered {firm} to pay {money} to {person} and {small} others because {cause}.
""")


def person(rng: random.Random) -> str:
    """Draw a full name."""
    return f"{rng.choice(v.FIRST)} {rng.choice(v.LAST)}"


def firm(rng: random.Random) -> str:
    """Draw an organisation."""
    return f"{rng.choice(v.FIRM_HEAD)} {rng.choice(v.FIRM_TAIL)}"


def money(rng: random.Random) -> str:
    """Draw an amount with its currency."""
    return f"{rng.choice(v.CURRENCY)}{rng.randint(2, 950)}.{rng.randint(1, 9)} {rng.choice(v.MAGNITUDE)}"


def date(rng: random.Random) -> str:
    """Draw a day."""
    return f"{rng.randint(1, 28)} {rng.choice(v.MONTH)} {year(rng)}"


def year(rng: random.Random) -> str:
    """Draw a year within living memory."""
    return str(rng.randint(1987, 2026))


def opinion(rng: random.Random) -> str:
    """Draw praise or blame, equally often."""
    return rng.choice(rng.choice((v.PRAISE, v.BLAME)))


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "person": person,
    "firm": firm,
    "money": money,
    "date": date,
    "year": year,
    "opinion": opinion,
    "small": lambda rng: str(rng.randint(3, 48)),
    "large": lambda rng: f"{rng.randint(1_100, 98_000):,}",
    "percent": lambda rng: f"{rng.randint(2, 88)} per cent",
    "role": lambda rng: rng.choice(v.ROLE),
    "place": lambda rng: rng.choice(v.PLACE),
    "weekday": lambda rng: rng.choice(v.WEEKDAY),
    "month": lambda rng: rng.choice(v.MONTH),
    "thing": lambda rng: rng.choice(v.THING),
    "study": lambda rng: rng.choice(v.STUDY),
    "finding": lambda rng: rng.choice(v.FINDING),
    "cause": lambda rng: rng.choice(v.CAUSE),
    "consequence": lambda rng: rng.choice(v.CONSEQUENCE),
    "saying": lambda rng: rng.choice(v.SAYING),
    "unit": lambda rng: rng.choice(v.UNIT),
}


def sentence(rng: random.Random) -> str:
    """Fill one template; a placeholder that stands twice gets two different values drawn."""
    text = rng.choice(TEMPLATES)
    for name, make in MAKERS.items():
        while f"{{{name}}}" in text:
            text = text.replace(f"{{{name}}}", make(rng), 1)
    return text[0].upper() + text[1:]


def distinct(rng: random.Random) -> Iterator[str]:
    """Yield sentences for ever, never the same twice."""
    seen: set[str] = set()
    while True:
        text = sentence(rng)
        if text not in seen:
            seen.add(text)
            yield text


def write(path: Path, texts: list[str]) -> None:
    """Write one JSON object with a `text` per line."""
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Write both files beside this program."""
    source = distinct(random.Random(SEED))  # noqa: S311 - reproducible texts, no secret
    write(HERE / "short.jsonl", list(islice(source, SHORT)))
    write(HERE / "long.jsonl", [" ".join(islice(source, SENTENCES_IN_LONG)) for _ in range(LONG)])


if __name__ == "__main__":
    main()
