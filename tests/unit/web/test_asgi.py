"""One exchange over ASGI, where the app around it ends it; the model is a fake one."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.unit.web.test_protocol import Site, entered, site, until
from textmill.web import asgi

SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/predict",
    "headers": [(b"content-type", b"application/json")],
    "client": ("192.0.2.1", 5000),
}


async def ask(door: asgi.Door, text: str) -> int:
    """The status of a call."""
    body = json.dumps({"text": text}).encode()
    sent = [{"type": "http.request", "body": body}]

    async def receive() -> dict[str, Any]:
        return sent.pop() if sent else await asyncio.Event().wait()  # type: ignore[return-value]  # never ends

    return (await door.exchange(SCOPE, "/predict", receive)).status


@pytest.mark.parametrize("seconds", [0.0, asgi.DISCONNECT_SECONDS * 2])
def test_what_the_app_around_it_ends_is_not_computed(seconds: float) -> None:
    """A time limit of a host's middleware, early or late: the waiting call is given up at once."""

    async def main(place: Site) -> None:
        door = asgi.Door(place.app.service)
        first = asyncio.create_task(ask(door, "first"))
        await entered(place.executor)
        second = asyncio.create_task(ask(door, "ended"))
        await until(lambda: place.app.service.engine.lanes["fake"]._queue)
        await asyncio.wait([second], timeout=seconds)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        place.executor.gate.set()
        assert 200 == await first
        assert 200 == await ask(door, "last")

    with site("thread") as place:
        place.executor.gate.clear()
        asyncio.run(main(place))
        assert [["first"], ["last"]] == place.executor.batches
        assert set() == place.app.service._waiting
