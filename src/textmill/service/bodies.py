"""From the bytes of a body to a validated schema.

jiter reads strictly (no NaN, no lone surrogate, no duplicate key, bounded depth), pydantic validates. Nothing
that a caller sent is repeated in an error: not a value, not a key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import jiter
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from textmill.contracts.base import Schema
from textmill.contracts.routes import JSON
from textmill.errors import (
    BodyTimeoutError,
    BodyTooLargeError,
    FieldError,
    InvalidBodyError,
    MalformedJsonError,
    UnsupportedMediaTypeError,
)
from textmill.service.messages import Request

S = TypeVar("S", bound=Schema)

JSON_TYPE = re.compile(
    r"application/(?:json|[\w.+-]+\+json)\s*(?:;\s*charset=\"?utf-?8\"?\s*)?", re.IGNORECASE
)
PLACE = re.compile(r" at line \d+ column \d+$")

FAULTS = {
    "Detected duplicate key": "An object has the same key twice",
    "recursion limit exceeded": "The JSON is nested too deeply",
    "invalid unicode code point": "The body is not valid UTF-8",
    "number out of range": "A number has too many digits",
}
"""jiter's messages that deserve plain words; the first one would repeat the caller's key."""


def read(request: Request, schema: type[S], limit: int) -> S:
    """Read the body of a request.

    Raises:
        RequestError: saying what is wrong and where.
    """
    return validate(parse(request, limit), schema)


def parse(request: Request, limit: int) -> Any:
    """The JSON value of a request's body."""
    body = request.body
    if body is None:
        raise BodyTimeoutError("The body did not arrive in time; send it in one go, or a smaller one.")
    if len(body) > limit:
        raise BodyTooLargeError(f"The body is larger than {limit} bytes; split the texts into several calls.")
    _check_headers(request.headers)
    try:
        return jiter.from_json(body, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        raise _malformed(str(error)) from None


def validate(value: Any, schema: type[S]) -> S:
    """The value as a schema."""
    try:
        found: S = schema.__pydantic_validator__.validate_python(value)  # model_validate costs twice as much
    except ValidationError as error:
        rows = error.errors(include_url=False, include_input=False, include_context=False)
        fields = tuple(_field(row) for row in rows)
        raise InvalidBodyError(_summary(fields), fields) from None
    return found


def _check_headers(headers: Mapping[str, str]) -> None:
    kind = headers.get("content-type", "")
    if kind != JSON and not JSON_TYPE.fullmatch(kind):
        raise UnsupportedMediaTypeError("Send the body as UTF-8 JSON, with 'Content-Type: application/json'.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaTypeError("Send the body uncompressed, without 'Content-Encoding'.")


def _malformed(message: str) -> MalformedJsonError:
    place = PLACE.search(message)
    where = place.group() if place else ""
    for prefix, words in FAULTS.items():
        if message.startswith(prefix):
            return MalformedJsonError(f"{words}{where}.")
    if "surrogate" in message or "hex escape" in message:
        return MalformedJsonError(f"A \\u escape is no valid character (a lone surrogate?){where}.")
    return MalformedJsonError(f"The body is not valid JSON: {PLACE.sub('', message)}{where}.")


def _field(row: ErrorDetails) -> FieldError:
    """A pydantic error without its value; an unknown key is the caller's own text, so it is not named."""
    unknown = row["type"] == "extra_forbidden"
    path = row["loc"][:-1] if unknown else row["loc"]
    pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
    message = "There is a field here that the contract does not know." if unknown else row["msg"]
    return FieldError(pointer, row["type"].replace("_", "-"), message)


def _summary(fields: tuple[FieldError, ...]) -> str:
    first = fields[0]
    more = f" ({len(fields) - 1} more in 'errors')" if len(fields) > 1 else ""
    return f"{first.pointer or 'The body'}: {first.message}{more}"
