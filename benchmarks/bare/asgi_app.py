"""The limit: a constant answer, with no framework, no validation and no model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]

BODY = b'{"sentiment":"positive"}'
START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())],
}
END: Message = {"type": "http.response.body", "body": BODY}


async def app(scope: Message, _receive: object, send: Callable[[Message], Awaitable[None]]) -> None:
    """Answer every HTTP request with the same bytes; the body is not even read."""
    if scope["type"] == "http":
        await send(START)
        await send(END)
