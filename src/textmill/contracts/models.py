"""Model cards: what a caller may know of a served model."""

from __future__ import annotations

from typing import Literal

from textmill.contracts.base import Schema

ModelState = Literal["loading", "ready", "recovering", "failed"]


class CardQuality(Schema):
    """A measured figure."""

    data: str
    """On which texts it was measured."""
    measure: str
    """What was measured, such as accuracy."""
    value: float
    texts: int
    """How many texts; 0 where the source does not say."""


class CardVerified(Schema):
    """How a compiled runtime was proven when the model was loaded."""

    texts: int
    """On how many texts its answers were compared with the library's own."""
    largest_difference: float
    """How far numbers (scores, or the vectors of words) lay apart at most."""


class ModelSummary(Schema):
    """A served model in the list."""

    name: str
    state: ModelState
    task: Literal["classification", "entities"] | None = None
    """Known once the model has loaded."""


class ModelList(Schema):
    """The served models, by name."""

    models: list[ModelSummary]


class ModelCard(ModelSummary):
    """Everything known of a model. All but `name` and `state` are null until it has loaded."""

    labels: list[str] | None = None
    """Every label it can answer."""
    calibrated: bool | None = None
    """Whether scores are probabilities."""
    library: str | None = None
    library_version: str | None = None
    trained_with: str | None = None
    """The library version that wrote the model."""
    digest: str | None = None
    """SHA-256 over the model's files."""
    description: str | None = None
    source: str | None = None
    licence: str | None = None
    language: str | None = None
    created: str | None = None
    quality: list[CardQuality] | None = None
    runtime: str | None = None
    """What computes: `native` is the library's own code, `compiled` a faster form with the same answers."""
    runtime_reason: str | None = None
    """Why that runtime was chosen."""
    verified: CardVerified | None = None
    """The proof of a compiled runtime."""
    explains: bool | None = None
    """Whether `explain` can be asked for."""
    executor: str | None = None
    """Where it computes: `inline`, `thread` or `process`."""
    notes: list[str] | None = None
