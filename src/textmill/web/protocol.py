"""A uvicorn protocol that answers plain requests itself.

uvicorn makes a scope, a task and a cycle for every request, which costs more than a cheap answer does. Here
a plain request goes to the service straight from its connection; what is not plain goes uvicorn's own way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from textmill.service.messages import Exchange, Request
from textmill.service.service import Service
from textmill.web import express
from textmill.web.desk import Row
from textmill.web.fastapi import ContractApp
from textmill.web.mailbox import Mailbox
from textmill.web.slow_heads import PunctualHeads
from textmill.web.slow_readers import PunctualReaders

logger = logging.getLogger(__name__)

MOST_WAITING = 1000
"""Requests of a connection that may wait for the one before: each takes two kilobytes, for twenty sent."""


class Wait:
    """An exchange that waits for a model.

    Args:
        done: called once, when the answer is there or the patience is over.
    """

    def __init__(self, service: Service, exchange: Exchange, done: Callable[[], None]) -> None:
        self._service = service
        self._exchange = exchange
        self._done = done
        if exchange.future is None:
            raise ValueError("This exchange has nothing to wait for.")
        self._waiter = Mailbox.current().waiter(exchange.future)
        self._waiter.add_done_callback(self._end)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0.0, exchange.patience), self._waiter.cancel)

    def leave(self) -> None:
        """The caller is gone."""
        self._waiter.remove_done_callback(self._end)
        self._waiter.cancel()
        self._timer.cancel()
        self._service.abandon(self._exchange)

    def _end(self, _: object) -> None:
        self._timer.cancel()
        self._done()


class PromptProtocol(PunctualHeads, PunctualReaders, HttpToolsProtocol):  # type: ignore[misc]  # a transport is narrower than its base
    """uvicorn's protocol, without uvicorn's machinery for what needs none.

    At any moment a connection is either uvicorn's or ours: a plain request is taken only where nothing of an
    earlier one is left, and what arrives behind it waits until it is answered.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._contract = contract(config)
        if isinstance(config.loaded_app, ContractApp):
            limits = config.loaded_app.service.settings.limits
            self.head_seconds, self.reply_seconds = limits.head_seconds, limits.reply_seconds
        self._row = _row()
        self._begun: RequestResponseCycle | None = None  # the request that uvicorn answers at present
        self._reading = False  # whether uvicorn's parser is inside a request
        self._busy = False  # from our request's arrival until its answer is sent
        self._stalled = False  # from then on until the answer is read, where it is read slowly
        self._wait: Wait | None = None
        self._early = b""  # what arrived behind our request
        self._last = False  # whether our answer ends the connection
        self._used = 0.0

    # What the transport and the server call.

    def data_received(self, data: bytes) -> None:
        """Take a plain request, or leave it to uvicorn."""
        if self._busy or self._stalled:
            self._early += data
            self.flow.pause_reading()
        elif (taken := self._plain(data)) is None:
            super().data_received(data)
        else:
            self._busy = True
            self.head_arrived()
            self._row.add(taken)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits for an answer any more."""
        self._give_up()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        if self._wait is not None:
            self._wait.leave()
            self._wait = None

    def shutdown(self) -> None:
        """Close; where our answer is to come, after it."""
        self._last = True
        if not self._busy:
            super().shutdown()

    def resume_writing(self) -> None:
        """A slow reader has read."""
        super().resume_writing()
        if self._stalled:
            self._go_on()

    def timeout_keep_alive_handler(self) -> None:
        """Close what was idle for so long. It may be called early: one timer serves many requests."""
        left = self._used + self.timeout_keep_alive - self.loop.time()
        if self._busy or self._stalled:
            left = self.timeout_keep_alive
        if left > 0 and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    # What uvicorn's parser calls.

    def on_message_begin(self) -> None:
        """A request that uvicorn reads has begun.

        Raises:
            ValueError: too many wait already; uvicorn refuses it and ends the connection.
        """
        if len(self.pipeline) >= MOST_WAITING:
            raise ValueError("too many requests at once")
        self._reading = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """It has arrived."""
        self._reading = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is malformed ends the connection; nobody waits for what was asked before."""
        self._give_up()
        super().send_400_response(msg)

    def _give_up(self) -> None:
        """Nobody reads what uvicorn's own requests will answer; it tells only the last of them itself."""
        for cycle in (self._begun, self.cycle, *(waiting for waiting, _ in self.pipeline)):
            if cycle is not None:
                cycle.disconnected = True
                cycle.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._begun = cycle
        super()._start_asgi_task(cycle, app)

    def _unsupported_upgrade_warning(self) -> None:
        """Another protocol is asked for: uvicorn has dropped what came behind, so nothing more is read."""
        self.cycle.keep_alive = False

    # Our own requests.

    def _plain(self, data: bytes) -> Taken | None:
        app = self._contract
        if app is None or self._reading or app.is_extended():
            return None
        if self.cycle is not None and not self.cycle.response_complete:
            return None
        request = express.read(data, self.client[0] if self.client else None)
        return None if request is None else (self, app.service, request)

    def begin(self, service: Service, request: Request) -> bytes | None:
        """The answer; None where it is sent later, or nobody is there any more."""
        if self.transport.is_closing():
            return None
        exchange = service.begin(request)
        if exchange.future is None:
            return self._finish(service, request, exchange)
        self._wait = Wait(service, exchange, lambda: self._late(service, request, exchange))
        return None

    def send(self, answer: bytes) -> None:
        """Send an answer; the connection is free then, once it is read."""
        if self.transport.is_closing():
            return
        self._busy = False
        self._used = self.loop.time()
        self.server_state.total_requests += 1
        self.transport.write(answer)
        if self._last:
            self.transport.close()
        else:
            self._go_on()

    def _late(self, service: Service, request: Request, exchange: Exchange) -> None:
        self._wait = None
        answer = _guarded(self, self._finish, service, request, exchange)
        if answer is not None:
            self.send(answer)

    def _finish(self, service: Service, request: Request, exchange: Exchange) -> bytes:
        reply = service.finish(exchange)
        self._last = self._last or reply.close
        return express.write(reply, close=self._last, head_only=request.method == "HEAD")

    def _go_on(self) -> None:
        """Read what comes next, unless the answers so far are not read."""
        self._stalled = self.flow.write_paused
        if self._stalled:
            self.flow.pause_reading()
            return
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        self.flow.resume_reading()
        early, self._early = self._early, b""
        if early:
            self.data_received(early)


Taken: TypeAlias = tuple[PromptProtocol, Service, Request]
"""A plain request, where it came from, and who answers it."""


def contract(config: Config) -> ContractApp | None:
    """The app whose plain requests need nothing of uvicorn's; None where uvicorn was told to do more."""
    app = config.loaded_app
    more = config.limit_concurrency is not None or config.access_log or config.encoded_headers
    return app if isinstance(app, ContractApp) and config.date_header and not more else None


def _row() -> Row[Taken]:
    """That of the running loop."""
    loop = asyncio.get_running_loop()
    row = _rows.get(loop)
    if row is None:
        row = _rows[loop] = Row(_deal)
    return row


def _deal(taken: Sequence[Taken]) -> None:
    """Compute all answers in a row, then send them."""
    answers = [(each, _guarded(each, each.begin, service, request)) for each, service, request in taken]
    for connection, answer in answers:
        if answer is not None:
            connection.send(answer)


def _guarded(
    connection: PromptProtocol, work: Callable[..., bytes | None], *arguments: object
) -> bytes | None:
    """An answer; nothing that goes wrong with one is another's."""
    try:
        return work(*arguments)
    except Exception as error:  # noqa: BLE001 - its message may hold a text
        logger.warning("A request failed with %s; its connection is closed.", type(error).__name__)
        connection.transport.abort()
        return None


_rows: WeakKeyDictionary[asyncio.AbstractEventLoop, Row[Taken]] = WeakKeyDictionary()
