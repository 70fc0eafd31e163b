"""Why a linear classifier decides as it does: what each term adds, exactly, and where it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textmill.runtimes.base import Contribution, Explanation, Place
from textmill.runtimes.linear.features import Block
from textmill.runtimes.linear.parts import Parts, placed


@dataclass(frozen=True, slots=True)
class _Part:
    """One term's part of a text's features: its column in the classifier and its weight there."""

    term: str
    column: int
    weight: float
    places: tuple[Place, ...]


def explain(parts: Parts, labels: Sequence[str], text: str) -> tuple[Explanation, ...]:
    """One explanation a label; of two labels, one for the second.

    Args:
        parts: of a model whose `decision.explains`.
    """
    decision = parts.decision
    found = [part for block, start in placed(parts) for part in _parts(block, start, text)]
    rows = [row for matrix in decision.matrices for row in matrix]
    return tuple(
        _explanation(label, base, row, found)
        for label, base, row in zip(labels[-len(rows) :], decision.intercepts, rows, strict=True)
    )


def _explanation(label: str, base: float, row: Sequence[float], parts: Sequence[_Part]) -> Explanation:
    found = [Contribution(part.term, part.weight * float(row[part.column]), part.places) for part in parts]
    found.sort(key=lambda one: -abs(one.value))
    return Explanation(label, base + sum(one.value for one in found), base, tuple(found))


def _parts(block: Block, start: int, text: str) -> Iterator[_Part]:
    """The terms of a text that the classifier knows, each with its share of its column's weight."""
    places: dict[str, list[Place]] = {}
    for term, begin, end in block.analyzer.locate(text):
        places.setdefault(term, []).append((begin, end))
    counts = block.count(text)
    weights = block.weigh()(counts)
    scale = block.scale()(weights)
    of_column = dict(zip(counts, weights, strict=True))
    shares = _shares(block, {term: len(found) for term, found in places.items()})
    for term, (column, share) in shares.items():
        yield _Part(term, column + start, scale * share * of_column[column], tuple(places[term]))


def _shares(block: Block, counts: dict[str, int]) -> dict[str, tuple[int, float]]:
    """Each known term's column, and its share of it; hashing may put several terms into one column.

    Where each counts once they share equally, otherwise as they occur; terms that cancel out weigh nothing.
    """
    known = {term: found for term in counts if (found := block.columns(term)) is not None}
    signed = {term: 1 if block.binary else sign * counts[term] for term, (_, sign) in known.items()}
    totals: Counter[int] = Counter()
    for term, (column, _) in known.items():
        totals[column] += signed[term]
    return {
        term: (column, signed[term] / totals[column] if totals[column] else 0.0)
        for term, (column, _) in known.items()
    }
