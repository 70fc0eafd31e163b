"""The service: from a request to its reply, on plain values.

An adapter calls `begin`, waits for the exchange's future in its own way, and calls `finish`.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TypeAlias

from textmill.contracts.routes import ROUTES
from textmill.engine.engine import Engine
from textmill.errors import DeadlineExceededError, OverloadedError
from textmill.service.information import Information
from textmill.service.messages import Exchange, Pending, Reply, Request
from textmill.service.predictions import Predictions
from textmill.service.problems import problem_reply
from textmill.service.routing import Router
from textmill.settings import Settings

Operation: TypeAlias = Callable[[Request, str], Pending | Reply]

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""The ids taken over from callers; anything else could forge a log line."""


class Service:
    """All operations of the contract over one engine.

    Args:
        settings: read once; changing them takes a new service.
        engine: started and closed by this service.
        in_flight: how many exchanges may wait for the engine at once; None leaves it to the engine's queues.
    """

    def __init__(self, settings: Settings, engine: Engine, *, in_flight: int | None = None) -> None:
        self.settings = settings
        self.engine = engine
        self._in_flight = in_flight
        self._waiting: set[int] = set()
        self._started = False
        self._id = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self._information = Information(engine)
        self._router = Router(ROUTES)
        self._operations = _operations(self._information, Predictions(engine, settings))

    def start(self) -> None:
        """Begin to load the models, and return at once; a second call does nothing."""
        if not self._started:
            self._started = True
            self.engine.start()

    def begin_drain(self) -> None:
        """Tell balancers to leave: readiness fails from now on, while requests are still answered."""
        self._information.draining = True

    def close(self) -> None:
        """Finish what was accepted, for at most the settings' drain time, then stop."""
        self.begin_drain()
        self.engine.close(self.settings.server.drain_seconds)

    def begin(self, request: Request) -> Exchange:
        """Find, check and start what a request asks for; never raises."""
        exchange = Exchange(self._request_id(request))
        try:
            match = self._router.find(request.method, request.path)
            answer = self._operations[match.route.operation](request, match.parameter)
        except Exception as error:  # noqa: BLE001 - the one boundary: `finish` turns it into a problem
            exchange.answer = error
        else:
            exchange.answer = answer
            if isinstance(answer, Pending):
                self._accept(exchange, answer)
        return exchange

    def finish(self, exchange: Exchange) -> Reply:
        """The reply of an exchange; what is not done by now is given up. Never raises."""
        self._waiting.discard(id(exchange))
        try:
            reply = _reply(exchange)
        except Exception as error:  # noqa: BLE001 - the one boundary
            reply = problem_reply(error, exchange.request_id)
            error.__traceback__ = None  # its frames hold the exchange: a cycle, with the body in it
        headers = (*reply.headers, ("x-request-id", exchange.request_id))
        return Reply(reply.status, headers, reply.body, reply.close or self._information.draining)

    def _request_id(self, request: Request) -> str:
        """The caller's id where it is safe; else ours and a count (randomness is slow)."""
        asked = request.headers.get("x-request-id")
        if asked is not None and REQUEST_ID.fullmatch(asked):
            return asked
        return f"{self._id}{next(self._numbers):016x}"

    def _accept(self, exchange: Exchange, answer: Pending) -> None:
        """Let an exchange wait, or shed it where the server has no thread left to wait with."""
        if self._in_flight is not None and len(self._waiting) >= self._in_flight:
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
        self._waiting.discard(id(exchange))
        if exchange.future is not None:
            exchange.future.cancel()


def _operations(information: Information, predictions: Predictions) -> dict[str, Operation]:
    """The operation of every route, by its name in the contract."""
    homes = (information, predictions)
    return {
        route.operation: next(
            getattr(home, route.operation) for home in homes if hasattr(home, route.operation)
        )
        for route in ROUTES
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
