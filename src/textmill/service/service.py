"""The service: from a request to its reply, on plain values.

An adapter calls `begin`, waits for the exchange's future in its own way, and calls `finish`.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TypeAlias

from textmill.contracts.base import MODEL_NAME
from textmill.contracts.routes import ROUTES, Route, closed
from textmill.engine.engine import Engine
from textmill.errors import DeadlineExceededError, OverloadedError, RateLimitedError
from textmill.security.issuer import Issuer
from textmill.service.access import Access
from textmill.service.authorization import Authorization
from textmill.service.cors import Cors
from textmill.service.information import Information
from textmill.service.messages import Exchange, Headers, Pending, Reply, Request
from textmill.service.predictions import Predictions
from textmill.service.problems import problem_reply
from textmill.service.routing import Match, Router
from textmill.settings import Settings

Operation: TypeAlias = Callable[[Request, str], Pending | Reply]

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""The ids taken over from callers; anything else could forge a log line."""
SAFE: Headers = (("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"))
"""What every reply tells browsers."""


class Service:
    """All operations of the contract over one engine.

    Args:
        settings: read once; changing them takes a new service.
        engine: started and closed by this service.
        access: decides who may do what; None lets everybody do everything.
        issuer: gives tokens to holders of keys; None gives none.
        in_flight: how many exchanges may wait for the engine at once; None leaves it to the engine's queues.

    Attributes:
        secured: whether callers must show who they are.
        routes: those of the contract that are served.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        *,
        access: Access | None = None,
        issuer: Issuer | None = None,
        in_flight: int | None = None,
    ) -> None:
        self.settings = settings
        self.secured = settings.security.auth == "required"
        self.engine = engine
        self._access = access
        self._in_flight = in_flight
        self._waiting: set[int] = set()
        self._started = False
        self._id = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self._information = Information(engine, settings, access.troubles if access else list)
        self._predictions = Predictions(engine, settings)
        self.routes = _served(settings, issuing=issuer is not None)
        self._router = Router(self.routes)
        homes = [self._information, self._predictions, *([Authorization(issuer)] if issuer else [])]
        self._operations = _operations(self.routes, homes)
        self._scopes = {route.operation: route.scope for route in self.routes}
        self._counted = {route.operation for route in self.routes if RateLimitedError in route.problems}
        self._cors = Cors(settings.security.cors_origins) if settings.security.cors_origins else None
        self._always = (*SAFE, *_transport(settings), *_unnamed(settings))

    def start(self) -> None:
        """Begin to load the models, and return at once; a second call does nothing."""
        if not self._started:
            self._started = True
            self.engine.start()
            if self._access is not None:
                self._access.start()

    def begin_drain(self) -> None:
        """Tell balancers to leave: readiness fails from now on, while requests are still answered."""
        self._information.draining = True

    def close(self) -> None:
        """Finish what was accepted, for at most the settings' drain time, then stop."""
        self.begin_drain()
        self.engine.close(self.settings.server.drain_seconds)
        if self._access is not None:
            self._access.close()

    def begin(self, request: Request) -> Exchange:
        """Find, check and start what a request asks for; never raises."""
        exchange = Exchange(self._request_id(request))
        try:
            answer = self._preflight(exchange, request) or self._answer(exchange, request)
        except Exception as error:  # noqa: BLE001 - the one boundary: `finish` turns it into a problem
            exchange.answer = error
        else:
            exchange.answer = answer
            if isinstance(answer, Pending):
                self._accept(exchange, answer)
        return exchange

    def finish(self, exchange: Exchange) -> Reply:
        """The reply of an exchange; what is not done by now is given up. Never raises."""
        self._end(exchange)
        try:
            reply = _reply(exchange)
        except Exception as error:  # noqa: BLE001 - the one boundary
            reply = problem_reply(error, exchange.request_id)
            error.__traceback__ = None  # its frames hold the exchange: a cycle, with the body in it
        own = ("x-request-id", exchange.request_id)
        granted = exchange.grant.headers if exchange.grant is not None else ()
        headers = (*reply.headers, *self._always, *exchange.headers, *granted, own)
        return Reply(reply.status, headers, reply.body, reply.close or self._information.draining)

    def _request_id(self, request: Request) -> str:
        """The caller's id where it is safe; else ours and a count (randomness is slow)."""
        asked = request.headers.get("x-request-id")
        if asked is not None and REQUEST_ID.fullmatch(asked):
            return asked
        return f"{self._id}{next(self._numbers):016x}"

    def _accept(self, exchange: Exchange, answer: Pending) -> None:
        """Let an exchange wait, or shed it where the server has no thread left to wait with."""
        if self._in_flight is not None:
            if len(self._waiting) >= self._in_flight:
                answer.future.cancel()
                exchange.answer = OverloadedError(
                    "All threads of this server are waiting for models; send the request again later.",
                    retry_after=1,
                )
                return
            self._waiting.add(id(exchange))
        exchange.patience = answer.deadline - self.engine.clock()

    def abandon(self, exchange: Exchange) -> None:
        """The caller is gone: what is not computed yet will not be."""
        self._end(exchange)
        if exchange.future is not None:
            exchange.future.cancel()

    def _preflight(self, exchange: Exchange, request: Request) -> Reply | None:
        """Where pages of others may call: what browsers are told of it, and what those get that only ask."""
        if self._cors is None:
            return None
        exchange.headers = self._cors.headers(request)
        return self._cors.preflight(request)

    def _answer(self, exchange: Exchange, request: Request) -> Pending | Reply:
        """What the operation answers, if the caller may ask it."""
        match = self._router.find(request.method, request.path)
        if self._access is not None and match.route.operation in self._counted:
            exchange.grant = request.grant = admission = self._access.admission(request)
            admission.arrive()
            if self._scopes[match.route.operation] is not None:
                admission.enter(lambda: self._scope(match))
        return self._operations[match.route.operation](request, match.parameter)

    def _scope(self, match: Match) -> str:
        """What it takes to ask for this; a name that cannot be a model's is never repeated."""
        scope = self._scopes[match.route.operation] or ""
        if scope != "predict":
            return scope
        task = match.route.model
        model = match.parameter if task is None else self._predictions.model_for(task)
        if model in self.engine.lanes:
            return f"predict:{model}"
        return f"predict:{model if re.fullmatch(MODEL_NAME, model) else '*'}"

    def _end(self, exchange: Exchange) -> None:
        """Nobody waits for it any more."""
        self._waiting.discard(id(exchange))
        if exchange.grant is not None:
            exchange.grant.leave()


def _served(settings: Settings, *, issuing: bool) -> tuple[Route, ...]:
    """The routes, with what each takes."""
    found = (route for route in ROUTES if issuing or route.feature != "oauth")
    return tuple(closed(route) if settings.security.docs == "closed" else route for route in found)


def _transport(settings: Settings) -> Headers:
    """What browsers are told about the connection."""
    seconds = settings.security.hsts_seconds
    return (("strict-transport-security", f"max-age={seconds}"),) if seconds else ()


def _unnamed(settings: Settings) -> Headers:
    """The server's name is nobody's business; granian leaves out its own only for another one."""
    return (("server", ""),) if settings.server.server == "granian" else ()


def _operations(routes: Sequence[Route], homes: Sequence[object]) -> dict[str, Operation]:
    """The operation of every route, by its name in the contract."""
    return {
        route.operation: next(
            getattr(home, route.operation) for home in homes if hasattr(home, route.operation)
        )
        for route in routes
    }


def _reply(exchange: Exchange) -> Reply:
    answer = exchange.answer
    if isinstance(answer, Reply):
        return answer
    if not isinstance(answer, Pending):
        raise answer if answer is not None else RuntimeError("the exchange was never begun")
    try:
        return answer.render(answer.future.result(timeout=0))
    except FutureTimeoutError:
        answer.future.cancel()
        raise DeadlineExceededError("The answer was not ready in time.", retry_after=1) from None
