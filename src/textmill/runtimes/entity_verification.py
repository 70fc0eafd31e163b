"""The proof that a compiled recogniser answers as the one it replaces; without it, spaCy computes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from spacy.language import Language

from textmill.errors import ModelInvalidError
from textmill.runtimes.base import ModelInfo, ModelSpec, Runtime, Span
from textmill.runtimes.entity_texts import verification_texts
from textmill.runtimes.layers import NotRecognisedError
from textmill.runtimes.recogniser import CompiledRecogniser, CompiledRuntime, compile_recogniser

logger = logging.getLogger(__name__)

Answers: TypeAlias = Sequence[Sequence[Span]]

TOLERANCE = 1e-3
"""How far the vectors of words may lie apart: summing in another order gives about 1e-5."""
SAMPLE = 8
"""Vectors are compared for every so many texts."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a comparison found.

    Attributes:
        texts: how many were compared.
        largest: the largest difference of one number in the vectors of words.
        difference: what differs, in words without any text; None where everything is equal.
    """

    texts: int
    largest: float
    difference: str | None


def fastest(native: Runtime, nlp: Language, name: str, window: int, spec: ModelSpec) -> Runtime | str:
    """A compiled runtime in place of the native one, or the reason why there is none.

    The components that it replaces are then taken out of the pipeline, to give back their memory.

    Raises:
        ModelInvalidError: there is none, though the settings ask for it.
    """
    try:
        recogniser = compile_recogniser(nlp, name)
    except NotRecognisedError as error:
        return _refused(str(error), spec)
    compiled = CompiledRuntime(recogniser, native.info, window)
    result = verify(native, compiled, list(verification_texts()))
    result = replace(result, largest=largest_difference(nlp, name, recogniser))
    if result.difference is None and result.largest > TOLERANCE:
        result = replace(result, difference=f"the vectors of words, by {result.largest:.0e}")
    if result.difference is not None:
        reason = f"Its compiled form differs from spaCy's own answers: {result.difference}."
        logger.warning("The model %r runs natively. %s", spec.name, reason)
        return _refused(reason, spec)
    for component in nlp.component_names:
        nlp.remove_pipe(component)
    compiled.info = describe(native.info, result)
    return compiled


def verify(native: Runtime, compiled: Runtime, texts: Sequence[str]) -> Verification:
    """Compare entities text for text: computed together, and one by one."""
    expected: Answers = native.predict(texts)  # type: ignore[assignment]  # recognisers answer with spans
    together: Answers = compiled.predict(texts)  # type: ignore[assignment]  # as above
    alone: Answers = [compiled.predict([text])[0] for text in texts]  # type: ignore[misc]  # as above
    for text, one, *others in zip(texts, expected, together, alone, strict=True):
        for other in others:
            if one != other:
                return Verification(len(texts), 0.0, _difference(text, one, other))
    return Verification(len(texts), 0.0, None)


def largest_difference(nlp: Language, name: str, recogniser: CompiledRecogniser) -> float:
    """How far the vectors of words lie apart from spaCy's, at most, in a sample of the texts."""
    recogniser_pipe: Any = nlp.get_pipe(name)
    network = recogniser_pipe.model.get_ref("tok2vec")
    largest = 0.0
    with nlp.memory_zone():
        for text in list(verification_texts())[::SAMPLE]:
            document = nlp.make_doc(text)
            for other in nlp.pipe_names[:-1]:
                document = nlp.get_pipe(other)(document)
            apart = np.abs(network.predict([document]) - recogniser.vectors(text))
            largest = max(largest, float(apart.max(initial=0.0)))
    return largest


def describe(info: ModelInfo, result: Verification) -> ModelInfo:
    """The model card of a runtime that was verified."""
    reason = (
        f"Its entities equal spaCy's own on all {result.texts} verification texts; the vectors of words "
        f"differ by at most {result.largest:.0e}."
    )
    return replace(info, runtime="compiled", runtime_reason=reason)


def _difference(text: str, expected: Sequence[Span], found: Sequence[Span]) -> str:
    labels = sorted({label for _, _, label in set(expected) ^ set(found)})
    return f"entities {', '.join(labels) or 'in another order'} in a text of {len(text)} characters"


def _refused(reason: str, spec: ModelSpec) -> str:
    if spec.runtime == "compiled":
        raise ModelInvalidError(
            f"The model {spec.name!r} cannot be compiled. {reason} Set runtime = 'auto' to let spaCy compute."
        )
    return reason
