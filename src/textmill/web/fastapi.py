"""FastAPI: an app of its own, and a router for the apps of others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp, Receive, Scope, Send

from textmill.contracts.routes import Route
from textmill.service import openapi
from textmill.service.service import Service
from textmill.web import asgi
from textmill.web.draining import drain_on_sigterm

SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI's own telemetry exports messages of exceptions, which may hold a text."""


SCHEMES = (
    Security(APIKeyHeader(name="X-API-Key", scheme_name="ApiKey", auto_error=False)),
    Security(HTTPBearer(scheme_name="Bearer", auto_error=False)),
)
"""They decide nothing: they have a host's document show how to come in."""


class ContractApp(FastAPI):
    """FastAPI, with the whole contract behind its routes.

    As long as nobody adds a route or a middleware, nothing of FastAPI's own stack has work to do on a
    request, so it is left out.

    Attributes:
        service: answers everything that no route of others takes.
    """

    def __init__(self, service: Service) -> None:
        super().__init__(
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            lifespan=_lifespan(service),
            telemetry=SILENT,
        )
        self.service = service
        self.router.default = asgi.Door(service)

    def build_middleware_stack(self) -> ASGIApp:
        """The stack for requests; called once, at the first."""
        whole = super().build_middleware_stack()
        door = self.router.default

        async def shortest(scope: Scope, receive: Receive, send: Send) -> None:
            alone = scope["type"] == "http" and not self.is_extended()
            await (door if alone else whole)(scope, receive, send)

        return shortest

    def is_extended(self) -> bool:
        """Whether there is anything on it but the contract."""
        return bool(self.user_middleware or self.router.routes)


def app(service: Service) -> FastAPI:
    """An app that serves the whole contract, and starts and closes the service.

    Routes that are added to it come first; everything else is the service's, down to the 404.
    """
    return ContractApp(service)


def router(service: Service) -> APIRouter:
    """The contract's operations for `include_router`; they show in the host's own documentation."""
    included = APIRouter(lifespan=_lifespan(service))
    door = asgi.Door(service)
    shown = SCHEMES if service.secured else None
    for route in service.routes:
        included.add_api_route(
            route.path,
            _operation(door, route),
            methods=[route.method],
            summary=route.summary,
            tags=[route.tag],
            operation_id=route.operation,
            include_in_schema=route.documented,
            response_class=Response,
            dependencies=shown if route.scope else None,
            responses=openapi.reply_models(route),
            openapi_extra=openapi.inline_request(route),
        )
    return included


def _lifespan(service: Service) -> Callable[[Any], Any]:
    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        service.start()
        drain_on_sigterm(service)
        yield
        await asyncio.to_thread(service.close)

    return lifespan


def _operation(door: asgi.Door, route: Route) -> Callable[[Request], Awaitable[Response]]:
    """One operation as a path operation, below whatever prefix and dependencies the host gives it."""

    async def operation(request: Request) -> Response:
        path = route.path.format(**request.path_params)
        try:
            reply = await door.exchange(request.scope, path, request.receive)
        except asgi.CallerGoneError:
            return Response(status_code=499)
        return Response(reply.body, reply.status, dict(asgi.headers(reply)))

    return operation
