"""The operations that tell about the server: models, health, problems, documentation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from textmill.contracts.problems import problem_list
from textmill.contracts.routes import JSON
from textmill.engine.engine import Engine
from textmill.engine.lane import Lane
from textmill.errors import RouteNotFoundError, UnknownModelError
from textmill.service.messages import Reply, Request, json_reply
from textmill.service.openapi import document_bytes
from textmill.settings import Settings

ASSETS = {
    "page.html": "text/html; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
"""The files of the API page, all in the package: it works without internet."""

POLICY = (
    "default-src 'none'; connect-src 'self'; font-src 'self' data:; img-src 'self' data:; "
    "script-src 'self'; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Swagger UI sets style attributes, hence the one 'unsafe-inline'; scripts come from here only."""


class Information:
    """Tells what is served, how it is doing, and what the API looks like.

    Args:
        troubles: why some callers cannot be let in at present.
    """

    def __init__(self, engine: Engine, settings: Settings, troubles: Callable[[], list[str]]) -> None:
        self._engine = engine
        self._secured = settings.security.auth == "required"
        self._issuing = settings.oauth.enabled
        self._closed = settings.security.docs == "closed"
        self._troubles = troubles
        self.draining = False

    def list_models(self, _request: Request, _parameter: str) -> Reply:
        """`GET /v1/models`."""
        return json_reply({"models": [_summary(name, lane) for name, lane in self._engine.lanes.items()]})

    def get_model(self, _request: Request, name: str) -> Reply:
        """`GET /v1/models/{model}`: its card."""
        lane = self._engine.lanes.get(name)
        if lane is None:
            known = ", ".join(self._engine.lanes)
            raise UnknownModelError(f"No model is served under this name. Served models: {known}.")
        card: dict[str, Any] = _summary(name, lane)
        if lane.info is not None:
            card |= asdict(lane.info) | {"executor": lane.place}
        return json_reply(card)

    def live(self, _request: Request, _parameter: str) -> Reply:
        """`GET /health/live`: fails when work in flight has stopped moving, so that a restart helps."""
        stuck = self._engine.stuck()
        if stuck:
            return _health("fail", reason=f"work has stopped moving for: {', '.join(stuck)}")
        return _health("pass")

    def ready(self, _request: Request, _parameter: str) -> Reply:
        """`GET /health/ready`: passes while every model is ready and the server is not leaving."""
        models = {name: lane.state for name, lane in self._engine.lanes.items()}
        if self.draining:
            return _health("fail", reason="draining", models=models)
        if not self._engine.ready():
            waiting = sorted(name for name, state in models.items() if state != "ready")
            return _health("fail", reason=f"not ready: {', '.join(waiting)}", models=models)
        if troubles := self._troubles():
            return _health("fail", reason="; ".join(troubles), models=models)
        return _health("pass", models=models)

    def list_problems(self, _request: Request, _parameter: str) -> Reply:
        """`GET /problems`."""
        return json_reply({"problems": [kind.model_dump() for kind in problem_list()]})

    def get_problem(self, _request: Request, code: str) -> Reply:
        """`GET /problems/{code}`."""
        for kind in problem_list():
            if kind.code == code:
                return json_reply(kind.model_dump())
        raise RouteNotFoundError("No problem has this code. All of them are listed at /problems.")

    def openapi(self, request: Request, _parameter: str) -> Reply:
        """`GET /openapi.json`."""
        document = document_bytes(secured=self._secured, issuing=self._issuing, closed=self._closed)
        return _file(request, JSON, document)

    def docs(self, request: Request, _parameter: str) -> Reply:
        """`GET /docs`: Swagger UI."""
        return self.docs_asset(request, "page.html")

    def docs_asset(self, request: Request, name: str) -> Reply:
        """`GET /docs/{asset}`."""
        if name not in ASSETS:
            raise RouteNotFoundError("The API page has no such file.")
        return _file(request, ASSETS[name], _asset(name))


def _summary(name: str, lane: Lane) -> dict[str, Any]:
    return {"name": name, "state": lane.state, "task": lane.info.task if lane.info else None}


def _health(status: str, **facts: Any) -> Reply:
    headers = (("cache-control", "no-store"),)
    return json_reply({"status": status, **facts}, status=200 if status == "pass" else 503, headers=headers)


@cache
def _asset(name: str) -> bytes:
    """A file of the API page, read once: they are large, and everybody may ask for them at any rate."""
    return (files("textmill.service") / "swagger" / name).read_bytes()


@lru_cache(16)
def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _file(request: Request, media_type: str, body: bytes) -> Reply:
    """A file that a browser may keep, and ask about again with its ETag."""
    etag = _etag(body)
    headers = (
        ("etag", etag),
        ("cache-control", "no-cache"),
        ("content-security-policy", POLICY),
    )
    if request.headers.get("if-none-match") == etag:
        return Reply(304, headers, b"")
    return Reply(200, (("content-type", media_type), *headers), body)
