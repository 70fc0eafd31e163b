"""The classification task: a text gets a label, with a score for each label."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from textmill.contracts.base import OffsetUnit, Schema, TextInput
from textmill.contracts.problems import ItemProblem


class ClassificationRequest(TextInput):
    """One text or several, and how much of the answer is wanted."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "I love this product!"},
                {"texts": ["Great fun.", "A waste of time."], "top_k": 1, "threshold": 0.6},
                {"text": "I love this product!", "explain": True, "offset_unit": "utf16"},
            ]
        }
    )

    top_k: Annotated[int, Field(ge=1, le=1000)] = 10
    """How many labels to list in `scores`, the highest first."""
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Labels that score lower are not listed; `label` is null when even the highest does."""
    explain: bool = False
    """Whether to say what each term contributed, for models whose card says `explains`."""
    offset_unit: OffsetUnit = "codepoint"
    """What the places of terms count: code points (Python), UTF-16 units (JavaScript) or UTF-8 bytes (Go)."""


class LabelScore(Schema):
    """A label and its score."""

    label: str
    score: Annotated[float, Field(ge=0, le=1)]


class TermPlace(Schema):
    """Where a term stands in the text."""

    start: Annotated[int, Field(ge=0)]
    """Where it begins."""
    end: Annotated[int, Field(ge=0)]
    """Where it ends: the first place after it."""


class TermContribution(Schema):
    """What one term added to a label's decision value."""

    term: str
    """As the model knows it, such as in lower case; for hashed terms too."""
    contribution: float
    """Positive where it speaks for the label, negative where it speaks against it."""
    places: list[TermPlace]
    """Every place where it stands, in reading order."""


class LabelExplanation(Schema):
    """Why a label scored as it did, exactly: `base` and all contributions add up to `decision`."""

    label: str
    """Of two labels only the second is explained: what speaks against it speaks for the first."""
    decision: float
    """The model's own decision value, before it becomes a score."""
    base: float
    """The decision value of a text without any known term."""
    terms: list[TermContribution]
    """The strongest first."""


class ClassificationResult(Schema):
    """The answer for one text."""

    label: str | None
    """The label with the highest score; null when it is below the threshold."""
    score: Annotated[float, Field(ge=0, le=1)]
    """The highest score. The model card says whether scores are calibrated probabilities."""
    scores: list[LabelScore]
    """The highest `top_k` labels at or above the threshold."""
    explanations: list[LabelExplanation] | None = None
    """One for each label listed in `scores` (of two labels, one); only where `explain` was asked for."""


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
    offset_unit: OffsetUnit | None = None
    """The unit of every place in this answer; only where `explain` was asked for."""
    result: ClassificationResult | None = None
    results: list[ClassificationItem] | None = None
