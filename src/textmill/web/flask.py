"""Flask: an app of its own, and a blueprint for the apps of others."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Blueprint, Flask, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException

from textmill.contracts.routes import ROUTES, Route
from textmill.service.service import Service
from textmill.web import wsgi

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PATHS = frozenset(route.path for route in ROUTES)


class ContractApp(Flask):
    """Flask, with the whole contract on its paths.

    As long as nobody adds a route or hooks into its requests, nothing of Flask's own has work to do on a
    request, so it is left out.

    Attributes:
        service: answers everything.
    """

    def __init__(self, service: Service) -> None:
        super().__init__("textmill", static_folder=None)
        self.service = service
        self.url_map.merge_slashes = False
        self._door = wsgi.Door(service)
        everything = _everything(self._door)
        for path in PATHS:
            self.add_url_rule(_rule(path), path, everything, methods=METHODS, provide_automatic_options=False)
        self.register_error_handler(HTTPException, everything)

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if self.is_extended():
            return super().wsgi_app(environ, start_response)
        reply = self._door.finish(self._door.begin(environ), environ)
        start_response(wsgi.STATUSES[reply.status], [*reply.headers, *reply.length])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else reply.body]

    def is_extended(self) -> bool:
        """Whether there is anything on it, or around it, but the contract."""
        hooks = self.before_request_funcs or self.after_request_funcs or self.teardown_request_funcs
        if hooks or self.teardown_appcontext_funcs or "wsgi_app" in vars(self):
            return True
        return len(self.view_functions) > len(PATHS)


def app(service: Service) -> Flask:
    """An app that serves the whole contract; the service starts with it and closes when Python ends."""
    host = ContractApp(service)
    service.start()
    atexit.register(service.close)
    return host


def blueprint(service: Service, name: str = "textmill") -> Blueprint:
    """The contract's operations for `register_blueprint`; the service starts when it is registered."""
    included = Blueprint(name, __name__)
    door = wsgi.Door(service)
    for route in service.routes:
        included.add_url_rule(
            _rule(route.path), route.operation, _operation(door, route), methods=[route.method]
        )

    @included.record_once
    def start(_: BlueprintSetupState) -> None:
        service.start()
        atexit.register(service.close)

    return included


def _rule(path: str) -> str:
    return path.replace("{", "<").replace("}", ">")


def _everything(door: wsgi.Door) -> Callable[..., Response]:
    """Answer any request, also one that Flask found no route or method for."""

    def view(_error: object = None, **_parameters: str) -> Response:
        return _response(door)  # not `request.path`, which takes `//predict` for `/predict`

    return view


def _operation(door: wsgi.Door, route: Route) -> Callable[..., Response]:
    """One operation, below whatever prefix the host gives it."""

    def view(**parameters: str) -> Response:
        return _response(door, route.path.format(**parameters))

    return view


def _response(door: wsgi.Door, path: str | None = None) -> Response:
    environ = request.environ
    reply = door.finish(door.begin(environ, path), environ)
    return Response(reply.body, reply.status, list(reply.headers))
