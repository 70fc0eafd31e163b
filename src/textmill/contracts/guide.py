"""The two calls of the guide: `POST /predict` and `POST /ner`, unchanged."""

from __future__ import annotations

from pydantic import ConfigDict

from textmill.contracts.base import Schema, Text
from textmill.contracts.entities import Entity


class GuideRequest(Schema):
    """One text, as the guide's clients send it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "I love this product!"}, {"text": "Tim Cook leads Apple."}]}
    )

    text: Text


class GuideSentiment(Schema):
    """The predicted label of the text."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"sentiment": "positive"}]})

    sentiment: str
    """The label with the highest score."""


class GuideEntities(Schema):
    """The named entities of the text, in reading order."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"entities": [{"text": "Tim Cook", "label": "PERSON", "start": 0, "end": 8}]}]
        }
    )

    entities: list[Entity]
    """Offsets count code points: `text[start:end]` is the entity's text."""
