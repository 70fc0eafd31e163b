"""One exchange over ASGI: read the body, wait for the engine without holding the loop, answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from textmill.service import messages
from textmill.service.service import Service
from textmill.web.desk import Desk
from textmill.web.mailbox import Mailbox
from textmill.web.reads import Reads

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

DISCONNECT_SECONDS = 0.05
"""After this long it pays to look whether the caller is still there."""


class CallerGoneError(Exception):
    """Nobody waits for the reply any more."""


class Door:
    """Where requests over ASGI come in: no request object, no dependency solving."""

    def __init__(self, service: Service) -> None:
        self._service = service
        limits = service.settings.limits
        self._body_bytes, self._body_seconds = limits.body_bytes, limits.body_seconds
        self._desk: Desk[messages.Request, messages.Reply | messages.Exchange] = Desk(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The whole contract as one ASGI app."""
        if scope["type"] != "http":
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        try:
            reply = await self.exchange(scope, path, receive)
        except CallerGoneError:
            return
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers(reply)]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.body})

    async def exchange(self, scope: Scope, path: str, receive: Receive) -> messages.Reply:
        """The reply to a request.

        Raises:
            CallerGoneError: there is nobody to send it to.
        """
        body = await Reads.current(self._body_seconds).within(_read(receive, self._body_bytes))
        peer = scope["client"][0] if scope.get("client") else None
        answer = await self._desk.enter(messages.Request(scope["method"], path, _lookup(scope), body, peer))
        if isinstance(answer, messages.Reply):
            return answer
        try:
            await _wait(self._service, answer, receive)
        except asyncio.CancelledError:  # a host's time limit, or its end
            self._service.abandon(answer)
            raise
        return self._service.finish(answer)

    def _answer(self, request: messages.Request) -> messages.Reply | messages.Exchange:
        """The reply, where nothing is to wait for."""
        begun = self._service.begin(request)
        return self._service.finish(begun) if begun.future is None else begun


def headers(reply: messages.Reply) -> messages.Headers:
    """The reply's headers with those that HTTP needs."""
    return (*reply.headers, *reply.length, *((("connection", "close"),) if reply.close else ()))


def _lookup(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1")
        found[name] = f"{found[name]},{value.decode('latin-1')}" if name in found else value.decode("latin-1")
    return found


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The body, or a little more than the limit of it; None where it breaks off."""
    chunks: list[bytes] = []
    size = 0
    while size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None  # granian says so of chunks that cannot be read too, and their caller is still there
        chunk: bytes = message.get("body", b"")
        if not message.get("more_body") and not chunks:
            return chunk  # the usual case: it came with the headers
        chunks.append(chunk)
        size += len(chunk)
        if not message.get("more_body"):
            break
    return b"".join(chunks)


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
