"""The proof that a compiled runtime answers as the native one that it replaces: text for text.

Nothing compiled serves without it. What differs is told by a text's length and a label, never by the text.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

from textmill.errors import ModelInvalidError
from textmill.runtimes.base import ModelSpec, Prediction, Runtime, Span, Verified

logger = logging.getLogger(__name__)

T = TypeVar("T")
Answer: TypeAlias = Prediction | type[Exception]
"""What a runtime answers, or how it fails: the other one must fail in the same way."""

BATCH = 64
ALONE = 32
"""For every so many texts both runtimes are timed with one text alone."""
SAMPLE = 8
"""Inner numbers are compared for every so many texts."""


def nothing() -> None:
    """What a candidate without leftovers has to give back."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model's native runtime beside its compiled form, which is not proven yet.

    Attributes:
        compiled: None where the model has none.
        reason: why it has none.
        texts: what to compare on; the packaged texts and, where it helps, some of the model's own terms.
        tolerance: how far numbers may lie apart.
        numbers: which numbers these are, for people.
        distance: how far inner numbers lie apart on one text, where answers show none.
        release: gives back what only the native runtime needs.
    """

    native: Runtime
    compiled: Runtime | None = None
    reason: str = ""
    texts: Callable[[], Iterable[str]] = tuple
    tolerance: float = 0.0
    numbers: str = "scores"
    distance: Callable[[str], float] | None = None
    release: Callable[[], None] = nothing


@dataclass(slots=True)
class Times:
    """The time that both runtimes took for some texts, in seconds."""

    texts: int = 0
    native: float = 0.0
    compiled: float = 0.0

    def add(self, texts: int, native: float, compiled: float) -> None:
        """Count some more."""
        self.texts += texts
        self.native += native
        self.compiled += compiled


@dataclass(slots=True)
class Comparison:
    """What a comparison has found so far.

    Attributes:
        texts: how many were compared.
        largest: the largest difference of two numbers.
        difference: the first thing that differs, in words without any text; None while all is equal.
        together, alone: the time that each runtime took for all texts in batches, and for some one by one.
    """

    texts: int = 0
    largest: float = 0.0
    difference: str | None = None
    together: Times = field(default_factory=Times)
    alone: Times = field(default_factory=Times)


def settle(candidate: Candidate, spec: ModelSpec) -> Runtime:
    """The runtime that shall serve: the compiled one where it is proven, otherwise the native one.

    Raises:
        ModelInvalidError: there is no proven one though the settings insist on it, or the texts to verify
            with cannot be read.
    """
    if spec.runtime == "native":
        return _native(candidate, spec, "The settings ask for it.")
    if candidate.compiled is None:
        return _native(candidate, spec, candidate.reason)
    found = verify(candidate, texts_at_load(candidate, spec))
    if found.difference:
        reason = f"Its compiled form differs from the library's own answers: {found.difference}."
        logger.warning("The model %r runs natively. %s", spec.name, reason)
        return _native(candidate, spec, reason)
    candidate.release()
    candidate.compiled.info = replace(
        candidate.compiled.info,
        runtime="compiled",
        runtime_reason=(
            f"Its answers equal the library's own on all {found.texts} verification texts; "
            f"{candidate.numbers} differ by at most {found.largest:.0e}."
        ),
        verified=Verified(found.texts, found.largest),
    )
    return candidate.compiled


def texts_at_load(candidate: Candidate, spec: ModelSpec) -> list[str]:
    """What a model must be proven on before its compiled form serves.

    Raises:
        ModelInvalidError: the operator's own texts cannot be read.
    """
    return [*candidate.texts(), *(read_texts(Path(spec.verify_with)) if spec.verify_with else ())]


def verify(candidate: Candidate, texts: Iterable[str]) -> Comparison:
    """Compare answers until one differs."""
    found = Comparison()
    for _ in compare(candidate, texts, found):
        if found.difference:
            break
    return found


def compare(candidate: Candidate, texts: Iterable[str], found: Comparison) -> Iterator[int]:
    """Compare answers batch by batch, into `found`; yields the number of texts after each batch.

    Args:
        candidate: with a compiled form.
    """
    rest = iter(texts)
    while batch := list(islice(rest, BATCH)):
        _compare(candidate, batch, found)
        yield len(batch)


def read_texts(path: Path) -> list[str]:
    """One text a line, in UTF-8; empty lines are left out.

    Raises:
        ModelInvalidError: they cannot be read, or there is none.
    """
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not valid UTF-8"
        raise ModelInvalidError(
            f"The texts to verify with, {path}, cannot be read: {reason}. Give a file with one text a line."
        ) from error
    texts = [text for line in lines if (text := line.removesuffix("\r"))]
    if not texts:
        raise ModelInvalidError(
            f"There is no text to verify with in {path}. Give a file with one text a line."
        )
    return texts


def _native(candidate: Candidate, spec: ModelSpec, reason: str) -> Runtime:
    if spec.runtime == "compiled":
        raise ModelInvalidError(
            f"The model {spec.name!r} cannot be compiled. {reason} Set runtime = 'auto' to let its library "
            "compute."
        )
    native = candidate.native
    native.info = replace(native.info, runtime_reason=f"The library's own code computes. {reason}")
    return native


def _compare(candidate: Candidate, batch: Sequence[str], found: Comparison) -> None:
    native, compiled = candidate.native, cast("Runtime", candidate.compiled)
    expected, slow = _timed(lambda: _answers(native, batch))
    together, fast = _timed(lambda: _answers(compiled, batch))
    alone = [_answer(compiled, text) for text in batch]
    found.together.add(len(batch), slow, fast)
    for text in batch[::ALONE]:
        found.alone.add(1, *(_timed(partial(_answer, runtime, text))[1] for runtime in (native, compiled)))
    labels = candidate.native.info.labels
    for text, one, *others in zip(batch, expected, together, alone, strict=True):
        for other in others:
            difference = _difference(one, other, labels, candidate.tolerance)
            if difference and not found.difference:
                found.difference = f"{difference} in a text of {len(text)} characters"
            found.largest = max(found.largest, _distance(one, other))
    if not found.difference:
        answered = zip(batch, expected, strict=True)
        _look_inside(candidate, [text for text, one in answered if not isinstance(one, type)], found)
    found.texts += len(batch)


def _look_inside(candidate: Candidate, texts: Sequence[str], found: Comparison) -> None:
    """Compare inner numbers, where there are any; not being able to is a difference too."""
    if candidate.distance is None:
        return
    for text in texts[::SAMPLE]:
        where = f"in a text of {len(text)} characters"
        try:
            apart = candidate.distance(text)
        except Exception as error:  # noqa: BLE001 - the native runtime serves; nothing may keep it from loading
            found.difference = f"{candidate.numbers} cannot be compared ({type(error).__name__}) {where}"
            return
        found.largest = max(found.largest, apart)
        if not apart <= candidate.tolerance:
            found.difference = f"{candidate.numbers}, by {apart:.0e}, {where}"
            return


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """What some work gives, and the seconds it took."""
    started = time.perf_counter()
    found = work()
    return found, time.perf_counter() - started


def _answers(runtime: Runtime, texts: Sequence[str]) -> list[Answer]:
    """Answers in a batch, which is quicker; one by one where it fails."""
    try:
        return list(runtime.predict(texts))
    except Exception:  # noqa: BLE001 - which text it was, and how it fails, is found below
        return [_answer(runtime, text) for text in texts]


def _answer(runtime: Runtime, text: str) -> Answer:
    try:
        return runtime.predict([text])[0]
    except Exception as error:  # noqa: BLE001 - a failure is compared like an answer
        return type(error)


def _difference(one: Answer, other: Answer, labels: Sequence[str], tolerance: float) -> str | None:
    if isinstance(one, type) or isinstance(other, type):
        return None if one is other else f"{_name(other)} instead of {_name(one)}"
    if isinstance(one, list) or isinstance(other, list):
        return None if one == other else f"entities {_labels(one, other)}"
    if len(one) != len(other):
        return f"{len(other)} scores instead of {len(one)}"
    expected, found = labels[one.index(max(one))], labels[other.index(max(other))]
    if expected != found:
        return f"label {found!r} instead of {expected!r}"
    apart = _distance(one, other)
    if not apart <= tolerance or not all(map(math.isfinite, other)):
        return f"a score with label {expected!r} differs by {apart:.0e}"
    return None


def _labels(one: Any, other: Any) -> str:
    """The labels of the entities that only one side found."""
    apart: set[Span] = set(one) ^ set(other)
    return ", ".join(sorted({label for _, _, label in apart})) or "in another order"


def _distance(one: Answer, other: Answer) -> float:
    if not isinstance(one, tuple) or not isinstance(other, tuple):
        return 0.0
    return max((abs(left - right) for left, right in zip(one, other, strict=False)), default=0.0)


def _name(answer: Answer) -> str:
    return answer.__name__ if isinstance(answer, type) else "an answer"
