"""The API as data: every operation with its path, schemas, scope and errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from textmill import errors
from textmill.contracts.base import Schema
from textmill.contracts.classification import ClassificationReply, ClassificationRequest
from textmill.contracts.entities import EntitiesReply, EntitiesRequest
from textmill.contracts.guide import GuideEntities, GuideRequest, GuideSentiment
from textmill.contracts.health import Health
from textmill.contracts.models import ModelCard, ModelList
from textmill.contracts.problems import ProblemKind, ProblemList
from textmill.contracts.tokens import AuthorizationServer, TokenFault, TokenKeys, TokenReply, TokenRequest
from textmill.errors import TextmillError

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

BODY_ERRORS = (
    errors.MalformedJsonError,
    errors.BodyTimeoutError,
    errors.BodyTooLargeError,
    errors.UnsupportedMediaTypeError,
    errors.InvalidBodyError,
)
ENGINE_ERRORS = (
    errors.InvalidHeaderError,
    errors.PredictionError,
    errors.OverloadedError,
    errors.ModelNotReadyError,
    errors.ShuttingDownError,
    errors.DeadlineExceededError,
)
ACCESS_ERRORS = (
    errors.CredentialsMissingError,
    errors.CredentialsInvalidError,
    errors.CredentialsAmbiguousError,
    errors.ScopeMissingError,
    errors.RateLimitedError,
    errors.AuthUnavailableError,
)
"""What every operation with a scope can answer besides its own errors."""
TEXT_ERRORS = (errors.TextEmptyError, errors.TextTooLongError)


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API.

    Attributes:
        operation: the name of the operation; also the OpenAPI `operationId`.
        scope: what a caller must be allowed to do (`predict` is `predict:MODEL`); None is open to all.
        model: the task of the model that is asked, where the path names none.
        request, reply: the schemas of the bodies; several requests are alternatives.
        errors: what it can answer instead; their HTTP statuses come from `contracts.problems`.
        other_statuses: further statuses with the same reply schema.
        refusal: the schemas in which it refuses with 400 and 401, where that is no problem document.
        documented: whether it stands in the OpenAPI document.
        feature: the group of settings that enables it; None is always there.
    """

    operation: str
    method: str
    path: str
    summary: str
    tag: str
    reply: tuple[type[Schema], ...] = ()
    request: tuple[type[Schema], ...] = ()
    scope: str | None = None
    model: Literal["classification", "entities"] | None = None
    errors: tuple[type[TextmillError], ...] = ()
    other_statuses: tuple[int, ...] = ()
    refusal: tuple[type[Schema], ...] = ()
    documented: bool = True
    feature: Literal["oauth"] | None = None
    media_type: str = JSON
    request_type: str = JSON

    @property
    def problems(self) -> tuple[type[TextmillError], ...]:
        """Every error it can answer, those of its scope among them."""
        return (*self.errors, *(ACCESS_ERRORS if self.scope else ()))

    @property
    def parameters(self) -> list[str]:
        """The names of the path's parameters."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def examples(self) -> list[dict[str, Any]]:
        """Example bodies of the request, all of them valid."""
        found: list[dict[str, Any]] = []
        for schema in self.request:
            extra = schema.model_json_schema()
            found.extend(extra.get("examples", []))
        return found


ROUTES: tuple[Route, ...] = (
    Route(
        operation="guide_predict",
        method="POST",
        path="/predict",
        summary="The label of one text",
        tag="guide",
        request=(GuideRequest,),
        reply=(GuideSentiment,),
        scope="predict",
        model="classification",
        errors=(*BODY_ERRORS, errors.UnknownModelError, *TEXT_ERRORS, *ENGINE_ERRORS),
    ),
    Route(
        operation="guide_ner",
        method="POST",
        path="/ner",
        summary="The named entities of one text",
        tag="guide",
        request=(GuideRequest,),
        reply=(GuideEntities,),
        scope="predict",
        model="entities",
        errors=(*BODY_ERRORS, errors.UnknownModelError, *TEXT_ERRORS, *ENGINE_ERRORS),
    ),
    Route(
        operation="predict",
        method="POST",
        path="/v1/models/{model}/predict",
        summary="Ask a model about one text or a list of texts",
        tag="models",
        request=(ClassificationRequest, EntitiesRequest),
        reply=(ClassificationReply, EntitiesReply),
        scope="predict",
        errors=(
            *BODY_ERRORS,
            errors.UnknownModelError,
            errors.TooManyTextsError,
            *TEXT_ERRORS,
            *ENGINE_ERRORS,
        ),
    ),
    Route(
        operation="list_models",
        method="GET",
        path="/v1/models",
        summary="The served models",
        tag="models",
        reply=(ModelList,),
        scope="models:read",
    ),
    Route(
        operation="get_model",
        method="GET",
        path="/v1/models/{model}",
        summary="The card of a model",
        tag="models",
        reply=(ModelCard,),
        scope="models:read",
        errors=(errors.UnknownModelError,),
    ),
    Route(
        operation="live",
        method="GET",
        path="/health/live",
        summary="Whether the process works; restart it when it does not",
        tag="health",
        reply=(Health,),
        other_statuses=(503,),
    ),
    Route(
        operation="ready",
        method="GET",
        path="/health/ready",
        summary="Whether to send requests here",
        tag="health",
        reply=(Health,),
        other_statuses=(503,),
    ),
    Route(
        operation="list_problems",
        method="GET",
        path="/problems",
        summary="Every problem this server can answer",
        tag="about",
        reply=(ProblemList,),
    ),
    Route(
        operation="get_problem",
        method="GET",
        path="/problems/{code}",
        summary="What a problem means",
        tag="about",
        reply=(ProblemKind,),
        errors=(errors.RouteNotFoundError,),
    ),
    Route(
        operation="issue_token",
        method="POST",
        path="/oauth/token",
        summary="A short-lived token for the holder of an API key",
        tag="oauth",
        request=(TokenRequest,),
        request_type=FORM,
        reply=(TokenReply,),
        refusal=(TokenFault,),
        feature="oauth",
        errors=(
            errors.BodyTimeoutError,
            errors.BodyTooLargeError,
            errors.RateLimitedError,
            errors.AuthUnavailableError,
        ),
    ),
    Route(
        operation="token_keys",
        method="GET",
        path="/.well-known/jwks.json",
        summary="The public keys that tokens can be checked with",
        tag="oauth",
        reply=(TokenKeys,),
        feature="oauth",
    ),
    Route(
        operation="authorization_server",
        method="GET",
        path="/.well-known/oauth-authorization-server",
        summary="Where tokens come from",
        tag="oauth",
        reply=(AuthorizationServer,),
        feature="oauth",
        errors=(errors.RouteNotFoundError,),
    ),
    Route(
        operation="openapi",
        method="GET",
        path="/openapi.json",
        summary="This document",
        tag="about",
        documented=False,
    ),
    Route(
        operation="docs",
        method="GET",
        path="/docs",
        summary="The API in a browser",
        tag="about",
        documented=False,
        media_type="text/html",
    ),
    Route(
        operation="docs_asset",
        method="GET",
        path="/docs/{asset}",
        summary="A file of the API page",
        tag="about",
        documented=False,
        media_type="application/octet-stream",
        errors=(errors.RouteNotFoundError,),
    ),
)


def closed(route: Route) -> Route:
    """The route where documentation is not for everybody."""
    return replace(route, scope="models:read") if route.tag == "about" else route
