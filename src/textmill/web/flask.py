"""Flask: an app of its own, and a blueprint for the apps of others."""

from __future__ import annotations

import atexit
import select
import socket
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

from flask import Blueprint, Flask, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import ClientDisconnected, HTTPException

from textmill.contracts.routes import ROUTES, Route
from textmill.service import messages
from textmill.service.service import Service
from textmill.web.slow_bodies import SlowBodies

LOOK_SECONDS = 0.5
"""How often to look whether the caller is still there."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def app(service: Service) -> Flask:
    """An app that serves the whole contract; the service starts with it and closes when Python ends."""
    host = Flask("textmill", static_folder=None)
    host.url_map.merge_slashes = False
    host.url_map.strict_slashes = True
    slow = SlowBodies(service.settings.limits.body_seconds)
    for path in {route.path for route in ROUTES}:
        host.add_url_rule(
            _rule(path), path, _everything(service, slow), methods=METHODS, provide_automatic_options=False
        )
    host.register_error_handler(HTTPException, _everything(service, slow))
    service.start()
    atexit.register(service.close)
    return host


def blueprint(service: Service, name: str = "textmill") -> Blueprint:
    """The contract's operations for `register_blueprint`; the service starts when it is registered."""
    included = Blueprint(name, __name__)
    slow = SlowBodies(service.settings.limits.body_seconds)
    for route in ROUTES:
        included.add_url_rule(
            _rule(route.path), route.operation, _operation(service, slow, route), methods=[route.method]
        )

    @included.record_once
    def start(_: BlueprintSetupState) -> None:
        service.start()
        atexit.register(service.close)

    return included


def _rule(path: str) -> str:
    return path.replace("{", "<").replace("}", ">")


def _everything(service: Service, slow: SlowBodies) -> Callable[..., Response]:
    """Answer any request, also one that Flask found no route or method for."""

    def view(_error: object = None, **_parameters: str) -> Response:
        return _exchange(service, slow, request.path)

    return view


def _operation(service: Service, slow: SlowBodies, route: Route) -> Callable[..., Response]:
    """One operation, below whatever prefix the host gives it."""

    def view(**parameters: str) -> Response:
        return _exchange(service, slow, route.path.format(**parameters))

    return view


def _exchange(service: Service, slow: SlowBodies, path: str) -> Response:
    headers = {name.lower(): value for name, value in request.headers}
    body = _read(slow, service.settings.limits.body_bytes)
    exchange = service.begin(messages.Request(request.method, path, headers, body, request.remote_addr))
    _wait(service, exchange)
    reply = service.finish(exchange)
    return Response(reply.body, reply.status, list(reply.headers))


def _read(slow: SlowBodies, limit: int) -> bytes | None:
    """The body, or a little more than the limit of it; None when it did not arrive in time."""
    with slow.watch(request.environ.get("gunicorn.socket")) as read:
        try:
            body = request.stream.read(limit + 1)
        except (ClientDisconnected, OSError):
            return None
    return None if read.ended else body  # an ended read looks like a short body to gunicorn


def _wait(service: Service, exchange: messages.Exchange) -> None:
    """Wait for the engine, and look from time to time whether the caller is still there."""
    left = exchange.patience
    while exchange.future is not None and not exchange.future.done() and left > 0:
        try:
            exchange.future.exception(timeout=min(LOOK_SECONDS, left))
        except CancelledError:
            return
        except TimeoutError:
            left -= LOOK_SECONDS
            if _caller_left(request.environ):
                service.abandon(exchange)


def _caller_left(environ: dict[str, Any]) -> bool:
    """Whether the connection was closed from the other side (known under gunicorn only)."""
    connection = environ.get("gunicorn.socket")
    if connection is None:
        return False
    try:
        readable = select.select([connection], [], [], 0)[0]
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):  # ValueError: a TLS socket cannot peek, a closed one cannot be waited for
        return False
