"""From a model's plain results to the answers of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from textmill.contracts.base import OffsetUnit
from textmill.contracts.classification import ClassificationRequest
from textmill.contracts.entities import EntitiesRequest
from textmill.errors import FieldError, InvalidBodyError
from textmill.runtimes.base import Explained, Explanation, ModelInfo, Result, Scores, Span
from textmill.service.offsets import converted


def best_label(labels: Sequence[str], scores: Scores) -> str:
    """The label with the highest score; the first one among equals."""
    return labels[max(range(len(scores)), key=scores.__getitem__)]


def classification(
    labels: Sequence[str], text: str, result: Result, asked: ClassificationRequest
) -> dict[str, Any]:
    """The answer for one text, as the caller asked for it."""
    if isinstance(result, Explained):
        found = classification(labels, text, result.scores, asked)
        return found | {"explanations": explanations(text, result.explanations, found["scores"], asked)}
    scores = cast("Scores", result)
    ranked = sorted(zip(labels, scores, strict=True), key=lambda pair: -pair[1])
    label, score = ranked[0]
    return {
        "label": label if score >= asked.threshold else None,
        "score": score,
        "scores": [
            {"label": name, "score": value}
            for name, value in ranked[: asked.top_k]
            if value >= asked.threshold
        ],
    }


def explanations(
    text: str,
    found: Sequence[Explanation],
    listed: Sequence[dict[str, Any]],
    asked: ClassificationRequest,
) -> list[dict[str, Any]]:
    """The reasons for the listed labels; a single one speaks for both of two labels."""
    names = {score["label"] for score in listed}
    wanted = [one for one in found if len(found) == 1 or one.label in names]
    marks = (mark for one in wanted for part in one.contributions for place in part.places for mark in place)
    at = converted(text, marks, asked.offset_unit)
    return [
        {
            "label": one.label,
            "decision": one.decision,
            "base": one.base,
            "terms": [
                {
                    "term": part.term,
                    "contribution": part.value,
                    "places": [{"start": at[start], "end": at[end]} for start, end in part.places],
                }
                for part in one.contributions
            ],
        }
        for one in wanted
    ]


def check_explain(asked: ClassificationRequest, info: ModelInfo) -> None:
    """Refuse to explain what has no reasons to give."""
    if asked.explain and not info.explains:
        fault = FieldError("/explain", "not-explained", f"This model gives no reasons. {_silence(info)}")
        raise InvalidBodyError(f"{fault.pointer}: {fault.message}", (fault,))


def _silence(info: ModelInfo) -> str:
    if info.task != "classification":
        return "It finds entities; only classifiers are explained."
    if info.runtime == "compiled":
        return "It averages several classifiers, which no single decision value explains."
    return f"Only compiled linear classifiers do. {info.runtime_reason}"


def entities(text: str, result: Result, asked: EntitiesRequest) -> dict[str, Any]:
    """The answer for one text, as the caller asked for it."""
    spans = cast("list[Span]", result)
    wanted = [span for span in spans if span[2] in asked.labels] if asked.labels else spans
    return {"entities": entity_list(text, wanted, asked.offset_unit)}


def entity_list(text: str, spans: Sequence[Span], unit: OffsetUnit = "codepoint") -> list[dict[str, Any]]:
    """Entities with their text and their place in the given unit."""
    place = converted(text, (place for span in spans for place in span[:2]), unit)
    return [
        {"text": text[start:end], "label": label, "start": place[start], "end": place[end]}
        for start, end, label in spans
    ]


def check_labels(asked: EntitiesRequest, known: Sequence[str]) -> None:
    """Refuse a filter for labels that the model cannot answer."""
    unknown = tuple(
        FieldError(f"/labels/{index}", "label-unknown", f"The model's labels are {', '.join(known)}.")
        for index, label in enumerate(asked.labels)
        if label not in known
    )
    if unknown:
        raise InvalidBodyError(f"{unknown[0].pointer}: {unknown[0].message}", unknown)
