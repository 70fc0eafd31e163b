"""The entities task: named entities of a text, with their place in it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from textmill.contracts.base import OffsetUnit, Schema, TextInput
from textmill.contracts.problems import ItemProblem


class EntitiesRequest(TextInput):
    """One text or several, which labels are wanted and how offsets are counted."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "Tim Cook leads Apple."},
                {"texts": ["Ada lives in London."], "labels": ["GPE"], "offset_unit": "utf16"},
            ]
        }
    )

    labels: Annotated[list[str], Field(json_schema_extra={"uniqueItems": True})] = Field(default=[])
    """Only entities with one of these labels; an empty list means all of them."""
    offset_unit: OffsetUnit = "codepoint"
    """What `start` and `end` count: code points (Python), UTF-16 units (JavaScript) or UTF-8 bytes (Go)."""


class Entity(Schema):
    """A named entity and its place in the text."""

    text: str
    """The entity, exactly as it stands in the text."""
    label: str
    """What kind of thing it is, such as PERSON or ORG."""
    start: Annotated[int, Field(ge=0)]
    """Where it begins."""
    end: Annotated[int, Field(ge=0)]
    """Where it ends: the first place after it."""


class EntitiesResult(Schema):
    """The answer for one text."""

    entities: list[Entity]
    """In reading order; never overlapping."""


class EntitiesItem(Schema):
    """One text of a list call: either a result or an error."""

    result: EntitiesResult | None = None
    error: ItemProblem | None = None


class EntitiesReply(Schema):
    """`result` for a call with `text`, `results` (in the same order) for a call with `texts`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "entities",
                    "task": "entities",
                    "offset_unit": "codepoint",
                    "result": {"entities": [{"text": "Tim Cook", "label": "PERSON", "start": 0, "end": 8}]},
                }
            ]
        }
    )

    model: str
    task: Literal["entities"]
    offset_unit: OffsetUnit
    """The unit of every offset in this answer."""
    result: EntitiesResult | None = None
    results: list[EntitiesItem] | None = None
