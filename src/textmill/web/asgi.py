"""One exchange over ASGI: read the body, wait for the engine without holding the loop, answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from textmill.service import messages
from textmill.service.service import Service
from textmill.web.mailbox import Mailbox

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

DISCONNECT_SECONDS = 0.05
"""After this long it pays to look whether the caller is still there."""


class CallerGoneError(Exception):
    """Nobody waits for the reply any more."""


def endpoint(service: Service) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The whole contract as one ASGI app: no request object, no dependency solving."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        try:
            reply = await exchange(service, scope, path, receive)
        except CallerGoneError:
            return
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers(reply)]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.body})

    return answer


def headers(reply: messages.Reply) -> messages.Headers:
    """The reply's headers with those that HTTP needs."""
    length = ("content-length", str(len(reply.body)))
    return (*reply.headers, length, *((("connection", "close"),) if reply.close else ()))


async def exchange(service: Service, scope: Scope, path: str, receive: Receive) -> messages.Reply:
    """The reply to a request.

    Raises:
        CallerGoneError: there is nobody to send it to.
    """
    limits = service.settings.limits
    try:
        async with asyncio.timeout(limits.body_seconds):
            body = await _read(receive, limits.body_bytes)
    except TimeoutError:
        body = None
    peer = scope["client"][0] if scope.get("client") else None
    begun = service.begin(messages.Request(scope["method"], path, _lookup(scope), body, peer))
    await _wait(service, begun, receive)
    return service.finish(begun)


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
