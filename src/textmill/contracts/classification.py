"""The classification task: a text gets a label, with a score for each label."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from textmill.contracts.base import Schema, TextInput
from textmill.contracts.problems import ItemProblem


class ClassificationRequest(TextInput):
    """One text or several, and how much of the answer is wanted."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "I love this product!"},
                {"texts": ["Great fun.", "A waste of time."], "top_k": 1, "threshold": 0.6},
            ]
        }
    )

    top_k: Annotated[int, Field(ge=1, le=1000)] = 10
    """How many labels to list in `scores`, the highest first."""
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Labels that score lower are not listed; `label` is null when even the highest does."""


class LabelScore(Schema):
    """A label and its score."""

    label: str
    score: Annotated[float, Field(ge=0, le=1)]


class ClassificationResult(Schema):
    """The answer for one text."""

    label: str | None
    """The label with the highest score; null when it is below the threshold."""
    score: Annotated[float, Field(ge=0, le=1)]
    """The highest score. The model card says whether scores are calibrated probabilities."""
    scores: list[LabelScore]
    """The highest `top_k` labels at or above the threshold."""


class ClassificationItem(Schema):
    """One text of a list call: either a result or an error."""

    result: ClassificationResult | None = None
    error: ItemProblem | None = None


class ClassificationReply(Schema):
    """`result` for a call with `text`, `results` (in the same order) for a call with `texts`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "sentiment",
                    "task": "classification",
                    "result": {
                        "label": "positive",
                        "score": 0.97,
                        "scores": [
                            {"label": "positive", "score": 0.97},
                            {"label": "negative", "score": 0.03},
                        ],
                    },
                }
            ]
        }
    )

    model: str
    task: Literal["classification"]
    result: ClassificationResult | None = None
    results: list[ClassificationItem] | None = None
