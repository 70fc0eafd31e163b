"""Errors as callers see them (RFC 9457), and the one table: error -> HTTP status and title."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from pydantic import ConfigDict

from textmill import errors
from textmill.contracts.base import Schema

MEDIA_TYPE = "application/problem+json"


class ProblemField(Schema):
    """One thing that is wrong with a body; the value itself is never repeated."""

    pointer: str
    """Where, as a JSON Pointer (RFC 6901) into the body."""
    code: str
    """What, as a stable word."""
    message: str
    """What, for a person."""


class Problem(Schema):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/model-unknown",
                    "title": "No such model",
                    "status": 404,
                    "detail": "No model is served as 'sentimnt'. Served models: entities, sentiment.",
                    "code": "model-unknown",
                    "request_id": "5f0c1a9e6d3b4c7f8a1b2c3d4e5f6071",
                }
            ]
        }
    )

    type: str
    """A path on this server that explains the problem."""
    title: str
    """The kind of problem, the same words every time."""
    status: int
    """The HTTP status."""
    detail: str
    """What happened this time, and what to do next."""
    code: str
    """The stable word for the kind of problem; programs decide on this."""
    request_id: str
    """The id of the request, as in the X-Request-ID header."""
    errors: list[ProblemField] | None = None
    """With `body-invalid`: every field that is wrong."""
    retry_after: int | None = None
    """Seconds after which a retry makes sense, as in the Retry-After header."""


class ItemProblem(Schema):
    """Why one text of a list call has no result."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"code": "text-empty", "title": "Empty text", "status": 422, "detail": "The text is empty."}
            ]
        }
    )

    code: str
    """The stable word for the kind of problem."""
    title: str
    """The kind of problem, the same words every time."""
    status: int
    """The HTTP status that a call with this text alone would have had."""
    detail: str
    """What happened this time."""


class ProblemKind(Schema):
    """One row of the table of problems."""

    code: str
    title: str
    status: int
    explanation: str


class ProblemList(Schema):
    """Every problem this server can answer."""

    problems: list[ProblemKind]


@dataclass(frozen=True, slots=True)
class Kind:
    """How one class of errors is told to callers."""

    status: HTTPStatus
    title: str


KINDS: dict[type[errors.TextmillError], Kind] = {
    errors.TextmillError: Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error"),
    errors.RequestError: Kind(HTTPStatus.BAD_REQUEST, "Bad request"),
    errors.RouteNotFoundError: Kind(HTTPStatus.NOT_FOUND, "No such path"),
    errors.MethodNotAllowedError: Kind(HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed"),
    errors.CredentialsMissingError: Kind(HTTPStatus.UNAUTHORIZED, "Credentials missing"),
    errors.CredentialsInvalidError: Kind(HTTPStatus.UNAUTHORIZED, "Credentials invalid"),
    errors.CredentialsAmbiguousError: Kind(HTTPStatus.BAD_REQUEST, "Several credentials"),
    errors.ScopeMissingError: Kind(HTTPStatus.FORBIDDEN, "Scope missing"),
    errors.RateLimitedError: Kind(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests"),
    errors.AuthUnavailableError: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "Authentication unavailable"),
    errors.UnknownModelError: Kind(HTTPStatus.NOT_FOUND, "No such model"),
    errors.UnsupportedMediaTypeError: Kind(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Unsupported media type"),
    errors.InvalidHeaderError: Kind(HTTPStatus.BAD_REQUEST, "Invalid header"),
    errors.MalformedJsonError: Kind(HTTPStatus.BAD_REQUEST, "Malformed JSON"),
    errors.InvalidBodyError: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid body"),
    errors.BodyTooLargeError: Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Body too large"),
    errors.BodyTimeoutError: Kind(HTTPStatus.REQUEST_TIMEOUT, "Body too slow"),
    errors.TooManyTextsError: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "Too many texts"),
    errors.TextEmptyError: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "Empty text"),
    errors.TextTooLongError: Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "Text too long"),
    errors.EngineError: Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "Prediction failed"),
    errors.PredictionError: Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "Prediction failed"),
    errors.OverloadedError: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "Overloaded"),
    errors.DeadlineExceededError: Kind(HTTPStatus.GATEWAY_TIMEOUT, "Deadline exceeded"),
    errors.ModelNotReadyError: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "Model not ready"),
    errors.ShuttingDownError: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "Shutting down"),
}


def kind_of(error: type[BaseException]) -> Kind:
    """Find the row of an error by walking its class order; what is unknown is our own fault."""
    for cls in error.__mro__:
        if cls in KINDS:
            return KINDS[cls]
    return KINDS[errors.TextmillError]


def problem_list() -> list[ProblemKind]:
    """Every documented problem, sorted by status and code; explanations are the classes' docstrings."""
    rows = {
        cls.code: ProblemKind(
            code=cls.code,
            title=kind.title,
            status=kind.status.value,
            explanation=(cls.__doc__ or "").split("\n", 1)[0],
        )
        for cls, kind in KINDS.items()
    }
    return sorted(rows.values(), key=lambda row: (row.status, row.code))
