"""The proof that a compiled classifier answers as the runtime it replaces: text for text, score for score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from textmill.runtimes.base import Runtime, Scores

Answer: TypeAlias = Scores | type[Exception]
"""A text's scores, or how the runtime failed on it: the other one must fail in the same way."""

BATCH = 64


@dataclass(frozen=True, slots=True)
class Verification:
    """What a comparison found.

    Attributes:
        texts: how many were compared.
        largest: the largest difference of one score.
        difference: the first thing that differs, in words without any text; None where all is equal.
    """

    texts: int
    largest: float
    difference: str | None


def verify(native: Runtime, compiled: Runtime, texts: Sequence[str], tolerance: float) -> Verification:
    """Compare answers text for text: the same label in front, and each score within the tolerance."""
    largest = 0.0
    expected, found = _answers(native, texts), _answers(compiled, texts)
    for text, one, other in zip(texts, expected, found, strict=True):
        difference = _difference(one, other, native.info.labels, tolerance)
        if difference is not None:
            return Verification(len(texts), largest, f"{difference} in a text of {len(text)} characters")
        largest = max(largest, _distance(one, other))
    return Verification(len(texts), largest, None)


def _answers(runtime: Runtime, texts: Sequence[str]) -> list[Answer]:
    """Answers in batches, which is quicker; one by one in a batch that fails."""
    found: list[Answer] = []
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        try:
            found += _predict(runtime, batch)
        except Exception:  # noqa: BLE001 - which text it was, and how it fails, is found below
            found += [_answer(runtime, text) for text in batch]
    return found


def _answer(runtime: Runtime, text: str) -> Answer:
    try:
        return _predict(runtime, [text])[0]
    except Exception as error:  # noqa: BLE001 - a failure is compared like an answer
        return type(error)


def _predict(runtime: Runtime, texts: Sequence[str]) -> list[Scores]:
    found: Any = runtime.predict(texts)
    return list(found)


def _difference(one: Answer, other: Answer, labels: Sequence[str], tolerance: float) -> str | None:
    if isinstance(one, type) or isinstance(other, type):
        return None if one is other else f"{_name(other)} instead of {_name(one)}"
    if len(one) != len(other):
        return f"{len(other)} scores instead of {len(one)}"
    expected, found = labels[one.index(max(one))], labels[other.index(max(other))]
    if expected != found:
        return f"label {found!r} instead of {expected!r}"
    apart = _distance(one, other)
    if not apart <= tolerance:
        return f"a score with label {expected!r} differs by {apart:.0e}"
    return None


def _distance(one: Answer, other: Answer) -> float:
    if isinstance(one, type) or isinstance(other, type):
        return 0.0
    return max(abs(left - right) for left, right in zip(one, other, strict=True))


def _name(answer: Answer) -> str:
    return answer.__name__ if isinstance(answer, type) else "an answer"
