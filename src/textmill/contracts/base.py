"""What every schema of the contract shares."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

MODEL_NAME = r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$"
"""The names under which models may be served; safe in a path, a metric and a file name."""

Text: TypeAlias = Annotated[
    str,
    Field(
        description="The text, at least one character. Offsets in answers count from its first character.",
        json_schema_extra={"minLength": 1},
    ),
]

OffsetUnit: TypeAlias = Literal["codepoint", "utf16", "utf8"]


class Schema(BaseModel):
    """A strict, frozen value: no coercion, no unknown field."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True)


class TextInput(Schema):
    """The texts of a call: one `text`, or a list of `texts`, never both."""

    text: Text = ""
    texts: Annotated[
        list[str],
        Field(
            description="Several texts; every one has its own result or its own error.",
            json_schema_extra={"minItems": 1},
        ),
    ] = []

    @property
    def is_list(self) -> bool:
        """Whether the caller sent `texts` (and so expects `results`)."""
        return "texts" in self.model_fields_set

    @model_validator(mode="after")
    def _either_text_or_texts(self) -> Self:
        if ("text" in self.model_fields_set) == self.is_list:
            raise PydanticCustomError("one_of", "Send either 'text' or 'texts', and not both.")
        if self.is_list and not self.texts:
            raise PydanticCustomError("texts_empty", "'texts' is an empty list; send at least one text.")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Say in JSON Schema what the validator enforces, and drop the placeholders' defaults."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        for name in ("text", "texts"):
            schema["properties"][name].pop("default", None)
        schema["oneOf"] = [{"required": ["text"]}, {"required": ["texts"]}]
        return schema
