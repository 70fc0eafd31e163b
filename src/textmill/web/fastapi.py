"""FastAPI: an app of its own, and a router for the apps of others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.types import Receive, Scope, Send

from textmill.contracts.routes import ROUTES, Route
from textmill.service import messages, openapi
from textmill.service.service import Service
from textmill.web.draining import drain_on_sigterm
from textmill.web.mailbox import Mailbox

DISCONNECT_SECONDS = 0.05
"""After this long it pays to look whether the caller is still there."""


class CallerGoneError(Exception):
    """Nobody waits for the reply any more."""


def app(service: Service) -> FastAPI:
    """An app that serves the whole contract, and starts and closes the service.

    Routes that are added to it come first; everything else is the service's, down to the 404.
    """
    host = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=_lifespan(service)
    )
    host.router.default = _endpoint(service)
    return host


def router(service: Service) -> APIRouter:
    """The contract's operations for `include_router`; they show in the host's own documentation."""
    included = APIRouter(lifespan=_lifespan(service))
    for route in ROUTES:
        included.add_api_route(
            route.path,
            _operation(service, route),
            methods=[route.method],
            summary=route.summary,
            tags=[route.tag],
            operation_id=route.operation,
            include_in_schema=route.documented,
            response_class=Response,
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


def _endpoint(service: Service) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The whole contract as one ASGI app: no request object, no dependency solving."""

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        try:
            reply = await _exchange(service, scope, path, receive)
        except CallerGoneError:
            return
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in _headers(reply)]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    return endpoint


def _operation(service: Service, route: Route) -> Callable[[Request], Awaitable[Response]]:
    """One operation as a path operation, below whatever prefix and dependencies the host gives it."""

    async def operation(request: Request) -> Response:
        path = route.path.format(**request.path_params)
        try:
            reply = await _exchange(service, request.scope, path, request.receive)
        except CallerGoneError:
            return Response(status_code=499)
        return Response(reply.body, reply.status, dict(_headers(reply)))

    return operation


def _headers(reply: messages.Reply) -> messages.Headers:
    length = ("content-length", str(len(reply.body)))
    return (*reply.headers, length, *((("connection", "close"),) if reply.close else ()))


async def _exchange(service: Service, scope: Scope, path: str, receive: Receive) -> messages.Reply:
    limits = service.settings.limits
    try:
        async with asyncio.timeout(limits.body_seconds):
            body = await _read(receive, limits.body_bytes)
    except TimeoutError:
        body = None
    peer = scope["client"][0] if scope.get("client") else None
    exchange = service.begin(messages.Request(scope["method"], path, _lookup(scope), body, peer))
    await _wait(service, exchange, receive)
    return service.finish(exchange)


def _lookup(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1")
        found[name] = f"{found[name]},{value.decode('latin-1')}" if name in found else value.decode("latin-1")
    return found


async def _read(receive: Receive, limit: int) -> bytes:
    """The body, or a little more than the limit of it."""
    chunks: list[bytes] = []
    size = 0
    while size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGoneError
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if not message.get("more_body"):
            break
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _wait(service: Service, exchange: messages.Exchange, receive: Receive) -> None:
    """Wait for the engine; after a while also for the caller's leaving."""
    if exchange.future is None or exchange.future.done():
        return
    waiter = Mailbox.current().waiter(exchange.future)
    timer = asyncio.get_running_loop().call_later(DISCONNECT_SECONDS, _wake, waiter)
    await waiter
    timer.cancel()
    if not exchange.future.done():
        await _wait_or_leave(service, exchange, receive)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


async def _wait_or_leave(service: Service, exchange: messages.Exchange, receive: Receive) -> None:
    if exchange.future is None:
        return
    waiter = Mailbox.current().waiter(exchange.future)
    leaving: asyncio.Future[Any] = asyncio.ensure_future(receive())
    try:
        both: tuple[asyncio.Future[Any], ...] = (waiter, leaving)
        await asyncio.wait(both, timeout=exchange.patience, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
    if leaving.done() and not leaving.cancelled() and not exchange.future.done():
        service.abandon(exchange)
        raise CallerGoneError
