"""One OpenAPI 3.1 document from the contract, the same bytes on every framework."""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic.json_schema import models_json_schema

import textmill
from textmill.contracts import routes
from textmill.contracts.base import MODEL_NAME, Schema
from textmill.contracts.problems import MEDIA_TYPE, Problem, kind_of
from textmill.contracts.routes import ROUTES, Route
from textmill.security.principals import ANY_MODEL, SCOPES

REFERENCE = "#/components/schemas/{model}"

DESCRIPTION = """\
Ask the served NLP models about texts.

Every answer carries `X-Request-ID`; send your own to follow a request through logs. `X-Request-Timeout`
(seconds) shortens the server's deadline. Errors are problem details (RFC 9457) with a stable `code`;
`/problems` lists them all.
"""

SCHEMES: dict[str, Any] = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key made with `textmill keys create`.",
    },
    "Bearer": {"type": "http", "scheme": "bearer", "description": "An API key or a JSON Web Token."},
}
"""How callers show who they are; with `auth = "none"` they need not."""

OAUTH: dict[str, Any] = {
    "OAuth2": {
        "type": "oauth2",
        "description": "A short-lived token for a key: its id as client_id, the whole key as client_secret.",
        "flows": {"clientCredentials": {"tokenUrl": "oauth/token", "scopes": SCOPES}},
    }
}
"""The scheme where we give tokens ourselves; the path is relative, so that it holds below any prefix."""

REFUSED = (400, 401)
"""The statuses of refusals that are no problem documents."""

PARAMETERS = {
    "model": {"schema": {"type": "string", "pattern": MODEL_NAME}, "example": "sentiment"},
    "code": {"schema": {"type": "string"}, "example": "overloaded"},
    "asset": {"schema": {"type": "string"}, "example": "page.js"},
}


@cache
def document_bytes(*, secured: bool = True, issuing: bool = True, closed: bool = False) -> bytes:
    """The document, as it is served.

    Args:
        secured: whether callers must show who they are.
        issuing: whether we give tokens ourselves.
        closed: whether documentation takes a scope too.
    """
    found = document(secured=secured, issuing=issuing, closed=closed)
    return json.dumps(found, indent=1, ensure_ascii=False).encode() + b"\n"


def document(*, secured: bool = True, issuing: bool = True, closed: bool = False) -> dict[str, Any]:
    """The document, as values."""
    offered = map(routes.closed, ROUTES) if closed else ROUTES
    documented = [route for route in offered if route.documented and (issuing or route.feature != "oauth")]
    known = (SCHEMES | OAUTH if issuing else SCHEMES) if secured else {}
    paths: dict[str, Any] = {}
    for route in documented:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route, known)
    schemes = {"securitySchemes": known} if known else {}
    return {
        "openapi": "3.1.0",
        "info": {"title": "textmill", "version": textmill.__version__, "description": DESCRIPTION},
        "paths": paths,
        "components": {"schemas": schemas(documented), **schemes},
    }


def schemas(documented: list[Route]) -> dict[str, Any]:
    """The JSON Schema of every body."""
    requests = {(schema, "validation") for route in documented for schema in route.request}
    answers = [schema for route in documented for schema in (*route.reply, *route.refusal, Problem)]
    replies = {(schema, "serialization") for schema in answers}
    models: Any = sorted(requests | replies, key=lambda pair: pair[0].__name__)
    _, definitions = models_json_schema(models, ref_template=REFERENCE)
    return dict(sorted(definitions["$defs"].items()))


def operation(route: Route, schemes: Iterable[str]) -> dict[str, Any]:
    """One operation of the document.

    Args:
        schemes: the names of the ways in which callers can show who they are.
    """
    described: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "tags": [route.tag],
    }
    if route.scope:
        described["x-textmill-scope"] = route.scope
    if route.scope and (ways := list(schemes)):
        scope = ANY_MODEL if route.scope == "predict" else route.scope
        described["security"] = [{name: [scope] if name in OAUTH else []} for name in ways]
    if route.parameters:
        described["parameters"] = path_parameters(route)
    if route.request:
        described["requestBody"] = {"required": True, "content": _content(route.request_type, route.request)}
    return described | {"responses": responses(route)}


def responses(route: Route) -> dict[str, Any]:
    """Every status that a route can answer, with its body."""
    found = {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "content": _content(route.media_type, route.reply),
        }
        for status in (200, *route.other_statuses)
    }
    for status in REFUSED if route.refusal else ():
        found[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": _content(route.media_type, route.refusal),
        }
    titles: dict[int, list[str]] = {}
    for error in route.problems:
        kind = kind_of(error)
        titles.setdefault(kind.status.value, []).append(f"{kind.title} (`{error.code}`)")
    for status, names in sorted(titles.items()):
        found[str(status)] = {
            "description": "; ".join(names),
            "content": _content(MEDIA_TYPE, (Problem,)),
        }
    return found


def _content(media_type: str, bodies: tuple[type[Schema], ...]) -> dict[str, Any]:
    references = [{"$ref": REFERENCE.format(model=body.__name__)} for body in bodies]
    schema = references[0] if len(references) == 1 else {"anyOf": references}
    return {media_type: {"schema": schema}}


def path_parameters(route: Route) -> list[dict[str, Any]]:
    """The parameters in a route's path."""
    return [{"name": name, "in": "path", "required": True, **PARAMETERS[name]} for name in route.parameters]


def inline_request(route: Route) -> dict[str, Any]:
    """Parameters and request body, its schema written out, for documents whose components we do not write.

    The contract's requests refer to no other schema, so nothing is left unresolved.
    """
    found: dict[str, Any] = {"parameters": path_parameters(route)} if route.parameters else {}
    if not route.request:
        return found
    bodies = [schema.model_json_schema() for schema in route.request]
    schema = bodies[0] if len(bodies) == 1 else {"anyOf": bodies}
    return found | {"requestBody": {"required": True, "content": {route.request_type: {"schema": schema}}}}


def reply_models(route: Route) -> dict[int | str, dict[str, Any]]:
    """Every status that a route can answer, with the model of its body."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in (200, *route.other_statuses):
        if route.reply:
            found[status] = {"model": functools.reduce(operator.or_, route.reply)}
    for status in REFUSED if route.refusal else ():
        found[status] = {"model": functools.reduce(operator.or_, route.refusal)}
    for error in route.problems:
        kind = kind_of(error)
        found[kind.status.value] = {"model": Problem, "description": kind.title}
    return found
